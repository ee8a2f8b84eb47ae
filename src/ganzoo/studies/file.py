"""The study file: which words of `ganzoo run` are crossed, checked without importing any part."""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from ganzoo import storage
from ganzoo.errors import UsageError
from ganzoo.options import PositiveInt, convert, options_of, suggest
from ganzoo.recipe import ROLES, plain_options
from ganzoo.settings import Settings

SETTINGS = options_of(Settings)
LISTS = ("penalty", "constraint", "augmentation", "callback")
PARTS = ("recipe", *(role for role in ROLES if role not in LISTS))
LENGTHS = ("epochs", "steps", "images")
# Every word that a study may fix or cross, with its type; paths as in --set come on top.
WORDS: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(PARTS, str),
        **dict.fromkeys(LISTS, tuple[str, ...]),
        **{name: option.type for name, option in plain_options().items() if name != "paper"},
        **{name: option.type for name, option in SETTINGS.items()},
        "checkpoint_every": float | str,
        "data": str,
    }
)
KEYS = ("name", "about", "metrics", "samples", "score", "best", "run", "grid", "case")


@dataclass(frozen=True)
class Combination:
    """One run as words of the command line; runs that differ in the seed alone share a label."""

    label: str
    seed: int
    words: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study file says.

    metrics: names of metrics, those that suit the data by default; samples: on how many generated and as many
    real samples, None for what is usual for the data. score: the number that ranks the cases, by default the
    first that the first metric gives; best: which of its values wins.
    """

    name: str
    combinations: tuple[Combination, ...]
    about: str = ""
    metrics: tuple[str, ...] = ()
    samples: int | None = None
    score: str | None = None
    best: Literal["lowest", "highest"] = "lowest"


def read(path: Path) -> Study:
    """The study of a file. Raises UsageError."""
    try:
        table = tomllib.loads(storage.read(path).decode())
    except FileNotFoundError:
        raise UsageError(f"there is no {path}.") from None
    except (OSError, ValueError, RecursionError) as error:
        hint = ' Put options in quotes: "generator.width" = 64.' if "overwrite a value" in str(error) else ""
        raise UsageError(f"{path} cannot be read: {error}.{hint}") from error
    try:
        return parse(table, path.stem)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parse(table: Mapping[str, Any], name: str = "study") -> Study:
    """The study of a file's tables; `name` is that of a study that has none of its own. Raises UsageError."""
    for key in table:
        if key not in KEYS:
            place = f" It belongs into [run] or [grid]: {key!r} is a word of a run." if key in WORDS else ""
            raise UsageError(f"a study has no {key!r}.{place or suggest(key, KEYS)}")
    kinds = {
        "name": str,
        "about": str,
        "metrics": tuple[str, ...],
        "samples": PositiveInt,
        "score": str,
        "best": Literal["lowest", "highest"],
    }
    given = {key: convert(key, kind, table[key]) for key, kind in kinds.items() if key in table}
    name = given.setdefault("name", name)
    if not re.fullmatch(r"\w[\w.-]{0,79}", name):
        raise UsageError(f"name is {name!r:.80}; use letters, digits, dots and dashes, at most 80.")
    fixed, grid, cases = _fixed(table), _grid(table), _cases(table)
    combinations = tuple(_combinations(fixed, grid, cases))
    _refuse_same(combinations)
    return Study(combinations=combinations, **given)


def _fixed(table: Mapping[str, Any]) -> dict[str, Any]:
    return {word: _value(f"[run] {word}", word, value) for word, value in _words("[run]", table, "run")}


def _grid(table: Mapping[str, Any]) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {}
    for word, values in _words("[grid]", table, "grid"):
        if not isinstance(values, list):
            raise UsageError(f"[grid] {word} is {values!r}; write a list, or put it into [run].")
        if not values:
            raise UsageError(f"[grid] {word} is an empty list, so nothing would run. Give it values.")
        grid[word] = [_value(f"[grid] {word}", word, value) for value in values]
        twice = next((v for i, v in enumerate(grid[word]) if v in grid[word][:i]), None)
        if twice is not None:
            raise UsageError(f"[grid] {word} has {_text(word, twice)} twice. Take one away.")
    return grid


