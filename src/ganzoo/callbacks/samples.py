"""Grids of generated samples."""

from typing import TYPE_CHECKING, Literal

import torch

from ganzoo import figures, pictures
from ganzoo.callbacks._common import keep, position, title
from ganzoo.hooks import hookimpl
from ganzoo.options import Count, NonNegativeFloat, PositiveInt

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ganzoo.engine.run import Run

ANSWERS = ("p_real", "p_fake", "score_real", "score_fake")


class Samples:
    """Pictures of generated samples, samples/000.png and so on; vectors as a histogram or a scatter plot.

    every_epochs, every_steps: how often, the second winning where both are given; a last one is always drawn.
    count: pictures in a grid; a conditional generator fills a row for each class where that gives rows of
    four and more. of: the same noise every time, or the very fakes of the batch. stretch: to the samples' own
    minimum and maximum.
    """

    def __init__(
        self,
        *,
        every_epochs: NonNegativeFloat = 0.0,
        every_steps: Count = 0,
        count: PositiveInt = 64,
        of: Literal["fixed", "batch"] = "fixed",
        stretch: bool = False,
    ) -> None:
        self.every_epochs, self.every_steps = every_epochs, every_steps
        self.count, self.of, self.stretch = count, of, stretch
        self.measured: dict[str, float] = {}

    @hookimpl
    def record(self, numbers: dict[str, float]) -> None:
        """Remember the newest answers of the discriminator, for the caption."""
        if any(name in numbers for name in ANSWERS):
            self.measured = numbers

    @hookimpl(trylast=True)  # after the numbers for the caption
    def step_end(self, run: "Run") -> None:
        """Draw when it is time."""
        if run.is_due(epochs=self.every_epochs, steps=self.every_steps):
            self.draw(run)

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw the last one, unless the last step did."""
        drawn = run.is_due(epochs=self.every_epochs, steps=self.every_steps) and self.path(run).exists()
        if error is None and not drawn:
            self.draw(run)

    def path(self, run: "Run") -> "Path":
        """The file of this step, numbered by occurrence, as a function of the step: a resumed run agrees."""
        period = run.period(epochs=self.every_epochs, steps=self.every_steps)
        number = max(-(-run.step // period) - 1, 0) if period else 0
        return run.directory / "samples" / f"{number:03d}.png"

    def draw(self, run: "Run") -> None:
        """Generate, draw and tell the other callbacks."""
        newest = newest_fakes(run, self.count) if self.of == "batch" else None
        if run.spec.is_image:
            labels, columns = arrange(self.count, run.game.spec.classes if run.is_conditional else None)
            if newest is None:
                samples = run.generate(self.count if labels is None else len(labels), labels)
            else:
                samples, columns = newest, pictures.near_square(len(newest))
            picture = pictures.grid(samples, run.spec.value_range, columns, stretch=self.stretch)
            content: bytes | None = pictures.png(pictures.with_caption(picture, self.caption(run)))
        else:
            samples = run.generate(max(self.count, figures.POINTS)) if newest is None else newest
            text = f"{title(run)}: " + ", ".join(self.caption(run))
            content = figures.vectors(text, run.real(figures.POINTS)[0], samples)
        if content is not None:
            path = keep(run, f"samples/{self.path(run).name}", content)
            run.hooks.hook.samples(run=run, samples=samples, path=path)

    def caption(self, run: "Run") -> list[str]:
        """Where the run is, and what the discriminator answers if that was measured at this step."""
        now = self.measured if self.measured.get("step") == run.step else {}
        return position(run) + [f"{name} {now[name]:.3f}" for name in ANSWERS if name in now]


def newest_fakes(run: "Run", count: int) -> "Tensor | None":
    """Up to `count` of the very fakes that the step just played learnt from; None before any."""
    fakes = run.batch.shared.get("fakes") if run.batch else None
    return None if fakes is None else fakes[:count].detach().float().cpu()


def arrange(count: int, classes: int | None) -> "tuple[Tensor | None, int]":
    """Labels and columns of a grid of about `count`: a row for each class where rows get four and more."""
    if classes is None:
        return None, pictures.near_square(count)
    if count >= 4 * classes:
        return torch.arange(classes).repeat_interleave(count // classes), count // classes
    labels = torch.arange(count)
    return labels % classes if count >= classes else labels * classes // count, pictures.near_square(count)
