"""`ganzoo compare`: what differs between runs, and their curves and samples beside each other."""

import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli import _options, _output
from ganzoo.engine import directory
from ganzoo.errors import UsageError
from ganzoo.options import PositiveInt, convert

if TYPE_CHECKING:
    from ganzoo.comparison import Comparison

SHOWN = ("kl", "d_loss", "g_loss", "d_accuracy")


@click.command("compare")
@click.argument("runs", nargs=-1, type=_options.FOLDER)
@click.option("-n", "--count", type=int, default=36, show_default=True, help="Samples of each run.")
@click.option("--out", type=_options.FOLDER, metavar="DIR", help="Folder for the pictures.  [this one]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(runs: tuple[Path, ...], count: int, out: Path | None, as_json: bool) -> None:
    """Compare RUNS, run directories: their recipes, curves, samples and measures."""
    for run in runs:
        directory.existing(run)  # before torch is imported
    if len(runs) < 2:
        raise UsageError("name at least two run directories: ganzoo compare RUN RUN")
    convert("--count", PositiveInt, count)

    from ganzoo.comparison import compare

    found = compare(*runs, out=out, count=count)
    if as_json:
        _output.write_json(found.to_table())
    else:
        _output.write("\n".join(lines(found)))


def lines(found: "Comparison") -> list[str]:
    """The comparison as tables, and the pictures to look at."""
    told = tables(found)
    if not found.differences:
        told = ["The recipes and settings are the same.", "", *told]
    return [*told, *(f"look at {_output.printable(str(path))}" for path in found.files)]


def tables(found: "Comparison") -> list[str]:
    """Differences, measures with their floors, and the newest numbers, a column for each run."""
    rows: list[tuple[str, Sequence[str]]] = [
        (key, [text(value) for value in values]) for key, values in found.differences.items()
    ]
    for name, values in found.measures.items():
        rows.append((name, [text(one and one.value) for one in values]))
        rows.append(("  its floor", [text(one and one.floor) for one in values]))
    rows += [
        (f"{name}, newest", [text(value) for value in found.numbers[name]])
        for name in ("images", *SHOWN)
        if name in found.numbers
    ]
    return rendered(["", *found.names], rows)


def text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return "-"
    if isinstance(value, tuple | list):
        return ",".join(map(text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def rendered(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """The lines of a table whose first column is wide enough for its keys."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in head:
        table.add_column(Text(_output.printable(title)), overflow="fold")
    for key, cells in rows:
        table.add_row(Text(_output.printable(key), "cyan"), *(Text(_output.printable(c)) for c in cells))
    terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(file=StringIO(), force_terminal=terminal, width=None if terminal else 200)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
