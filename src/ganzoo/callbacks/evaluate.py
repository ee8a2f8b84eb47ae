"""Measures on the way, and the best generator kept."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganzoo.engine.sampling import unified
from ganzoo.errors import UsageError
from ganzoo.extractors import Name
from ganzoo.hooks import hookimpl
from ganzoo.measuring import Numbers, find
from ganzoo.options import Count, NonNegativeFloat, suggest
from ganzoo.reference import Reference, reference

if TYPE_CHECKING:
    from ganzoo.engine.run import Run

FILE = "best.safetensors"


class Evaluate:
    """Measures the generator on the way, and keeps the best one so far in best.safetensors.

    every_epochs, every_steps: how often, the second winning where both are given; always after the last step.
    metric: names, none for those that suit the data. best: the number that decides, none for the first; the
    best generator's is nearest to its floor. count: samples on each side, 0 for what is usual for the data.
    Each number is recorded with its floor, NAME_floor, and the number of samples on each side, measured_on.
    """

    def __init__(
        self,
        *,
        every_epochs: NonNegativeFloat = 0.0,
        every_steps: Count = 0,
        metric: tuple[str, ...] = (),
        best: str | None = None,
        count: Count = 0,
        extractor: Name = "auto",
    ) -> None:
        self.every_epochs, self.every_steps = every_epochs, every_steps
        self.metrics = find(metric)
        self.best, self.count, self.extractor = best, count, extractor
        self.reference: Reference | None = None
        self.floor: Numbers = {}
        self.distance: float | None = None
        self.step, self.extractor_sha256 = 0, ""

    @hookimpl
    def run_start(self, run: "Run") -> None:
        """Prepare the real side, so that what does not fit is known before the first step."""
        part = run.parts.resolved["dataset"][0]
        self.reference = reference(part, run.dataset, run.samples, self.count or None, self.extractor)
        self.metrics = self.metrics or find(self.reference.plan.metrics)
        self.floor = flat(self.reference.floor(self.metrics))
        self.best = self.best or next(iter(self.floor))
        if self.best not in self.floor:
            raise UsageError(f"callback evaluate: best is {self.best!r}.{suggest(self.best, self.floor)}")
        sha256 = self.reference.extractor.sha256
        if self.distance is not None and sha256 != self.extractor_sha256:
            run.warn("the extractor has changed: its numbers cannot be compared, the best is chosen anew")
            self.distance = None
        self.extractor_sha256 = sha256

    @hookimpl
    def step_end(self, run: "Run") -> None:
        """Measure when it is time, and after the last step."""
        due = run.is_due(epochs=self.every_epochs, steps=self.every_steps)
        if self.reference is None or not (due or run.step == run.total_steps):
            return
        labels = self.reference.wanted(run.game.spec.classes) if run.is_conditional else None
        samples = run.generate(len(self.reference.real.samples), labels)
        fake = self.reference.side(unified(samples, run.spec), labels)
        numbers = flat(self.reference.measure(self.metrics, fake))
        self.keep(run, numbers)
        floors = {f"{name}_floor": self.floor[name] for name in numbers}
        run.record({**numbers, **floors, "measured_on": len(samples)})

    def keep(self, run: "Run", numbers: Numbers) -> None:
        """Keep the generator if none was nearer to the floor."""
        assert self.best is not None  # run_start has chosen it
        distance = abs(numbers[self.best] - self.floor[self.best])
        if not math.isnan(distance) and (self.distance is None or distance < self.distance):
            self.distance, self.step = distance, run.step
            run.save_generator(FILE)

    @hookimpl
    def checkpoint_save(self) -> dict[str, Any]:
        """How good the best one is, its step, and the checksum of what measured it."""
        return {"distance": self.distance, "step": self.step, "extractor_sha256": self.extractor_sha256}

    @hookimpl
    def checkpoint_load(self, state: Mapping[str, Any]) -> None:
        """Take it back, unless the file holds a better one, of steps that were given up."""
        distance = state["distance"]
        if self.distance is None or (distance is not None and distance < self.distance):
            self.distance, self.step = distance, state["step"]
            self.extractor_sha256 = state["extractor_sha256"]


def flat(measured: Mapping[str, Numbers]) -> Numbers:
    """The numbers of all metrics in one table; those of a later metric win."""
    return {name: value for numbers in measured.values() for name, value in numbers.items()}
