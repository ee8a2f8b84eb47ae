"""Figures in ganzoo's colours: clean axes, one colour for real samples and one for generated ones.

matplotlib is imported when the first figure is drawn, and none of its global state is used.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganzoo import pictures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = NDArray[np.float64]

# Colours that colour-blind people tell apart (Okabe and Ito, 2008, https://jfly.uni-koeln.de/color/).
REAL = "#0072B2"
GENERATED = "#D55E00"
DISCRIMINATOR = "#4D4D4D"
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#222222"
FAINT = "#E4E4E4"

BINS = 60
POINTS = 1000


def draw(
    title: str,
    paint: Callable[[Sequence["Axes"]], None],
    panels: Sequence[float] = (1.0,),
    height: float = 4.4,
) -> bytes:
    """A figure of panels with these relative heights, one above the other, as the content of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, height), dpi=150, layout="constrained", facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)  # whose methods have no types
    axes = list(figure.subplots(len(panels), 1, squeeze=False, height_ratios=list(panels))[:, 0])
    for each in axes:
        _clean(each)
    paint(axes)
    _write_title(figure, title)
    canvas.draw()
    # Not savefig, which would follow a style that the user has set.
    return pictures.png(np.asarray(canvas.buffer_rgba())[:, :, :3])


def _clean(axes: "Axes") -> None:
    axes.set_facecolor("white")
    axes.grid(True, color=FAINT, linewidth=0.8, linestyle="-")
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=10, length=0, pad=5)
    axes.xaxis.label.set(color=INK, size=11)
    axes.yaxis.label.set(color=INK, size=11)
    for name, spine in axes.spines.items():
        spine.set(visible=name == "bottom", color="#999999", linewidth=0.8)


def _write_title(figure: "Figure", title: str) -> None:
    # Names in a title are text: a dollar sign must not start a formula.
    text = figure.suptitle(title, x=0.012, ha="left", size=13, weight="bold", color=INK, parse_math=False)
    room = 0.94 * figure.bbox.width / text.get_window_extent().width
    text.set_fontsize(13 * min(room, 1.0))


def head(axes: "Axes", text: str) -> None:
    """Say above a panel, at the left, what it shows, and at the right which colour is what."""
    axes.set_title(text, loc="left", size=11, color=INK, parse_math=False)
    columns = len(axes.get_legend_handles_labels()[1])
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.0,
        ncols=columns,
        frameon=False,
        fontsize=10.5,
        labelcolor=INK,
    )


def count_epochs(axes: "Axes") -> None:
    """A horizontal axis of epochs, marked at whole ones."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def count_images(axes: "Axes", note: str = "") -> None:
    """A horizontal axis of images seen: 200k, 1.2M; the note comes after its name."""
    from matplotlib.ticker import EngFormatter

    axes.set_xlabel(f"images seen{note}")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def vectors(title: str, real: Tensor | None, fake: Tensor) -> bytes | None:
    """A histogram of samples (N, 1) or a scatter plot of samples (N, 2), fake over real; None for others.

    The real samples, where there are any, decide what part of the space is shown.
    """
    features = fake[0].numel()
    if features not in (1, 2):
        return None
    sides = [_array(side) for side in (real, fake) if side is not None]
    low, high = _limits(sides[0])
    outside = 1 - ((sides[-1] >= low) & (sides[-1] <= high)).all(axis=1).mean()
    note = f"; {outside:.1%} of the generated lie outside" if outside else ""
    named = list(zip(sides, ((REAL, "real"), (GENERATED, "generated"))[-len(sides) :], strict=True))

    def paint(axes: Sequence["Axes"]) -> None:
        for values, (colour, name) in named:
            if features == 1:
                _paint_histogram(axes[0], values[:, 0], (low[0], high[0]), colour, name)
            else:
                _paint_points(axes[0], values, colour, name)
        axes[0].set_xlim(low[0], high[0])
        if features == 2:
            axes[0].set_ylim(low[1], high[1])
            axes[0].set_aspect("equal")
        head(axes[0], ("share of the samples" if features == 1 else f"{len(fake):,} samples") + note)

    return draw(title, paint, height=4.4 if features == 1 else 7.4)


def _array(samples: Tensor) -> Numbers:
    values: Numbers = samples.detach().flatten(1).double().cpu().numpy()
    return values


def _limits(values: Numbers) -> tuple[Numbers, Numbers]:
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    margin = np.where(high > low, 0.25 * (high - low), 1.0)
    return low - margin, high + margin


def _paint_histogram(
    axes: "Axes", values: Numbers, limits: tuple[float, float], colour: str, name: str
) -> None:
    heights, edges = np.histogram(values, BINS, limits)
    axes.stairs(heights / len(values), edges, fill=True, color=colour, alpha=0.25)
    axes.stairs(heights / len(values), edges, color=colour, linewidth=1.4, label=name)
    axes.set_xlabel("value")


def _paint_points(axes: "Axes", values: Numbers, colour: str, name: str) -> None:
    faint: dict[str, Any] = {"s": 14, "alpha": 0.25} if colour == REAL else {"s": 9, "alpha": 0.6}
    axes.scatter(values[:, 0], values[:, 1], color=colour, linewidths=0, label=name, **faint)
