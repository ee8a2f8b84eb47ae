"""`ganzoo list`: what is installed, read from package metadata and source without importing anything."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

import click

from ganzoo import registry
from ganzoo.cli import COMMANDS, _output
from ganzoo.registry import KINDS, Component


def _complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


@click.command("list")
@click.argument("kind", required=False, shell_complete=_complete_kind)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(kind: str | None, as_json: bool) -> None:
    """List what is installed, by kind, with the package it comes from."""
    found = registry.components(None if kind is None else registry.kind_of(kind))
    if as_json:
        _output.write_json([as_table(component) for component in found])
    elif found:
        _output.write("\n".join(_lines(found)))
    else:
        _output.message(f"no {kind or 'components'} are installed.")


def as_table(component: Component) -> dict[str, str]:
    """A component as JSON shows it."""
    return {
        "kind": component.kind,
        "name": component.name,
        "package": component.package,
        "version": component.version,
        "summary": component.summary,
        "value": component.value,
    }


def _lines(found: Iterable[Component]) -> Iterator[str]:
    for index, (kind, group) in enumerate(groupby(found, key=lambda c: c.kind)):
        if index:
            yield ""
        yield _output.heading(kind, KINDS[kind])
        members = list(group)
        claims = Counter([*(COMMANDS if kind == "commands" else ()), *(c.name for c in members)])
        yield from _output.rows((_name(c, claims[c.name] > 1), _text(c)) for c in members)


def _name(component: Component, contested: bool) -> str:
    """What to type for it: the bare name, or `package/name` where the bare one means something else."""
    return component.full_name if contested and not component.is_builtin else component.name


def _text(component: Component) -> str:
    return component.summary if component.is_builtin else f"{component.summary} [{component.package}]".strip()
