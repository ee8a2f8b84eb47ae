"""MNIST and Fashion-MNIST: 60,000 and 10,000 grey pictures of 28 x 28 in ten classes, as IDX files."""

import logging
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from ganzoo.datasets.base import PIXELS, DataFolders, Samples, Split
from ganzoo.datasets.download import RemoteFile, fetch
from ganzoo.datasets.files import damaged
from ganzoo.datasets.idx import read_idx
from ganzoo.errors import DataError
from ganzoo.spec import DataSpec

SIZES: Mapping[Split, int] = MappingProxyType({"train": 60_000, "test": 10_000})
CLASSES = 10
ADVICE = (
    "Put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and "
    "t10k-labels-idx1-ubyte.gz into a folder and name it with --data FOLDER or GANZOO_DATA{also}.\n"
    "mnist-5k works without a network: pip install 'ganzoo[mnist-5k]'."
)

log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class Archive:
    """What tells one data set of four IDX files from another.

    places: where the files lie below a data folder; the first is also where downloads go.
    label_crcs: crc32 of the labels of each split, since all these data sets share their file names and sizes.
    """

    name: str
    places: tuple[str, ...]
    mirrors: tuple[str, ...]
    md5: Mapping[str, str]
    label_crcs: Mapping[Split, int]
    also: str = ""


# Mirrors and md5 sums as in torchvision.datasets.
MNIST = Archive(
    "mnist",
    ("MNIST/raw", "."),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        }
    ),
    MappingProxyType({"train": 0xBA07E8EF, "test": 0xEE8604D9}),
)
FASHION_MNIST = Archive(
    "fashion-mnist",
    ("FashionMNIST/raw", "fashion-mnist", "."),
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        }
    ),
    MappingProxyType({"train": 0x2ED6E46A, "test": 0x242BC73F}),
    also=" (Debian: apt install dataset-fashion-mnist)",
)


@dataclass(frozen=True)
class IdxDataset:
    """One of the data sets of four IDX files, looked for in the data folders and downloaded last."""

    archive: Archive
    folders: DataFolders

    @property
    def spec(self) -> DataSpec:
        """1x28x28 uint8 pixels, ten classes, 60,000 pictures; needs no file."""
        return DataSpec((1, 28, 28), PIXELS, CLASSES, SIZES["train"])

    def load(self, split: Split) -> Samples:
        """All pictures of a split and their labels. Raises DataError."""
        count = SIZES[split]
        image_path, label_path = self._find(split) or self._download(split)
        labels = read_idx(label_path, (count,))
        self._check_labels(label_path, labels, split)
        images = read_idx(image_path, (count, 28, 28)).unsqueeze(1)
        log.debug("%s: %d pictures (%s) from %s", self.archive.name, count, split, image_path.parent)
        return Samples(images, labels.to(torch.int64))

    def _find(self, split: Split) -> list[Path] | None:
        """The two files of a split, from one folder; files of different copies are never mixed."""
        for folder in self.folders.search:
            for place in self.archive.places:
                paths = [_packed_or_not(folder / place / name) for name in _file_names(split)]
                found = [path for path in paths if path is not None]
                if len(found) == len(paths):
                    return found
        return None

    def _download(self, split: Split) -> list[Path]:
        files = [
            RemoteFile(name, self.archive.md5[name], tuple(mirror + name for mirror in self.archive.mirrors))
            for name in _file_names(split)
        ]
        advice = ADVICE.format(also=self.archive.also)
        return fetch(self.archive.name, self.folders, files, self.archive.places[0], advice)

    def _check_labels(self, path: Path, labels: Tensor, split: Split) -> None:
        if (largest := int(labels.max())) >= CLASSES:
            raise damaged(path, f"it holds the label {largest}; labels are 0 to {CLASSES - 1}")
        crc = zlib.crc32(labels.numpy().tobytes())
        if crc == self.archive.label_crcs[split]:
            return
        for other in (MNIST, FASHION_MNIST):
            if crc == other.label_crcs[split]:
                raise DataError(f"{path.parent} holds {other.name}, not {self.archive.name}.")
        log.warning("%s holds other labels than %s; they are used as they are.", path, self.archive.name)


def mnist(folders: DataFolders) -> IdxDataset:
    """MNIST: 70,000 handwritten digits, 28 x 28 grey (LeCun, Bottou, Bengio, Haffner, 1998)."""
    return IdxDataset(MNIST, folders)


def fashion_mnist(folders: DataFolders) -> IdxDataset:
    """Fashion-MNIST: 70,000 pictures of clothing, 28 x 28 grey (Xiao et al., 2017, arXiv:1708.07747)."""
    return IdxDataset(FASHION_MNIST, folders)


def _file_names(split: Split) -> tuple[str, str]:
    prefix = "train" if split == "train" else "t10k"
    return f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"


def _packed_or_not(path: Path) -> Path | None:
    # Packed first: gzip brings a checksum. os.path, not Path: an unreadable folder holds nothing.
    return next((p for p in (path, path.with_suffix("")) if os.path.isfile(p)), None)
