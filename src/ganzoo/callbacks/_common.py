"""What the callbacks share: where files go, what titles say, and how seldom slow figures are drawn."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo import storage
from ganzoo.errors import DivergedError, Interrupted, Terminated
from ganzoo.figures import Numbers

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.engine.run import Run


def keep(run: "Run", name: str, content: bytes) -> Path:
    """Write a file of the run directory and return its path. Raises ResourceError."""
    path = run.directory / name
    path.parent.mkdir(exist_ok=True)  # archives and version control lose empty folders
    storage.write(path, content)
    return path


def title(run: "Run") -> str:
    """What is trained on what: `vanilla on mnist`."""
    recipe = run.recipe
    generator, discriminator = _short(recipe.generator.name), _short(recipe.discriminator.name)
    players = generator if generator == discriminator else f"{generator} against {discriminator}"
    return f"{players} on {_short(recipe.dataset.name)}" if recipe.dataset else players


def _short(name: str) -> str:
    return name.rpartition(":")[2].rpartition("/")[2]


def position(run: "Run") -> list[str]:
    """Where the run is: epoch and images seen."""
    return [f"epoch {round(run.epoch, 2):g}", f"{run.images:,} images"]


def fakes_like(run: "Run", labels: "Tensor | None", count: int) -> "Tensor":
    """Generated samples, for these labels of the data where the generator takes such labels."""
    return run.generate(count, labels_for(run, labels))


def labels_for(run: "Run", labels: "Tensor | None") -> "Tensor | None":
    """Labels of the data as the generator takes them: None where it takes none, or others of its game's."""
    return labels if run.is_conditional and run.game.spec.classes == run.spec.classes else None


def ended_in_order(error: BaseException | None) -> bool:
    """Whether a run ended such that a last look at its records makes sense: complete, stopped or diverged."""
    return error is None or isinstance(error, Interrupted | Terminated | DivergedError)


def column(records: Iterable[dict[str, float]], name: str) -> Numbers:
    """One number of each record, NaN where it was not finite."""
    values = (record[name] for record in records)
    return np.array([np.nan if value is None else value for value in values], np.float64)


class Pace:
    """Lets something slow happen at most every so many seconds, and for at most a fiftieth of the time."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.pause, self.last = seconds, seconds, time.monotonic()

    def is_due(self) -> bool:
        """Whether it may happen now."""
        return time.monotonic() - self.last >= self.pause

    def done(self, started: float) -> None:
        """Note that it happened, beginning at this time of `time.monotonic`."""
        self.last = time.monotonic()
        self.pause = max(self.seconds, 50 * (self.last - started))
