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
Failure = tuple[int, str]


@dataclass(frozen=True, eq=False)
class PictureFolder:
    """The pictures of a folder or zip file; their names are known, none is decoded before `load`.

    class_names: the class folders, in the order of their labels; empty where there are no labels.
    """

    path: Path
    files: PictureFiles
    class_names: tuple[str, ...]
    image_size: int
    channels: int
    skip_unreadable: bool

    @property
    def spec(self) -> DataSpec:
        """CxSxS uint8 pixels; size counts the files, of which `load` may have to skip some."""
        shape = (self.channels, self.image_size, self.image_size)
        return DataSpec(shape, PIXELS, len(self.class_names) or None, len(self.files.names))

    def load(self, split: Split) -> Samples | None:
        """All pictures in the order of their names; there is no test split. Raises DataError."""
        if split != "train":
            return None
        names = self.files.names
        values = np.empty((len(names), *self.spec.shape), np.uint8)
        failures, modes = self._decode_all(values)
        self._report(failures, modes)
        if failures:
            kept = _move_up(values, {index for index, _ in failures})
            values, names = values[: len(kept)], [names[index] for index in kept]
        return Samples(torch.from_numpy(values), self._labels(names) if self.class_names else None)

    def _labels(self, names: list[str]) -> Tensor:
        label_of = {name: label for label, name in enumerate(self.class_names)}
        return torch.tensor([label_of[_class_of(name)] for name in names])

    def _decode_all(self, values: NDArray[np.uint8]) -> tuple[list[Failure], Counter[str]]:
        """Fill `values`, row by row; what failed, in order, and how many pictures have which mode."""
        failures: list[Failure] = []
        modes: Counter[str] = Counter()
        with guarding_memory(), self.files.opening() as opener, ThreadPoolExecutor(THREADS) as pool:

            def decode(start: int) -> list[str | Failure]:
                rows = range(start, min(start + CHUNK, len(values)))
                return [_decode(opener, self.files.names[row], row, values) for row in rows]

            for results in pool.map(decode, range(0, len(values), CHUNK)):
                failures += [result for result in results if not isinstance(result, str)]
                modes.update(result for result in results if isinstance(result, str))
        return failures, modes

    def _report(self, failures: list[Failure], modes: Counter[str]) -> None:
        """Log what was read and skipped. Raises DataError where none may be skipped or none is left."""
        total = len(self.files.names)
        if failures:
            index, reason = failures[0]
            first = f"{shown(self.files.names[index])} {reason}"
            also = f", and {len(failures) - 1} more of {total} cannot be read" if len(failures) > 1 else ""
            if not self.skip_unreadable:
                raise DataError(
                    f"{shown(str(self.path))}: {first}{also}.\nRepair them, or skip them with {SKIP}."
                )
            if len(failures) == total:
                raise DataError(
                    f"none of the {total} pictures in {shown(str(self.path))} can be read; {first}."
                )
            log.warning("skipped %d of %d pictures: %s%s", len(failures), total, first, also)
        kinds = ", ".join(f"{mode}: {count}" for mode, count in sorted(modes.items()))
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
    on_error: what to do about pictures that cannot be read. Raises DataError.
    """
    place = Path(path).expanduser()
    if not os.path.exists(place):
        place = folders.find([path]) or place
    files = scan(place)
    count, megabytes = len(files.names), len(files.names) * channels * image_size**2 / 2**20
    if megabytes > memory_limit_mb:
        needed = f"{count} pictures of {channels}x{image_size}x{image_size} need {megabytes:.0f} MB"
        advice = "a smaller dataset.image_size or a larger dataset.memory_limit_mb"
        raise DataError(f"{needed}; the limit is {memory_limit_mb} MB. Set {advice}.")
    names = tuple(_class_names(place, files)) if labels else ()
    return PictureFolder(place, files, names, image_size, channels, on_error == "skip")


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