def _cases(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = {}
    entries = table.get("case", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError("case must be tables: write [[case]] above each.")
    for number, entry in enumerate(entries, 1):
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"[[case]] {number} has no name. Give it one, as text.")
        if name in cases:
            raise UsageError(f"two cases are named {name!r}. Choose another name for one.")
        where = f"case {name!r}:"
        inner = {"case": {word: value for word, value in entry.items() if word != "name"}}
        cases[name] = {w: _value(f"{where} {w}", w, v) for w, v in _words(where, inner, "case")}
    return cases


def _words(where: str, table: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    """Words and values of a table; `generator.width` may be written with quotes or without."""
    inner = table.get(key, {})
    if not isinstance(inner, dict):
        raise UsageError(f"{key} must be a table: write [{key}] above its lines.")
    for word, value in _flat(inner):
        known = [*WORDS, *(f"{role}.OPTION" for role in ROLES)]
        if word not in WORDS and word.partition(".")[0] not in (ROLES if "." in word else ()):
            raise UsageError(f"{where} has {word!r}, which is no word of a run.{suggest(word, known)}")
        yield word, value


def _flat(table: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value


def _value(where: str, word: str, value: Any) -> Any:
    if word not in WORDS:  # an option of a part, which is checked when the part is looked up
        return tuple(value) if isinstance(value, list) else value
    if word in LISTS and isinstance(value, str):
        value = [value]
    if isinstance(value, list) and word not in (*LISTS, "value_range"):
        raise UsageError(f"{where} is a list; several values to be crossed belong into [grid].")
    found = convert(where, WORDS[word], value)
    paths = [name for name in (found if isinstance(found, tuple) else (found,)) if ":" in str(name)]
    if paths and word in (*PARTS, *LISTS):
        raise UsageError(f"{where} is the import path {paths[0]!r}; nothing that a file names is imported.")
    return found


def _combinations(
    fixed: Mapping[str, Any], grid: Mapping[str, Sequence[Any]], cases: Mapping[str, Mapping[str, Any]]
) -> Iterator[Combination]:
    """Every case, or the one that [run] describes, crossed with the grid; the seed varies fastest."""
    for word in grid:
        owners = ["[run]"] * (word in fixed) + [f"case {n!r}" for n, own in cases.items() if word in own]
        if owners:
            raise UsageError(f"[grid] and {owners[0]} both say {word}. Take it out of one.")
    crossed = sorted(grid, key=lambda word: word == "seed")
    for name, own in (cases or {"": {}}).items():
        for values in itertools.product(*(grid[word] for word in crossed)):
            chosen = dict(zip(crossed, values, strict=True))
            words = {**_without_length(fixed, {**own, **chosen}), **own, **chosen}
            lengths = [length for length in LENGTHS if length in words]
            if len(lengths) > 1:
                raise UsageError(f"{' and '.join(lengths)} are given; a run has one length.")
            seed = words.pop("seed", 0)
            told = [_text(word, value) for word, value in chosen.items() if word != "seed"]
            label = ", ".join([*([name] if name else []), *told]) or str(words.get("recipe", "run"))
            yield Combination(label, seed, MappingProxyType(words))


def _without_length(fixed: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    return {w: v for w, v in fixed.items() if w not in LENGTHS or not own.keys() & set(LENGTHS)}


def _text(word: str, value: Any) -> str:
    """A word and its value as a label says them: `hinge`, `r1 + r2`, `generator.width=64`."""
    if word in LISTS:
        names = [name for name in value if name != "none"]
        return " + ".join(names) or f"no {word}"
    if word in PARTS:
        return str(value)
    shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
    return f"{word}={str(shown).lower() if isinstance(shown, bool) else shown}"


def _refuse_same(combinations: Sequence[Combination]) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for one in combinations:
        key = (one.seed, *sorted((word, str(value)) for word, value in one.words.items()))
        if key in seen:
            raise UsageError(f"the cases {seen[key]!r} and {one.label!r} are the same. Take one away.")
        seen[key] = one.label
