"""A job: one run of a study as plain data, and what is known about it, kept in a file beside the runs."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ganzoo import storage
from ganzoo.errors import CheckpointError


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that another process, or another machine with the same files, needs to train and measure a run.

    name: that of the run's directory; it ends in the identity, a hash of all that decides the result.
    study: the study's directory. recipe, run: the tables of the run's run.toml, complete.
    """

    name: str
    label: str
    title: str
    seed: int
    steps: int
    study: str
    recipe: dict[str, Any]
    run: dict[str, Any]
    metrics: tuple[str, ...]
    samples: int | None

    @property
    def directory(self) -> Path:
        """The run directory."""
        return Path(self.study, "runs", self.name)

    @property
    def notes(self) -> Path:
        """The folder of what the study knows about the run."""
        return Path(self.study, "notes", self.name)

    @property
    def threads(self) -> int:
        """Threads that the run computes with."""
        return int(self.run["threads"])

    @property
    def measure(self) -> dict[str, Any]:
        """What its numbers depend on, beside the trained generator."""
        return {"metrics": list(self.metrics), "samples": self.samples}

    def to_json(self) -> str:
        """The job as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The job that `to_json` wrote."""
        table = json.loads(text)
        return cls(**{**table, "metrics": tuple(table["metrics"])})


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known about a job's run.

    seconds: spent training in all, by every process that worked on it; images: real images seen in that time.
    trained: the run is complete. measured: what `numbers` were measured with; floors: what a perfect
    generator would get. error: why it failed, and code.
    """

    step: int = 0
    images: int = 0
    seconds: float = 0.0
    trained: bool = False
    measured: Mapping[str, Any] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    code: int = 0

    @property
    def images_per_s(self) -> float:
        """Real images a second of training."""
        return self.images / self.seconds if self.seconds else 0.0

    def is_done(self, job: Job) -> bool:
        """Whether nothing is left to do."""
        return self.trained and not self.error and self.measured == job.measure


def read(job: Job) -> State:
    """What is known about a job's run. Raises CheckpointError where the file is damaged."""
    path = job.notes / "state.json"
    try:
        table = json.loads(storage.read(path))
        for side in ("numbers", "floors"):
            table[side] = {k: math.nan if v is None else float(v) for k, v in table[side].items()}
        return State(**table)
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Remove it to measure again.") from error


def write(job: Job, state: State) -> None:
    """Keep what is known. Raises ResourceError."""
    table = asdict(state)
    for side in ("numbers", "floors"):
        table[side] = {k: v if math.isfinite(v) else None for k, v in table[side].items()}
    storage.write(job.notes / "state.json", json.dumps(table, indent=1).encode())
