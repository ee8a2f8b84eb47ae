"""`ganzoo evaluate`: measure a trained generator."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli import _options, _output

if TYPE_CHECKING:
    from ganzoo.evaluation import Evaluation


@click.command("evaluate")
@click.argument("source", type=_options.FOLDER)
@click.option("--metric", multiple=True, metavar="NAME", help="A measure; may be repeated.  [by the data]")
@click.option("-n", "--count", type=int, metavar="N", help="Samples on each side.  [by the data]")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the noise.")
@click.option(
    "--extractor", metavar="NAME", default="auto", show_default=True, help="What gives the features."
)
@click.option("--dataset", metavar="NAME", help="The real samples, for a file outside its run directory.")
@click.option(
    "--set", "assignments", multiple=True, metavar="PART.OPTION=VALUE", help="Of dataset or a metric."
)
@click.option("--data", type=_options.FOLDER, envvar="GANZOO_DATA", help="Folder to look for data in first.")
@click.option("--generator", metavar="PATH", help="Where the generator is, if no package brings it.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
def command(source: Path, as_json: bool, assignments: tuple[str, ...], **given: Any) -> None:
    """Measure SOURCE, a run directory or a generator.safetensors file, against real samples.

    Beside every number stands its floor: the same number for real samples that were held out.
    """
    values = _options.pairs(assignments)
    _options.show_messages(quiet=as_json)

    from ganzoo import api

    result = api.evaluate(source, set=values, **given)
    if as_json:
        _output.write_json(result.to_table())
    else:
        _output.write("\n".join(lines(result)))


def lines(result: "Evaluation") -> Iterator[str]:
    """The evaluation as people read it."""
    compared = f"{result.source} against {result.dataset}"
    yield _output.printable(f"{compared}, {result.count:,} samples on each side, seed {result.seed}")
    yield table(result)
    yield f"  features  {result.extractor} {result.extractor_sha256[:12]}".rstrip()
    yield f"  floor     real samples held out of the comparison, from {result.held_out}"


def table(result: "Evaluation") -> str:
    """The numbers and their floors, a row each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=None, padding=(0, 2))
    rows.add_column("metric")
    rows.add_column("number")
    for name in ("value", "floor"):
        rows.add_column(name, justify="right")
    for metric, numbers in result.metrics.items():
        for name, one in numbers.items():
            cells = (metric, name, f"{one.value:.4g}", f"{one.floor:.4g}")
            rows.add_row(*(Text(_output.printable(cell)) for cell in cells))  # as text, not as rich's markup
    text = io.StringIO()
    Console(file=text, width=100, color_system=None).print(rows)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
