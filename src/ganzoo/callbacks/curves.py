"""The course of training."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganzoo import figures
from ganzoo.callbacks._common import Pace, column, ended_in_order, keep, title
from ganzoo.hooks import hookimpl

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ganzoo.engine.run import Run
    from ganzoo.figures import Numbers

GROUPS = 300
MANY = 100
SECONDS = 60
FEW_STEPS = 5000
ANSWER = "probability of being real, says the discriminator"

NAMES = {
    "d_loss": ("discriminator", figures.DISCRIMINATOR),
    "g_loss": ("generator", figures.GENERATED),
    "d_real": ("D(x), real", figures.REAL),
    "d_fake": ("D(G(z)), generated", figures.GENERATED),
    "real_score": ("real", figures.REAL),
    "fake_score": ("generated", figures.GENERATED),
    "d_accuracy": ("discriminator", figures.DISCRIMINATOR),
    "g_accuracy": ("generator", figures.GENERATED),
}


class Curves:
    """The players' losses and the discriminator's answers over the images seen, in plots/losses.png."""

    def __init__(self) -> None:
        self.pace = Pace(SECONDS)

    @hookimpl(trylast=True)
    def record(self, run: "Run") -> None:
        """Draw now and then."""
        if self.pace.is_due():
            started = time.monotonic()
            self.draw(run)
            self.pace.done(started)

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw the whole course."""
        if ended_in_order(error):
            self.draw(run)

    def draw(self, run: "Run") -> None:
        """Draw all records so far; without any loss among them there is nothing to draw."""
        records = run.metrics.read()
        panels = panels_of(records, few_steps=run.step <= FEW_STEPS)
        if not panels:
            return

        def paint(axes: Sequence["Axes"]) -> None:
            for each, (label, names) in zip(axes, panels.items(), strict=True):
                paint_panel(each, label, names, records)
                each.sharex(axes[0])
            for each in axes[:-1]:
                each.tick_params(labelbottom=False)
            many = len(records) > 2 * GROUPS
            figures.count_images(axes[-1], " (line: median; band: nine in ten records)" if many else "")

        heights = [0.6 if "accuracy" in label else 1.0 for label in panels]
        content = figures.draw(
            f"{title(run)}: the course of training", paint, heights, 0.8 + 2.6 * sum(heights)
        )
        keep(run, "plots/losses.png", content)


def panels_of(records: Sequence[dict[str, float]], *, few_steps: bool) -> dict[str, list[str]]:
    """The panels, from top to bottom: the label of the axis and the numbers that it shows."""
    names = list(dict.fromkeys(name for record in records for name in record))
    panels: dict[str, list[str]] = {
        "loss": [name for name in names if name.endswith("_loss")],
        ANSWER: [name for name in ("d_real", "d_fake") if name in names],
        "mean score of the discriminator": [name for name in ("real_score", "fake_score") if name in names],
        "accuracy": [name for name in names if name.endswith("_accuracy") and few_steps],
    }
    return {label: shown for label, shown in panels.items() if shown} if panels["loss"] else {}


def paint_panel(axes: "Axes", label: str, names: Sequence[str], records: Sequence[dict[str, float]]) -> None:
    """One line for each number; where records are many, their mean or median over all of them."""
    others = iter(figures.OTHERS * len(names))
    for name in names:
        text, colour = NAMES.get(name) or (name.rpartition("_")[0].replace("_", " "), next(others))
        shown = [record for record in records if record.get(name) is not None]
        images, values = column(shown, "images"), column(shown, name)
        if len(records) > 2 * GROUPS and len(values) > GROUPS:
            images, low, values, high = summarised(images, values)
            axes.fill_between(images, low, high, color=colour, alpha=0.18, linewidth=0)
        elif len(values) > MANY:
            axes.plot(images, values, color=colour, linewidth=0.8, alpha=0.28)
            values = smoothed(values)
        marker = "o" if len(values) == 1 else ""
        axes.plot(images, values, marker=marker, color=colour, linewidth=1.6, label=text)
    if label in (ANSWER, "accuracy"):
        axes.set_ylim(-0.03, 1.03)
        axes.axhline(0.5, color="#999999", lw=1, ls=(0, (4, 3)), zorder=1)
    figures.head(axes, label)


def smoothed(values: "Numbers") -> "Numbers":
    """The running mean over a twentieth of all values."""
    half = len(values) // 40
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, half, "reflect"), 2 * half + 1)
    means: Numbers = windows.mean(axis=1)
    return means


def summarised(images: "Numbers", values: "Numbers") -> "tuple[Numbers, Numbers, Numbers, Numbers]":
    """Images seen and the 5 %, 50 % and 95 % quantiles of values, each of a group of neighbours."""
    groups = np.array_split(values, GROUPS)
    low, middle, high = np.array([np.quantile(group, (0.05, 0.5, 0.95)) for group in groups]).T
    return np.array([group.mean() for group in np.array_split(images, GROUPS)]), low, middle, high
