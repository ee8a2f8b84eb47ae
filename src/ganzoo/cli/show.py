"""`ganzoo show`: everything about the components of one name."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import click

from ganzoo import registry
from ganzoo.cli import _output
from ganzoo.cli.list_ import as_table
from ganzoo.errors import PluginError, UsageError
from ganzoo.options import Option, options_of, suggest
from ganzoo.recipe import LIST_ROLES, ROLES, Part, Recipe, plain_options
from ganzoo.registry import KINDS, Component, singular


@dataclass(frozen=True)
class Card:
    """A component and what its code says: its options, the recipe that it is, or why it is not importable."""

    component: Component
    options: tuple[Option, ...] = ()
    recipe: Recipe | None = None
    error: str = ""


def _complete_name(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return sorted({c.name for c in registry.components() if c.name.startswith(incomplete)})


def _complete_kind(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [singular(kind) for kind in KINDS if singular(kind).startswith(incomplete)]


@click.command("show")
@click.argument("name", shell_complete=_complete_name)
@click.option("--kind", shell_complete=_complete_kind, help="Only this kind, e.g. generator.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(name: str, kind: str | None, as_json: bool) -> None:
    """Show one component: options with types and defaults, paper, a recipe's parts.

    NAME is a name, PACKAGE/NAME or, with --kind, MODULE:ATTRIBUTE or ./FILE.py:NAME.
    """
    chosen = _choose(name, kind)
    cards = [read(component) for component in chosen]
    if as_json:
        _output.write_json([_table(card) for card in cards])
    else:
        _output.write("\n\n".join("\n".join(_lines(card)) for card in cards))
    for card in cards:
        if card.error:
            raise PluginError(card.error)
    for each in dict.fromkeys(c.kind for c in chosen):
        registry.find(each, name, typed=True)  # raises where two packages claim the name


def _choose(name: str, kind: str | None) -> list[Component]:
    if kind is not None:
        return [registry.find(registry.kind_of(kind), name, typed=True)]
    if ":" in name:
        raise UsageError(f"{name!r} is an import path: say what it is, e.g. --kind generator.")
    installed = registry.components()
    found = registry.named(name, installed)
    if not found:
        known = [c.full_name if "/" in name else c.name for c in installed]
        raise UsageError(f"nothing is named {name!r}.{suggest(name, known)}")
    return found


def read(component: Component) -> Card:
    """Import a component and read its options. Raises UsageError for a typed import path that is absent."""
    try:
        loaded = component.load()
        if component.kind == "recipes":
            if not isinstance(loaded, Recipe):
                raise PluginError(f"recipe {component.full_name} is a {type(loaded).__name__}, not a Recipe.")
            return Card(component, recipe=loaded)
        if component.kind == "commands":
            return Card(component)
        return Card(component, options=tuple(options_of(loaded).values()))
    except PluginError as error:
        return Card(component, error=str(error))


def _lines(card: Card) -> Iterator[str]:
    component = card.component
    summary, _, details = component.docstring.partition("\n")
    yield _output.heading(f"{singular(component.kind)} {_output.printable(component.name)}")
    yield from _output.rows(_facts(card, summary))
    if details.strip():
        yield ""
        yield from (f"  {_output.printable(line)}".rstrip() for line in details.strip().splitlines())
    if card.recipe:
        yield from _section("parts", _parts(card.recipe))
        numbers = [o for o in plain_options().values() if o.name != "paper"]
        yield from _section("numbers", _described(numbers, card.recipe))
    elif card.options:
        yield from _section("options", _described(card.options))


def _facts(card: Card, summary: str) -> list[tuple[str, str]]:
    component = card.component
    source = f"  ({component.source})" if component.source else ""
    facts = {
        "what": summary,
        "paper": card.recipe.paper if card.recipe else "",
        "package": f"{component.package} {component.version}" if component.version else "",
        "where": f"{component.value}{source}",
        "broken": card.error,
    }
    return [(key, text) for key, text in facts.items() if text]


def _section(title: str, pairs: list[tuple[str, str]]) -> Iterator[str]:
    yield ""
    yield "  " + _output.heading(title)
    yield from _output.rows(pairs, indent=4)


def _parts(recipe: Recipe) -> list[tuple[str, str]]:
    parts: list[tuple[str, Part]] = []
    for role in ROLES:
        value = getattr(recipe, role)
        parts += [(role, part) for part in (value if role in LIST_ROLES else [value]) if part is not None]
    return [
        (role, "  ".join([part.name, *(f"{k}={value_text(v)}" for k, v in part.options.items())]))
        for role, part in parts
    ]


def _described(options: list[Option] | tuple[Option, ...], values: object = None) -> list[tuple[str, str]]:
    """Names, and values or defaults with types, in columns."""
    texts = {o.name: "required" if o.required else value_text(o.default) for o in options}
    if values is not None:
        texts = {o.name: value_text(getattr(values, o.name)) for o in options}
    wide = max((len(text) for text in texts.values()), default=0)
    return [(o.name, f"{texts[o.name]:{wide}}  {o.type_text}") for o in options]


def value_text(value: Any) -> str:
    """A value as one would type it: `0.5,0.999`, `true`, `none`."""
    if isinstance(value, tuple | list):
        return ",".join(map(value_text, value))
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def _table(card: Card) -> dict[str, Any]:
    component = card.component
    return {
        **as_table(component),
        "docstring": component.docstring,
        "source": str(component.source) if component.source else None,
        "options": [_option_table(option) for option in card.options],
        "recipe": card.recipe.to_table() if card.recipe else None,
        "error": card.error or None,
    }


def _option_table(option: Option) -> dict[str, Any]:
    default = None if option.required else option.default
    if isinstance(default, float) and not math.isfinite(default):
        default = str(default)  # JSON has no infinity
    return {"name": option.name, "type": option.type_text, "required": option.required, "default": default}
