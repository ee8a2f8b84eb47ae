"""Draws from a normal distribution on the line, the smallest data set a GAN can learn."""

from dataclasses import dataclass

import torch

from ganzoo.datasets.base import DataFolders, DrawCount, Samples, Seed, Split
from ganzoo.options import PositiveFloat
from ganzoo.spec import DataSpec


@dataclass(frozen=True)
class Gaussian:
    """Independent draws from N(mean, sd)."""

    size: int
    mean: float
    sd: float
    seed: int

    @property
    def spec(self) -> DataSpec:
        """One unbounded number a sample, no classes."""
        return DataSpec((1,), None, None, self.size)

    def load(self, split: Split) -> Samples | None:
        """The draws (size, 1), the same for the same seed; there is no test split."""
        if split != "train":
            return None
        generator = torch.Generator().manual_seed(self.seed)
        return Samples(self.mean + self.sd * torch.randn(self.size, 1, generator=generator))


def gaussian(
    folders: DataFolders,
    *,
    size: DrawCount = 1000,
    mean: float = 0.0,
    sd: PositiveFloat = 1.0,
    seed: Seed = 0,
) -> Gaussian:
    """Draws from the normal distribution N(mean, sd) on the line, made in memory."""
    return Gaussian(size, mean, sd, seed)
