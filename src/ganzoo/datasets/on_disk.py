"""Decoded pictures in a file on the disk, read as if they were in memory, which is taken where it is free."""

import fcntl
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo import storage
from ganzoo.errors import ResourceError

Failure = tuple[int, str]
NOTE_BYTES = 64 * 2**20  # decoded since the last note; a process that dies loses no more

log = logging.getLogger("ganzoo")


@dataclass
class Outcome:
    """What decoding has come to: files done, rows that failed with the reason, how many have each mode."""

    rows: int = 0
    failures: list[Failure] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)

    @property
    def pictures(self) -> int:
        """How many were decoded."""
        return self.rows - len(self.failures)

    def add(self, results: Sequence[str | Failure]) -> None:
        """Count the next files: the mode of each, or its row and why it failed."""
        self.rows += len(results)
        self.failures += [result for result in results if not isinstance(result, str)]
        self.modes.update(result for result in results if isinstance(result, str))


@dataclass(frozen=True)
class PixelFile:
    """`NAME.pixels`, picture after picture, and `NAME.json`, which says how far that is whole.

    `NAME` itself is empty; who decodes holds it locked. shape: of one picture.
    """

    path: Path
    shape: tuple[int, ...]

    @property
    def pixels(self) -> Path:
        """The file with the pixels."""
        return self.path.with_suffix(".pixels")

    @property
    def note(self) -> Path:
        """The file that says how far the pixels are whole."""
        return self.path.with_suffix(".json")

    def outcome(self) -> Outcome:
        """What earlier runs have left here."""
        try:
            table = json.loads(storage.read(self.note))
            failures = [(row, reason) for row, reason in table["failures"]]
            found = Outcome(table["rows"], failures, Counter(table["modes"]))
            return found if os.path.getsize(self.pixels) >= self._bytes(found) else Outcome()
        except (OSError, ValueError, KeyError, TypeError):
            return Outcome()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process decode the same pictures meanwhile. Raises ResourceError."""
        try:
            os.makedirs(self.path.parent, exist_ok=True)
            file = open(self.path, "ab")  # noqa: SIM115 - closed below
        except OSError as error:
            message = f"cannot write {self.path}: {error.strerror}."
            raise ResourceError(f"{message}\nSet XDG_CACHE_HOME to a folder where you may write.") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("another process decodes these pictures: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def require_room(self, pictures: int) -> None:
        """Raise ResourceError where so many more pictures do not fit on the disk."""
        size = pictures * int(np.prod(self.shape))
        free = shutil.disk_usage(self.path.parent).free
        if size > free:
            raise ResourceError(
                f"{self.path.parent} would need {size:,} bytes for decoded pictures and has {free:,} free.\n"
                "Free some, set XDG_CACHE_HOME to another disk, or set a smaller dataset.image_size."
            )

    def extend(self, pieces: Iterable[NDArray[np.uint8]], outcome: Outcome) -> None:
        """Add pictures, which `outcome` counts as they come. Raises ResourceError."""
        storage.truncate(self.pixels, self._bytes(outcome))
        fresh = 0
        for piece in pieces:
            storage.append(self.pixels, piece.reshape(-1).data)
            fresh += piece.nbytes
            if fresh >= NOTE_BYTES:
                self._write_note(outcome)
                fresh = 0
        self._write_note(outcome)

    def _write_note(self, outcome: Outcome) -> None:
        storage.sync(self.pixels)
        table = {"rows": outcome.rows, "failures": outcome.failures, "modes": outcome.modes}
        storage.write(self.note, json.dumps(table).encode())

    def remove(self) -> None:
        """Leave nothing but the empty file."""
        storage.remove(self.note)
        storage.remove(self.pixels)

    def read(self, outcome: Outcome) -> Tensor:
        """The pictures (N, *shape); what is changed in memory does not reach the file."""
        size = self._bytes(outcome)
        flat = torch.from_file(str(self.pixels), shared=False, size=size, dtype=torch.uint8)
        return flat.view(-1, *self.shape)

    def _bytes(self, outcome: Outcome) -> int:
        return outcome.pictures * int(np.prod(self.shape))
