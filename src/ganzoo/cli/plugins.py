"""`ganzoo plugins`: the packages that bring components."""

from collections import Counter

import click

from ganzoo import registry
from ganzoo.cli import _output
from ganzoo.registry import singular


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> None:
    """List the packages that bring components, and how many of each kind."""
    found = registry.components()
    versions = registry.packages(found)
    counts = {name: Counter(c.kind for c in found if c.package == name) for name in versions}
    if as_json:
        _output.write_json(
            [{"package": n, "version": v, "components": dict(counts[n])} for n, v in versions.items()]
        )
        return
    lines = _output.rows((f"{n} {v}", _counted(counts[n])) for n, v in versions.items())
    _output.write("\n".join([_output.heading("packages", "which bring components"), *lines]))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {singular(kind) if n == 1 else kind}" for kind, n in counts.items())
