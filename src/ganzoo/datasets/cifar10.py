"""CIFAR-10: 60,000 colour pictures of 32 x 32 in ten classes, from its binary version (Krizhevsky, 2009)."""

import io
import logging
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO

import numpy as np
import torch

from ganzoo.datasets.base import PIXELS, DataFolders, Samples, Split
from ganzoo.datasets.download import RemoteFile, fetch
from ganzoo.datasets.files import damaged, opened
from ganzoo.spec import DataSpec

RECORDS = 10_000  # in one batch file
RECORD_BYTES = 1 + 3 * 32 * 32  # the label, then the red, green and blue planes
CLASSES = 10
MEMBERS_LIMIT = 100
FOLDER = "cifar-10-batches-bin"
ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    limit_mb=200,
)
BATCHES: Mapping[Split, tuple[str, ...]] = MappingProxyType(
    {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
)
ADVICE = (
    f"Put {ARCHIVE.name} (the binary version), or its folder {FOLDER}, into a folder and name that "
    "with --data FOLDER or GANZOO_DATA.\n"
    "mnist-5k works without a network: pip install 'ganzoo[mnist-5k]'."
)

log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class Cifar10:
    """CIFAR-10, looked for in the data folders, unpacked or as the archive, and downloaded last."""

    folders: DataFolders

    @property
    def spec(self) -> DataSpec:
        """3x32x32 uint8 pixels, ten classes, 50,000 pictures; needs no file."""
        return DataSpec((3, 32, 32), PIXELS, CLASSES, len(BATCHES["train"]) * RECORDS)

    def load(self, split: Split) -> Samples:
        """All pictures of a split and their labels. Raises DataError."""
        names = BATCHES[split]
        source = self._find(names) or fetch("cifar10", self.folders, [ARCHIVE], ".", ADVICE)[0]
        batches = _read_folder(source, names) if os.path.isdir(source) else _read_archive(source, names)
        records = np.frombuffer(b"".join(batches), np.uint8).reshape(-1, RECORD_BYTES)
        labels = torch.from_numpy(records[:, 0].astype(np.int64))
        if (largest := int(labels.max())) >= CLASSES:
            raise damaged(source, f"it holds the label {largest}; labels are 0 to {CLASSES - 1}")
        log.info("cifar10: %d pictures (%s) from %s", len(labels), split, source)
        return Samples(torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()), labels)

    def _find(self, names: Sequence[str]) -> Path | None:
        for folder in self.folders.search:
            for place in (folder / FOLDER, folder):
                if all(os.path.isfile(place / name) for name in names):
                    return place
            if os.path.isfile(folder / ARCHIVE.name):
                return folder / ARCHIVE.name
        return None


def cifar10(folders: DataFolders) -> Cifar10:
    """CIFAR-10: 60,000 colour pictures of ten kinds of things, 32 x 32 (Krizhevsky, 2009)."""
    return Cifar10(folders)


def _read_folder(folder: Path, names: Sequence[str]) -> list[bytes]:
    batches = []
    for name in names:
        with opened(folder / name) as file:
            batches.append(_read_batch(file, folder / name, name))
    return batches


def _read_archive(path: Path, names: Sequence[str]) -> list[bytes]:
    """The batch files of these names, read straight from the archive; nothing is written to disk."""
    batches: dict[str, bytes] = {}
    with opened(path) as file:
        try:
            bounded = _Bounded(file, path)
            with tarfile.open(fileobj=bounded, mode="r|") as archive:
                for number, member in enumerate(archive):
                    _check_member(path, member, number)
                    name = member.name.rpartition("/")[2]
                    content = archive.extractfile(member) if name in names else None
                    if content is not None:
                        batches[name] = _read_batch(content, path, name)
            # gzip compares its checksum only at the end of the file.
            while bounded.read(2**16):
                pass
        except (tarfile.TarError, ValueError) as error:
            raise damaged(path, f"it is not a tar archive ({error})") from error
    missing = [name for name in names if name not in batches]
    if missing:
        raise damaged(path, f"it lacks {', '.join(missing)}")
    return [batches[name] for name in names]


def _check_member(path: Path, member: tarfile.TarInfo, number: int) -> None:
    if number >= MEMBERS_LIMIT:
        raise damaged(path, f"it holds more than {MEMBERS_LIMIT} files")
    if member.name.startswith(("/", "\\")) or ".." in member.name.replace("\\", "/").split("/"):
        raise damaged(path, f"it names a file outside itself, {member.name[:100]!r}")
    if not (member.isfile() or member.isdir()):
        raise damaged(path, f"it holds something that is neither a file nor a folder, {member.name[:100]!r}")


def _read_batch(file: IO[bytes], path: Path, name: str) -> bytes:
    size = RECORDS * RECORD_BYTES
    batch = file.read(size + 1)
    if len(batch) != size:
        given = f"more than {size}" if len(batch) > size else f"{len(batch)} instead of {size}"
        raise damaged(path, f"{name} holds {given} bytes")
    return batch


class _Bounded(io.RawIOBase):
    """A file that ends with an error where the unpacked archive would be longer than CIFAR-10's is."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__()
        self._file = file
        self._path = path
        self._left = (len(BATCHES["train"]) + 2) * RECORDS * RECORD_BYTES + 10**6

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises DataError beyond the limit."""
        self._left -= size
        if self._left < 0:
            raise damaged(self._path, "it unpacks to more than CIFAR-10 holds")
        return self._file.read(size)
