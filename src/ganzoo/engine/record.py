"""Numbers of a run: statistics of some steps are summed up into one line of metrics.jsonl."""

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ganzoo import storage
from ganzoo.engine.distributed import Group
from ganzoo.engine.game import Game, Stats
from ganzoo.errors import CheckpointError

_log = logging.getLogger("ganzoo")


class Window:
    """Statistics since the last record, kept as they are on the device until a record is due.

    Each rank keeps those of its rows: scalars are parts of a mean over all rows, the others belong to rows.
    """

    def __init__(self, group: Group | None = None) -> None:
        self.group = group or Group()
        self.stats: dict[str, list[tuple[int, Tensor]]] = {}
        self.scalars: set[str] = set()
        self.loaded: dict[str, Tensor] = {}  # from a checkpoint, of all ranks

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to sum up."""
        return not self.stats and not self.loaded

    def add(self, stats: Stats, step: int) -> None:
        """Keep the statistics of the step being played."""
        for name, value in stats.items():
            if value.dim() == 0:
                self.scalars.add(name)
                value = self.group.weigh(value)
            self.stats.setdefault(name, []).append((step, value.flatten()))

    def clear(self) -> None:
        """Begin a new window."""
        self.stats, self.loaded = {}, {}

    def summary(self, game: Game) -> dict[str, float]:
        """The game's numbers over the window, of all ranks."""
        numbers = game.summary(self.state_dict())
        values = torch.stack([value.double() for value in numbers.values()]).tolist()
        return dict(zip(numbers, values, strict=True))

    def first_not_finite(self) -> tuple[int, str, float] | None:
        """The earliest step, name and value of a statistic that is NaN or infinite, or None."""
        if all(torch.cat([v for _, v in kept]).isfinite().all() for kept in self.stats.values()):
            return None
        bad = [
            (step, name, value[~value.isfinite()][0].item())
            for name, kept in self.stats.items()
            for step, value in kept
            if not value.isfinite().all()
        ]
        return min(bad, key=lambda found: found[0])

    def state_dict(self) -> dict[str, Tensor]:
        """What all ranks have gathered, for a checkpoint; each of them must ask."""
        mine = [torch.cat([value for _, value in kept]) for kept in self.stats.values()]
        whole = dict(self.loaded)
        for name, parts in zip(self.stats, self.group.gather(mine) if mine else [], strict=True):
            together = torch.stack(parts).sum(0) if name in self.scalars else torch.cat(parts)
            whole[name] = torch.cat((whole[name], together)) if name in whole else together
        return whole

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint, whose numbers are all finite."""
        self.stats, self.loaded = {}, dict(state)


class Metrics:
    """The file metrics.jsonl: one record a line, each with step, images and epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def size(self) -> int:
        """Bytes written."""
        return self.path.stat().st_size if self.path.exists() else 0

    def write(self, numbers: Mapping[str, float | int]) -> None:
        """Add a record; numbers that are not finite are written as null, as JSON has no word for them."""
        finite = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        storage.append(self.path, (json.dumps(finite) + "\n").encode())

    def cut(self, size: int) -> None:
        """Forget what was written after the first `size` bytes."""
        if self.size < size:
            _log.warning("%s has lost its last lines; the curves will have a gap.", self.path)
            size = storage.read(self.path).rfind(b"\n") + 1 if self.size else 0
        storage.truncate(self.path, size)

    def read(self) -> list[dict[str, float]]:
        """All whole records, oldest first."""
        return read_metrics(self.path)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """All whole records of a metrics file, oldest first. Raises CheckpointError for a damaged one."""
    try:
        content = storage.read(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    return [_record(path, line) for line in content.splitlines() if line.endswith(b"}")]


def _record(path: Path, line: bytes) -> dict[str, float]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} holds a damaged line: {error}. Remove that line.") from error
    if not isinstance(record, dict) or not all(isinstance(v, float | int | None) for v in record.values()):
        raise CheckpointError(f"{path} holds a line that is no record: {line[:60]!r}. Remove that line.")
    return record
