"""Small tasks made of digits, joined along channels: source, then target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ganzoo import registry
from ganzoo.datasets.base import DataFolders, Dataset, Samples, Seed, Split
from ganzoo.spec import DataSpec

Digits = Literal["mnist", "mnist-5k", "fashion-mnist"]


@dataclass(frozen=True)
class Paired:
    """Each picture, and what a function makes of it as its source."""

    pictures: Dataset
    source: Callable[[Tensor], Tensor]

    @property
    def spec(self) -> DataSpec:
        """2x28x28 uint8 pixels with the classes of the pictures."""
        known = self.pictures.spec
        return DataSpec((2, 28, 28), known.value_range, known.classes, known.size)

    def load(self, split: Split) -> Samples | None:
        """The pairs of a split, where the pictures have it. Raises DataError."""
        loaded = self.pictures.load(split)
        if loaded is None:
            return None
        return Samples(torch.cat((self.source(loaded.values), loaded.values), 1), loaded.labels)


@dataclass(frozen=True)
class Unpaired:
    """Every second picture, joined with what a function makes of others; pairs of the test split are true."""

    pictures: Dataset
    target: Callable[[Tensor], Tensor]
    seed: int

    @property
    def spec(self) -> DataSpec:
        """2x28x28 uint8 pixels, no classes."""
        return DataSpec((2, 28, 28), self.pictures.spec.value_range, None, self.pictures.spec.size // 2)

    def load(self, split: Split) -> Samples | None:
        """Pictures of both sides; none is on both in training. Raises DataError."""
        loaded = self.pictures.load(split)
        if loaded is None:
            return None
        values = loaded.values
        if split == "test":
            return Samples(torch.cat((values, self.target(values)), 1))
        sources, others = values[::2][: self.spec.size], values[1::2]
        order = torch.randperm(len(others), generator=torch.Generator().manual_seed(self.seed))
        return Samples(torch.cat((sources, self.target(others[order])), 1))


def edges(digits: Tensor) -> Tensor:
    """The pixels of digits (N, 1, H, W) uint8 that are bright and have a dark neighbour, as 255."""
    dark = (digits <= 127).float()
    near = max_pool2d(dark, 3, 1, 1)
    return ((1 - dark) * near * 255).to(torch.uint8)


def edges_to_digits(folders: DataFolders, *, digits: Digits = "mnist") -> Paired:
    """Edges to digits: paired, the outline of a digit and the digit, 28 x 28 grey each."""
    return Paired(_of(folders, digits), edges)


def digits_to_inverted(folders: DataFolders, *, digits: Digits = "mnist", seed: Seed = 0) -> Unpaired:
    """Digits to inverted: unpaired, digits and other digits, dark on bright, 28 x 28 grey each."""
    return Unpaired(_of(folders, digits), lambda values: 255 - values, seed)


def _of(folders: DataFolders, name: str) -> Dataset:
    made: Dataset = registry.find("datasets", f"ganzoo/{name}").load()(folders)
    return made
