"""Stacked MNIST: three digits as channels of a picture, 1,000 modes (Metz et al., 2017, arXiv:1611.02163)."""

from dataclasses import dataclass
from typing import Annotated

import torch

from ganzoo.datasets.base import PIXELS, DataFolders, Dataset, Samples, Seed, Split
from ganzoo.datasets.mnist import mnist
from ganzoo.errors import DataError
from ganzoo.options import Bounds
from ganzoo.spec import DataSpec

# A million triples are 2.4 GB.
TripleCount = Annotated[int, Bounds(1, 1_000_000)]


@dataclass(frozen=True)
class StackedMnist:
    """Fixed random triples of digits of a data set like MNIST."""

    digits: Dataset
    size: int
    seed: int

    @property
    def spec(self) -> DataSpec:
        """3x28x28 uint8 pixels, 1,000 classes; needs no file."""
        return DataSpec((3, 28, 28), PIXELS, 1000, self.size)

    def load(self, split: Split) -> Samples | None:
        """All triples, labelled 100 a + 10 b + c for the digits a, b, c of their channels; no test split.

        Raises DataError.
        """
        if split != "train":
            return None
        digits = self.digits.load("train")
        if digits is None or digits.labels is None:
            raise DataError("stacked-mnist needs labelled training digits.")
        generator = torch.Generator().manual_seed(self.seed)
        triples = torch.randint(len(digits), (self.size, 3), generator=generator)
        values = digits.values.flatten(1).index_select(0, triples.flatten())  # (3 size, 784)
        labels = digits.labels[triples] @ torch.tensor([100, 10, 1])
        return Samples(values.view(self.size, 3, 28, 28), labels)


def stacked_mnist(folders: DataFolders, *, size: TripleCount = 128_000, seed: Seed = 0) -> StackedMnist:
    """Stacked MNIST: three random digits as channels, 1,000 modes (Metz et al., 2017, arXiv:1611.02163).

    128,000 fixed triples as in PacGAN (Lin et al., 2018, arXiv:1712.04086), but of training digits only.
    """
    return StackedMnist(mnist(folders), size, seed)
