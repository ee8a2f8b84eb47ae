"""Your own pictures: a folder or a zip file of them, of any mode and size, as squares."""

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

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

CHUNK, PIECE_BYTES = 32, 2**22  # most pictures of a task, and how much they take, unless one takes more
# More would hardly be faster, and each may hold a large picture.
THREADS = min(16, os.cpu_count() or 1)
SKIP = "--set dataset.on_error=skip"

Result = TypeVar("Result")
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
        outcome, pixels = self._in_memory() if self.disk is None else self._on_disk(self.disk)
        self._report(outcome)
        return Samples(pixels, self._labels(outcome.failures) if self.class_names else None)

    def _in_memory(self) -> tuple[Outcome, Tensor]:
        values, outcome = np.empty((len(self.files.names), *self.spec.shape), np.uint8), Outcome()
        filled = 0
        with closing(self._decoded(outcome)) as pieces:
            for piece in pieces:
                values[filled : filled + len(piece)] = piece
                filled += len(piece)
        self._require(outcome)
        return outcome, torch.from_numpy(values[:filled])

    def _on_disk(self, disk: PixelFile) -> tuple[Outcome, Tensor]:
        total, outcome = len(self.files.names), disk.outcome()
        if outcome.rows < total:
            with disk.held():
                outcome = disk.outcome()  # another process may have decoded them meanwhile
                if outcome.rows < total:
                    self._decode_to(disk, outcome)
        self._require(outcome)
        return outcome, disk.read(outcome)

    def _decode_to(self, disk: PixelFile, outcome: Outcome) -> None:
        total = len(self.files.names)
        disk.require_room(total - outcome.rows)
        done = f", {outcome.rows} of them before" if outcome.rows else ""
        log.warning("decoding %d pictures once%s, into %s", total, done, disk.pixels)
        with closing(self._decoded(outcome)) as pieces:
            disk.extend(pieces, outcome)
        try:
            self._require(outcome)
        except DataError:
            disk.remove()
            raise

    def _labels(self, failures: list[Failure]) -> Tensor:
        label_of = {name: label for label, name in enumerate(self.class_names)}
        failed = {row for row, _ in failures}
        names = (name for row, name in enumerate(self.files.names) if row not in failed)
        return torch.tensor([label_of[_class_of(name)] for name in names])

    def _decoded(self, outcome: Outcome) -> Generator[NDArray[np.uint8], None, None]:
        """The readable pictures that come after those of `outcome`, some at a time; it counts them."""
        names, shape = self.files.names, self.spec.shape
        count = max(1, min(CHUNK, PIECE_BYTES // self.spec.features))
        with guarding_memory(), self.files.opening() as opener, ThreadPoolExecutor(THREADS) as pool:

            def decode(start: int) -> tuple[NDArray[np.uint8], list[str | Failure]]:
                rows = range(start, min(start + count, len(names)))
                values, results = np.empty((len(rows), *shape), np.uint8), []
                filled = 0
                for row in rows:
                    results.append(_decode(opener, names[row], row, values[filled]))
                    filled += isinstance(results[-1], str)
                return values[:filled], results

            for values, results in _in_order(pool, decode, range(outcome.rows, len(names), count)):
                outcome.add(results)
                yield values

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
    disk = None
    if too_large:
        path_on_disk = folders.cache / "pictures" / f"{files.fingerprint()}-{spec}"
        disk = PixelFile(path_on_disk, (channels, image_size, image_size))
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


def _in_order(pool: Executor, work: Callable[[int], Result], items: Iterable[int]) -> Iterator[Result]:
    """What `work` makes of items, in their order; few are done ahead, as results take memory."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > 2 * THREADS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _decode(opener: Opener, name: str, row: int, pixels: NDArray[np.uint8]) -> str | Failure:
    """Decode one file into (C, S, S) pixels: the mode it has, or its row and why it failed."""
    channels, size = pixels.shape[:2]
    try:
        with opener(name) as file:
            if not file.read(1):
                return row, "is empty"
            file.seek(0)
            pixels[:], mode = read_picture(file, size, channels)
    except UnreadablePicture as error:
        return row, str(error)
    # What zipfile and the system raise for a damaged member or an unreadable file.
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return row, f"cannot be opened: {reason or type(error).__name__}"[:120]
    return mode
