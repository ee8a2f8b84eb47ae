"""The leaderboard as a figure: every run a dot, every case a mean and a standard deviation."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganzoo import figures
from ganzoo.studies.leaderboard import Leaderboard, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE = 30.0  # a score whose largest mean is so many times the smallest is drawn on a logarithmic axis


def draw(board: Leaderboard) -> bytes | None:
    """The content of a PNG file, the best case at the top; None where no case has a score."""
    rows = [row for row in board.rows if not math.isnan(board.summary(row, board.score).mean)]
    if not rows:
        return None

    def paint(axes: Sequence["Axes"]) -> None:
        _paint(axes[0], board, rows)

    return figures.draw(f"{board.study.name}: {board.score}", paint, height=1.5 + 0.42 * len(rows))


def _paint(axes: "Axes", board: Leaderboard, rows: Sequence[Row]) -> None:
    values = [value for row in rows for value in row.values(board.score)]
    if min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_xscale("log")
    for place, row in enumerate(rows):
        each, summary = row.values(board.score), board.summary(row, board.score)
        dots: dict[str, Any] = {"s": 26, "alpha": 0.45, "linewidths": 0, "zorder": 3}
        axes.scatter(each, [place] * len(each), color=figures.GENERATED, **dots)
        bar = [place - 0.28, place + 0.28]
        axes.plot([summary.mean] * 2, bar, color=figures.INK, linewidth=2.2, zorder=4)
        if summary.sd > 0:
            ends = [summary.mean - summary.sd, summary.mean + summary.sd]
            axes.plot(ends, [place] * 2, color=figures.DISCRIMINATOR, linewidth=1.6, zorder=2)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False, axis="y")
    better = "lower" if board.study.best == "lowest" else "higher"
    axes.set_xlabel(f"{board.score}, {better} is better (bar: mean; line: 1 sd each way; dots: seeds)")
