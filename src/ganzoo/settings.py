"""Settings of a run that are not part of the recipe: where, on what and how often to save."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from ganzoo.errors import UsageError
from ganzoo.options import Bounds

UNITS = {
    "": "epochs",
    "epochs": "epochs",
    "epoch": "epochs",
    "steps": "steps",
    "step": "steps",
    "s": "seconds",
}


@dataclass(frozen=True)
class Interval:
    """How often something happens: every so many epochs, steps or seconds."""

    count: float
    unit: str

    @classmethod
    def parse(cls, text: str | float) -> "Interval":
        """Read `10` (epochs), `400steps` or `30s`. Raises UsageError."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(text))
        if not match or match[2] not in UNITS or float(match[1]) == 0:
            raise UsageError(f"{text!r} is not an interval. Write 10 (epochs), 400steps or 30s.")
        return cls(float(match[1]), UNITS[match[2]])

    @property
    def epochs(self) -> float:
        """The interval in epochs, or 0."""
        return self.count if self.unit == "epochs" else 0.0

    @property
    def steps(self) -> int:
        """The interval in steps, or 0."""
        return round(self.count) if self.unit == "steps" else 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run needs to know beside its recipe.

    seed: decides the weights together with recipe and precision. threads: of the processor; None for all.
    replay: record a step's operations and play them again, to the same bits: auto does so on the processor
    where all parts are ganzoo's own, on wherever the game promises that its steps repeat themselves.
    data: a folder to look for data in, before the usual ones. checkpoint_every: None for only at the end.
    on_nonfinite: what to do when a loss or a weight is NaN or infinite; rollback goes on from the last good
    checkpoint with other noise, a few times.
    """

    seed: Annotated[int, Bounds(0, 2**63 - 1)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "tf32", "bfloat16", "float64"] = "float32"
    threads: Annotated[int, Bounds(1, 1024)] | None = None
    data: Path | None = None
    replay: Literal["auto", "on", "off"] = "auto"
    checkpoint_every: Interval | None = Interval(300, "seconds")
    on_nonfinite: Literal["stop", "rollback"] = "stop"

    def to_table(self) -> dict[str, Any]:
        """What belongs into run.toml: no path of this machine."""
        table = {"seed": self.seed, "precision": self.precision, "device": self.device}
        return (
            table
            | ({"threads": self.threads} if self.threads else {})
            | ({"replay": self.replay} if self.replay != "auto" else {})
            | ({"on_nonfinite": self.on_nonfinite} if self.on_nonfinite != "stop" else {})
        )
