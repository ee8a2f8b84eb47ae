"""Curves of several runs on one axis, and their samples side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ganzoo import figures, pictures
from ganzoo.callbacks.curves import smoothed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Records = Sequence[Mapping[str, float | None]]

COLOURS = (figures.REAL, figures.GENERATED, *figures.OTHERS, figures.DISCRIMINATOR)
STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)))  # one for each round through the colours
NOT_DRAWN = frozenset({"step", "images", "epoch"})
FIRST = ("kl", "g_loss", "d_loss", "d_accuracy", "p_real", "p_fake", "d_real", "d_fake")
MOST_PANELS = 5
MANY = 100


def curves(names: Sequence[str], records: Sequence[Records]) -> bytes | None:
    """A PNG file: a panel for each number that two runs or more recorded; None where there is none."""
    shown = shared(records)
    if not shown:
        return None
    many = any(len(run) > MANY for run in records)

    def paint(axes: Sequence["Axes"]) -> None:
        for panel, number in zip(axes, shown, strict=True):
            for each, (colour, style) in zip(records, looks(), strict=False):
                images, values = series(each, number)
                if len(values):
                    look = {"color": colour, "linestyle": style, "marker": "o" if len(values) == 1 else ""}
                    panel.plot(images, values, linewidth=1.5, **look)
            panel.set_title(number, loc="left", size=11, color=figures.INK, parse_math=False)
            panel.sharex(axes[0])
        for panel in axes[:-1]:
            panel.tick_params(labelbottom=False)
        figures.count_images(axes[-1], " (running mean)" if many else "")
        legend(axes[-1], names)

    return figures.draw(
        "The course of training", paint, [1.0] * len(shown), 1.3 + 2.0 * len(shown) + 0.25 * len(names)
    )


def shared(records: Sequence[Records]) -> list[str]:
    """The numbers to draw: those that at least two runs recorded, measures before losses."""
    counts = Counter(name for run in records for name in {n for record in run for n in record} - NOT_DRAWN)
    both = [name for name, count in counts.items() if count > 1 and not name.endswith("_floor")]
    measures = sorted(name for name in both if f"{name}_floor" in counts)
    known = [name for name in FIRST if name in both and name not in measures]
    others = sorted(n for n in both if n not in measures and n not in FIRST and _is_course(records, n))
    return [*measures, *known, *others][:MOST_PANELS]


def _is_course(records: Sequence[Records], number: str) -> bool:
    """Whether some run recorded a number more than once."""
    return any(sum(number in record for record in run) > 1 for run in records)


def series(records: Records, number: str) -> "tuple[figures.Numbers, figures.Numbers]":
    """Images seen and values of a number, smoothed where there are many."""
    pairs = [(r["images"], r[number]) for r in records if r.get(number) is not None and "images" in r]
    table = np.array(pairs, np.float64).reshape(-1, 2)
    images, values = table[:, 0], table[:, 1]
    return images, smoothed(values) if len(values) > MANY else values


def looks() -> Iterator[tuple[str, Any]]:
    """A colour and a line style for every run."""
    for style in STYLES:
        yield from ((colour, style) for colour in COLOURS)


def legend(axes: "Axes", names: Sequence[str]) -> None:
    """Say below the last panel which colour is which run, one a line: names of runs are long."""
    from matplotlib.lines import Line2D

    known = zip(names, looks(), strict=False)
    handles = [Line2D([], [], color=colour, linestyle=style) for _, (colour, style) in known]
    drawn = axes.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(0.0, -0.28),
        borderaxespad=0.0,
        ncols=1 if len(names) < 7 else 2,
        frameon=False,
        fontsize=10,
        labelcolor=figures.INK,
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)


def samples(names: Sequence[str], drawn: Sequence[Tensor]) -> bytes | None:
    """A PNG file of samples side by side, or, of vectors in the line or the plane, in one figure.

    None for vectors of more dimensions.
    """
    if drawn[0].dim() == 4:
        grids = [pictures.grid(each, (-1.0, 1.0)) for each in drawn]
        titled = [(n, c, g) for n, (c, _), g in zip(names, looks(), grids, strict=False)]
        return pictures.png(pictures.side_by_side(titled))
    if drawn[0][0].numel() > 2:
        return None
    values = [each.flatten(1).double().numpy() for each in drawn]
    return _histograms(names, values) if values[0].shape[1] == 1 else _clouds(names, values)


def _limits(values: "Sequence[figures.Numbers]") -> "tuple[figures.Numbers, figures.Numbers]":
    low, high = np.nanquantile(np.concatenate(values), (0.005, 0.995), axis=0)
    margin = np.where(high > low, 0.2 * (high - low), 1.0)
    return low - margin, high + margin


def _histograms(names: Sequence[str], values: "Sequence[figures.Numbers]") -> bytes:
    low, high = _limits(values)

    def paint(axes: Sequence["Axes"]) -> None:
        for each, (colour, style) in zip(values, looks(), strict=False):
            heights, edges = np.histogram(each[:, 0], figures.BINS, (low[0], high[0]))
            look: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.5}
            axes[0].stairs(heights / len(each), edges, **look)
        axes[0].set_xlabel("value")
        legend(axes[0], names)

    return figures.draw("Share of the samples", paint, height=4.4 + 0.25 * len(names))


def _clouds(names: Sequence[str], values: "Sequence[figures.Numbers]") -> bytes:
    low, high = _limits(values)

    def paint(axes: Sequence["Axes"]) -> None:
        for panel, each, name, (colour, _) in zip(axes, values, names, looks(), strict=False):
            panel.scatter(each[:, 0], each[:, 1], s=9, alpha=0.6, linewidths=0, color=colour)
            panel.set_xlim(low[0], high[0])
            panel.set_ylim(low[1], high[1])
            panel.set_aspect("equal")
            panel.set_title(name, loc="left", size=11, color=figures.INK, parse_math=False)

    return figures.draw("Samples", paint, [1.0] * len(names), 5.0 * len(names))
