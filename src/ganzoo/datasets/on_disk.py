"""Decoded pictures in a file on the disk, read as if they were in memory, which is taken where it is free."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo import storage
from ganzoo.errors import ResourceError

Failure = tuple[int, str]


@dataclass(frozen=True)
class Outcome:
    """What decoding came to: the rows that failed, in order, with the reason, and how many have each mode."""

    failures: list[Failure]
    modes: Counter[str]


@dataclass(frozen=True)
class PixelFile:
    """`NAME.pixels`, picture after picture, and `NAME.json`, written after it: without it nothing counts."""

    path: Path

    @property
    def pixels(self) -> Path:
        """The file with the pixels."""
        return self.path.with_suffix(".pixels")

    def outcome(self) -> Outcome | None:
        """What an earlier run has left here, None where there is nothing whole."""
        try:
            table = json.loads(storage.read(self.path.with_suffix(".json")))
            if os.path.getsize(self.pixels) == table["bytes"]:
                return Outcome([(row, reason) for row, reason in table["failures"]], Counter(table["modes"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    @contextmanager
    def new(self, shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
        """Room for pixels, a file that is removed again where the block fails. Raises ResourceError."""
        os.makedirs(self.path.parent, exist_ok=True)
        size = int(np.prod(shape))
        free = shutil.disk_usage(self.path.parent).free
        if size > free:
            raise ResourceError(
                f"{self.path.parent} would need {size:,} bytes for decoded pictures and has {free:,} free.\n"
                "Free some, set XDG_CACHE_HOME to another disk, or set a smaller dataset.image_size."
            )
        temporary = self.pixels.with_suffix(f".{os.getpid()}.tmp")
        try:
            yield np.memmap(temporary, np.uint8, "w+", shape=shape)
            os.replace(temporary, self.pixels)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)

    def finish(self, outcome: Outcome, size: int) -> None:
        """Say that the first `size` bytes of the file are whole. Raises ResourceError."""
        storage.truncate(self.pixels, size)
        storage.sync(self.pixels)
        table = {"bytes": size, "failures": outcome.failures, "modes": outcome.modes}
        storage.write(self.path.with_suffix(".json"), json.dumps(table).encode())

    def read(self, shape: tuple[int, ...]) -> Tensor:
        """The pictures (N, *shape); what is changed in memory does not reach the file."""
        size = os.path.getsize(self.pixels)
        return torch.from_file(str(self.pixels), shared=False, size=size, dtype=torch.uint8).view(-1, *shape)
