"""Numbers of a run: statistics of some steps are summed up into one line of metrics.jsonl."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ganzoo import storage
from ganzoo.engine.game import Game, Stats


class Window:
    """Statistics since the last record, kept as they are on the device until a record is due."""

    def __init__(self) -> None:
        self.stats: dict[str, list[Tensor]] = {}

    def add(self, stats: Stats) -> None:
        """Keep the statistics of one step."""
        for name, value in stats.items():
            self.stats.setdefault(name, []).append(value.flatten())

    def summary(self, game: Game) -> dict[str, float]:
        """The game's numbers over the window; the window is empty afterwards."""
        numbers = game.summary({name: torch.cat(values) for name, values in self.stats.items()})
        self.stats = {}
        values = torch.stack([value.double() for value in numbers.values()]).tolist()
        return dict(zip(numbers, values, strict=True))

    def state_dict(self) -> dict[str, Tensor]:
        """What has been gathered, for a checkpoint."""
        return {name: torch.cat(values) for name, values in self.stats.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.stats = {name: [value] for name, value in state.items()}


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

    def read(self) -> list[dict[str, float]]:
        """All whole records, oldest first."""
        return read_metrics(self.path)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """All whole records of a metrics file, oldest first."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line, parse_constant=float) for line in lines if line.endswith("}")]
