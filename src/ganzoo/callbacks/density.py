"""The distribution of values, real and generated."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganzoo import figures
from ganzoo.callbacks._common import Pace, fakes_like, keep, position, title
from ganzoo.figures import Numbers
from ganzoo.hooks import hookimpl
from ganzoo.metrics.kl_histogram import histograms, kl_histogram
from ganzoo.metrics.moments import NAMES, moments
from ganzoo.options import NonNegativeFloat, PositiveInt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from ganzoo.engine.run import Run

MOST_VALUES = 10_000
SECONDS = 10
SIDES = (("real", figures.REAL), ("generated", figures.GENERATED))


class Density:
    """KL(real || fake) on the way, and at the end both densities and their moments, in plots/density.png.

    Of samples with several features, all their values are taken together. every_epochs: how often the
    divergence is recorded, 0 for only at the end; plots/histogram.png shows the newest. count: samples on
    each side.
    """

    def __init__(self, *, every_epochs: NonNegativeFloat = 10.0, count: PositiveInt = 1000) -> None:
        self.every_epochs, self.count, self.pace = every_epochs, count, Pace(SECONDS)

    @hookimpl
    def step_end(self, run: "Run") -> None:
        """Measure when it is time, and draw the histograms now and then."""
        if run.is_due(epochs=self.every_epochs):
            real, fake = self.measure(run)
            if self.pace.is_due():
                started = time.monotonic()
                draw_histograms(run, real, fake)
                self.pace.done(started)

    @hookimpl
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Measure a last time, unless the last step did, and draw everything."""
        if error is not None:
            return
        measured = run.is_due(epochs=self.every_epochs)
        real, fake = self.samples(run) if measured else self.measure(run)
        numbers = moments(real, fake)
        run.record(numbers)
        draw_histograms(run, real, fake)
        draw_densities(run, values_of(real), values_of(fake), numbers)

    def samples(self, run: "Run") -> "tuple[Tensor, Tensor]":
        """Real and generated samples, as many of each."""
        real, labels = run.real(self.count)
        return real, fakes_like(run, labels, len(real))

    def measure(self, run: "Run") -> "tuple[Tensor, Tensor]":
        """Record the divergence; the samples it was measured on."""
        real, fake = self.samples(run)
        run.record(kl_histogram(real, fake))
        return real, fake


def draw_histograms(run: "Run", real: "Tensor", fake: "Tensor") -> None:
    """Draw the histograms that the divergence compares."""
    edges, *counts = histograms(real, fake)
    divergence = kl_histogram(real, fake)["kl"]

    def paint(axes: Sequence["Axes"]) -> None:
        for (name, colour), heights in zip(SIDES, counts, strict=True):
            shares = heights / max(heights.sum(), 1)
            axes[0].stairs(shares, edges, fill=True, color=colour, alpha=0.25)
            axes[0].stairs(shares, edges, color=colour, linewidth=1.3, label=name)
        axes[0].set_xlabel(value_label(run))
        figures.head(axes[0], f"share of the values at {', '.join(position(run))}")

    text = f"{title(run)}: KL(real || generated) = {divergence:.3g}"
    keep(run, "plots/histogram.png", figures.draw(text, paint))


def draw_densities(run: "Run", real: Numbers, fake: Numbers, numbers: Mapping[str, float]) -> None:
    """Draw both densities, with a table of the moments beneath."""
    span, both = real.max() - real.min() or 1.0, np.concatenate((real, fake))
    # A generator that is far off is shown too, but not so that the real density becomes a needle.
    low = max(both.min(), real.min() - 2 * span) - 0.15 * span
    high = min(both.max(), real.max() + 2 * span) + 0.15 * span
    at = np.linspace(low, high, 512)

    def paint(axes: Sequence["Axes"]) -> None:
        for (name, colour), values in zip(SIDES, (real, fake), strict=True):
            heights = kernel_density(values, at, narrowest=span / 500)
            axes[0].fill_between(at, heights, color=colour, alpha=0.15, linewidth=0)
            axes[0].plot(at, heights, color=colour, lw=1.8, label=name)
        axes[0].set(xlabel=value_label(run), xlim=(low, high))
        axes[0].set_ylim(bottom=0)
        figures.head(axes[0], f"density at {', '.join(position(run))}")
        write_table(axes[1], numbers)

    text = f"{title(run)}: the values of both sides"
    keep(run, "plots/density.png", figures.draw(text, paint, (1.0, 0.22), 5.6))


def write_table(axes: "Axes", numbers: Mapping[str, float]) -> None:
    """Write the moments of both sides as a table, a row for each side."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(3, 0))
    places = np.linspace(0.36, 1.0, len(NAMES))
    for place, name in zip(places, NAMES, strict=True):
        text = "excess kurtosis" if name == "kurtosis" else name
        axes.text(place, 0.5, text, ha="right", va="center", size=10.5, color="#666666")
    for row, (prefix, (label, colour)) in enumerate(zip(("real", "fake"), SIDES, strict=True), start=1):
        axes.text(0.0, row + 0.5, label, va="center", size=11, color=colour, weight="bold")
        for place, name in zip(places, NAMES, strict=True):
            text = f"{numbers[f'{prefix}_{name}']:.3f}".replace("-", "\N{MINUS SIGN}").replace("nan", "–")
            axes.text(place, row + 0.5, text, ha="right", va="center", size=11, color=figures.INK)


def kernel_density(values: Numbers, at: Numbers, narrowest: float) -> Numbers:
    """The Gaussian kernel density estimate of `values` at some places, with Scott's factor.

    Source: Scott, Multivariate Density Estimation, 1992, equation 6.42.
    narrowest: the smallest standard deviation of a kernel, for values that are all the same.
    """
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    width = max(spread * len(values) ** -0.2, narrowest)
    distances = (at[:, None] - values[None, :]) / width
    heights: Numbers = np.exp(-0.5 * distances**2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
    return heights


def values_of(samples: "Tensor") -> Numbers:
    """All values of some samples; of very many, some that are spread evenly."""
    values: Numbers = samples.detach().flatten().double().cpu().numpy()
    return values[np.arange(min(len(values), MOST_VALUES)) * len(values) // min(len(values), MOST_VALUES)]


def value_label(run: "Run") -> str:
    """What the values on the horizontal axis are."""
    if run.spec.is_image:
        return "value of a pixel, all pixels together"
    return (
        "value"
        if run.spec.features == 1
        else f"value of a feature, all {run.spec.features} features together"
    )
