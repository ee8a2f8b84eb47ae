"""Mixtures of Gaussians in the plane, made to count modes (Lin et al., 2018, arXiv:1712.04086)."""

import itertools
import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ganzoo.datasets.base import DataFolders, DrawCount, Modes, Samples, Seed, Split
from ganzoo.options import Bounds, PositiveFloat
from ganzoo.spec import DataSpec

ModeCount = Annotated[int, Bounds(1, 10_000)]


def ring_centres(modes: int = 8, radius: float = 1.0) -> Tensor:
    """The centres (modes, 2) of a ring: evenly spaced on a circle around 0, the first at (radius, 0)."""
    angles = [2 * math.pi * mode / modes for mode in range(modes)]
    return torch.tensor([[radius * math.cos(angle), radius * math.sin(angle)] for angle in angles])


def grid_centres() -> Tensor:
    """The 25 centres (25, 2) of the grid {-4, -2, 0, 2, 4} x {-4, -2, 0, 2, 4}, row by row."""
    return torch.tensor(list(itertools.product((-4.0, -2.0, 0.0, 2.0, 4.0), repeat=2)))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Draws from equally likely round Gaussians with standard deviation `sd` around `centres` (modes, 2)."""

    centres: Tensor
    sd: float
    size: int
    seed: int

    @property
    def spec(self) -> DataSpec:
        """Two unbounded numbers a sample; the classes are the modes."""
        return DataSpec((2,), None, len(self.centres), self.size)

    @property
    def modes(self) -> Modes:
        """The Gaussians, for metrics that count them."""
        return Modes(self.centres, self.sd)

    def load(self, split: Split) -> Samples | None:
        """The draws (size, 2) and the mode of each, the same for the same seed; there is no test split."""
        if split != "train":
            return None
        generator = torch.Generator().manual_seed(self.seed)
        modes = torch.randint(len(self.centres), (self.size,), generator=generator)
        noise = torch.randn(self.size, 2, generator=generator)
        return Samples(self.centres[modes] + self.sd * noise, modes)


def ring(
    folders: DataFolders,
    *,
    size: DrawCount = 100_000,
    sd: PositiveFloat = 0.01,
    modes: ModeCount = 8,
    radius: PositiveFloat = 1.0,
    seed: Seed = 0,
) -> Mixture:
    """Ring of 8 Gaussians in the plane, made in memory (as in Lin et al., 2018, arXiv:1712.04086)."""
    return Mixture(ring_centres(modes, radius), sd, size, seed)


def grid(
    folders: DataFolders, *, size: DrawCount = 100_000, sd: PositiveFloat = 0.05, seed: Seed = 0
) -> Mixture:
    """Grid of 25 Gaussians in the plane, made in memory (as in Lin et al., 2018, arXiv:1712.04086)."""
    return Mixture(grid_centres(), sd, size, seed)
