"""Your own pictures: a folder or a zip file of them, of any mode and size, as squares."""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.datasets.base import PIXELS, DataFolders, Samples, Split
from ganzoo.datasets.on_disk import Failure, Outcome, PixelFile
from ganzoo.datasets.picture import UnreadablePicture, guarding_memory, read_picture
from ganzoo.datasets.picture_files import Opener, PictureFiles, scan, shown
from ganzoo.errors import DataError
from ganzoo.options import PositiveInt
from ganzoo.spec import DataSpec

CHUNK = 32  # pictures a task
# More would hardly be faster, and each may hold a large picture.
THREADS = min(16, os.cpu_count() or 1)
SKIP = "--set dataset.on_error=skip"

log = logging.getLogger("ganzoo")


@dataclass(frozen=True, eq=False)
class PictureFolder:
    """The pictures of a folder or zip file; their names are known, none is decoded before `load`.

    class_names: the class folders, in the order of their labels; empty where there are no labels.
    disk: where decoded pictures are kept if they are too many for the memory, else None.
    """

    path: Path
    files: PictureFiles
    class_names: tuple[str, ...]
    image_size: int
    channels: int
    skip_unreadable: bool
    disk: PixelFile | None

    @property
    def spec(self) -> DataSpec:
        """CxSxS uint8 pixels; size counts the files, of which `load` may have to skip some."""
        shape = (self.channels, self.image_size, self.image_size)
        return DataSpec(shape, PIXELS, len(self.class_names) or None, len(self.files.names))

    def load(self, split: Split) -> Samples | None:
        """All pictures in the order of their names; there is no test split. Raises DataError."""
        if split != "train":
            return None
        if self.disk is None:
            values = np.empty((len(self.files.names), *self.spec.shape), np.uint8)
            outcome = self._decode_all(values)
            pixels = torch.from_numpy(values[: len(self.files.names) - len(outcome.failures)])
        else:
            outcome = self.disk.outcome() or self._decode_to(self.disk)
            pixels = self.disk.read(self.spec.shape)
        self._require(outcome)
        self._report(outcome)
        return Samples(pixels, self._labels(outcome.failures) if self.class_names else None)

    def _decode_to(self, disk: PixelFile) -> Outcome:
        shape = (len(self.files.names), *self.spec.shape)
        log.warning("decoding %d pictures once, into %s", len(self.files.names), disk.pixels)
        with disk.new(shape) as values:
            outcome = self._decode_all(values)
        disk.finish(outcome, (shape[0] - len(outcome.failures)) * self.spec.features)
        return outcome

    def _labels(self, failures: list[Failure]) -> Tensor:
        label_of = {name: label for label, name in enumerate(self.class_names)}
        failed = {row for row, _ in failures}
        names = (name for row, name in enumerate(self.files.names) if row not in failed)
        return torch.tensor([label_of[_class_of(name)] for name in names])

    def _decode_all(self, values: NDArray[np.uint8]) -> Outcome:
        """Fill `values`, picture by picture, without gaps. Raises DataError where none may be skipped."""
        failures: list[Failure] = []
        modes: Counter[str] = Counter()
        with guarding_memory(), self.files.opening() as opener, ThreadPoolExecutor(THREADS) as pool:

            def decode(start: int) -> list[str | Failure]:
                rows = range(start, min(start + CHUNK, len(values)))
                return [_decode(opener, self.files.names[row], row, values) for row in rows]

            for results in pool.map(decode, range(0, len(values), CHUNK)):
                failures += [result for result in results if not isinstance(result, str)]
                modes.update(result for result in results if isinstance(result, str))
        outcome = Outcome(failures, modes)
        self._require(outcome)
        _move_up(values, {row for row, _ in failures})
        return outcome

    def _first(self, failures: list[Failure]) -> str:
        row, reason = failures[0]
        more = f", and {len(failures) - 1} more of {len(self.files.names)} cannot be read"
        return f"{shown(self.files.names[row])} {reason}{more if len(failures) > 1 else ''}"

    def _require(self, outcome: Outcome) -> None:
        """Raise DataError where pictures failed and none may be skipped, or where none is left."""
        failures, place, total = outcome.failures, shown(str(self.path)), len(self.files.names)
        if failures and not self.skip_unreadable:
            raise DataError(f"{place}: {self._first(failures)}.\nRepair them, or skip them with {SKIP}.")
        if len(failures) == total:
            first = self._first(failures[:1])
            raise DataError(f"none of the {total} pictures in {place} can be read; {first}.")

    def _report(self, outcome: Outcome) -> None:
        """Log what was read and skipped."""
        failures, total = outcome.failures, len(self.files.names)
        if failures:
            log.warning("skipped %d of %d pictures: %s", len(failures), total, self._first(failures))
        kinds = ", ".join(f"{mode}: {count}" for mode, count in sorted(outcome.modes.items()))
        log.info("read %d pictures from %s (%s)", total - len(failures), shown(str(self.path)), kinds)


def folder(
    folders: DataFolders,
    *,
    path: str,
    image_size: PositiveInt = 64,
    channels: Literal[1, 3, 4] = 3,
    labels: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    memory_limit_mb: PositiveInt = 4096,
) -> PictureFolder:
    """Your own pictures from a folder or a zip file: any mode and size, cut to squares.

    path: the folder or zip file, as it is or below a data folder.
    labels: whether the first-level folders are classes, numbered by sorted name.
    memory_limit_mb: decoded pictures that take more are kept in a file in the user's cache.
    on_error: what to do about pictures that cannot be read. Raises DataError.
    """
    place = Path(path).expanduser()
    if not os.path.exists(place):
        place = folders.find([path]) or place
    files = scan(place)
    spec = f"{channels}-{image_size}"
    too_large = len(files.names) * channels * image_size**2 > memory_limit_mb * 2**20
    disk = PixelFile(folders.cache / "pictures" / f"{files.fingerprint()}-{spec}") if too_large else None
    names = tuple(_class_names(place, files)) if labels else ()
    return PictureFolder(place, files, names, image_size, channels, on_error == "skip", disk)


def _class_names(place: Path, files: PictureFiles) -> Iterator[str]:
    loose = [name for name in files.names if "/" not in name]
    if loose:
        more = f" and {len(loose) - 1} more are" if len(loose) > 1 else " is"
        where = f"in {shown(str(place))}: {shown(loose[0])}{more} in no class folder"
        raise DataError(f"{where}. Move them into one, or set dataset.labels=false.")
    yield from sorted({_class_of(name) for name in files.names})


def _class_of(name: str) -> str:
    return name.partition("/")[0]


def _move_up(values: NDArray[np.uint8], failed: set[int]) -> list[int]:
    """Close the gaps that failed rows leave, in place; the rows that are left."""
    kept = [row for row in range(len(values)) if row not in failed]
    for target, source in enumerate(kept):
        if target != source:
            values[target] = values[source]
    return kept


def _decode(opener: Opener, name: str, row: int, values: NDArray[np.uint8]) -> str | Failure:
    """Decode one file into its row: the mode it has, or its row and why it failed."""
    channels, size = values.shape[1:3]
    try:
        with opener(name) as file:
            if not file.read(1):
                return row, "is empty"
            file.seek(0)
            values[row], mode = read_picture(file, size, channels)
    except UnreadablePicture as error:
        return row, str(error)
    # What zipfile and the system raise for a damaged member or an unreadable file.
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return row, f"cannot be opened: {reason or type(error).__name__}"[:120]
    return mode
