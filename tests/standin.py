"""Small random data sets with the shape, range and classes of real ones: typed as `standin:digits`."""

from dataclasses import dataclass

import torch

from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.spec import DataSpec


@dataclass(frozen=True)
class Standin:
    """Random samples that keep the promise of a spec; no test split."""

    spec: DataSpec
    seed: int = 0

    def load(self, split: Split) -> Samples | None:
        if split != "train":
            return None
        source = torch.Generator().manual_seed(self.seed)
        size, shape = self.spec.size, self.spec.shape
        if self.spec.value_range is None:
            values = torch.randn(size, *shape, generator=source)
        elif self.spec.value_range == (0, 255):
            values = torch.randint(256, (size, *shape), generator=source, dtype=torch.uint8)
        else:
            low, high = self.spec.value_range
            values = low + (high - low) * torch.rand(size, *shape, generator=source)
        if self.spec.classes is None:
            return Samples(values)
        return Samples(values, torch.randint(self.spec.classes, (size,), generator=source))


def digits(folders: DataFolders, *, size: int = 40, seed: int = 0) -> Standin:
    """Like MNIST and Fashion-MNIST."""
    return Standin(DataSpec((1, 28, 28), (0, 255), 10, size), seed)


def pictures(
    folders: DataFolders, *, side: int = 8, channels: int = 3, classes: int | None = None, size: int = 40
) -> Standin:
    """Colour pictures of any size."""
    return Standin(DataSpec((channels, side, side), (0, 255), classes, size))


def points(
    folders: DataFolders, *, features: int = 2, classes: int | None = None, size: int = 40, seed: int = 0
) -> Standin:
    """Unbounded vectors."""
    return Standin(DataSpec((features,), None, classes, size), seed)


def shares(folders: DataFolders, *, size: int = 40) -> Standin:
    """Pictures that are stored as float32 in [0, 1]."""
    return Standin(DataSpec((1, 4, 4), (0.0, 1.0), 3, size))
