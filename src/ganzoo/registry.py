"""The registry: components of every installed package, found by entry points, listed without an import."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ganzoo.errors import PluginError, UsageError
from ganzoo.options import suggest
from ganzoo.sources import docstring_of, load, source_of, summary_of
from ganzoo.sources import where as where  # part of this module's interface

CORE = "ganzoo"
TYPED = "typed"

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "recipes": "a whole GAN: parts by name plus plain numbers",
        "generators": "networks that make samples from noise",
        "discriminators": "networks that score samples",
        "losses": "what both players are told to minimise",
        "penalties": "terms added to the discriminator's loss",
        "constraints": "what the discriminator's weights keep to",
        "augmentations": "random changes to all that the discriminator sees",
        "datasets": "where the real samples come from",
        "games": "who plays and in what order",
        "optimizers": "how weights follow gradients",
        "schedules": "how a learning rate changes as images are seen",
        "metrics": "numbers that compare real and generated samples",
        "callbacks": "what is drawn and recorded on the way",
        "commands": "further commands of the command line",
    }
)


def singular(kind: str) -> str:
    """The word for one component of a kind: `loss` for `losses`."""
    return {"losses": "loss", "penalties": "penalty", "datasets": "data set"}.get(kind, kind[:-1])


def kind_of(word: str) -> str:
    """The kind that a word means, in singular or plural: `losses` for `loss`. Raises UsageError."""
    kinds = {form: kind for kind in KINDS for form in (kind, singular(kind), singular(kind).replace(" ", ""))}
    if word not in kinds:
        raise UsageError(f"{word!r} is not a kind of component.{suggest(word, KINDS)}")
    return kinds[word]


@dataclass(frozen=True)
class Component:
    """One entry point: a named piece of a kind and its package. Nothing is imported before `load`."""

    kind: str
    name: str
    package: str
    version: str
    value: str

    @property
    def is_builtin(self) -> bool:
        """Whether ganzoo itself brings it."""
        return self.package == CORE

    @property
    def full_name(self) -> str:
        """`package/name`, which is never ambiguous."""
        return f"{self.package}/{self.name}"

    @property
    def summary(self) -> str:
        """The first docstring line of the object or else of its module, read from the source."""
        return summary_of(self.value)

    @property
    def docstring(self) -> str:
        """The docstring of the object or else of its module, read from the source."""
        return docstring_of(self.value)

    @property
    def source(self) -> Path | None:
        """The file of its module, where that is Python source."""
        return source_of(self.value.rpartition(":")[0])

    def load(self) -> Any:
        """Import the component.

        Raises PluginError, with file and line, where its package is broken, and UsageError for a typed import
        path that does not exist.
        """
        typed = self.package == TYPED
        label = self.value if typed else self.full_name
        return load(self.value, f"{singular(self.kind)} {label}", typed=typed)


@dataclass(frozen=True)
class Problem:
    """Something about an installed package that `ganzoo doctor` reports."""

    package: str
    message: str


def components(kind: str | None = None) -> list[Component]:
    """All installed components, or those of one kind, by kind and name, built-in ones first."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"{kind!r} is not a kind of component.{suggest(kind, KINDS)}")
    found, _ = _scan()
    order = list(KINDS)
    chosen = [c for c in found if kind in (None, c.kind)]
    return sorted(chosen, key=lambda c: (order.index(c.kind), not c.is_builtin, c.name, c.package))


def problems() -> list[Problem]:
    """Unreadable packages, unknown groups and names that two packages claim; nothing is imported."""
    found, unreadable = _scan()
    claims: dict[tuple[str, str], list[Component]] = {}
    for component in sorted(found, key=lambda c: (not c.is_builtin, c.package)):
        claims.setdefault((component.kind, component.name), []).append(component)
    clashes = [
        Problem(claim[-1].package, _clash_message(kind, name, claim))
        for (kind, name), claim in sorted(claims.items())
        if len(claim) > 1
    ]
    return [*unreadable, *clashes]


def find(kind: str, name: str, *, typed: bool = False) -> Component:
    """The component of a kind by bare name or `package/name`; where the user typed it, also by import path.

    typed: accept `module:attribute` and `./file.py:Name`. Never set it for a name that was read from a file.
    Raises UsageError for an unknown name and PluginError for one that two packages claim.
    """
    if ":" in name:
        if not typed:
            raise UsageError(f"{name!r} is an import path, which is accepted only when you type it yourself.")
        return Component(kind, name, package=TYPED, version="", value=name)
    candidates = components(kind)
    matches = named(name, candidates)
    if len(matches) == 1 or (matches and matches[0].is_builtin):
        return matches[0]
    if matches:
        raise PluginError(_clash_message(kind, matches[0].name, matches))
    raise UsageError(_unknown_message(kind, name, candidates))


def named(name: str, candidates: Iterable[Component]) -> list[Component]:
    """The components that a bare name or `package/name` may mean, in the order given."""
    package, slash, bare = name.rpartition("/")
    package = _canonical(package)
    return [c for c in candidates if c.name == bare and (not slash or c.package == package)]


def _unknown_message(kind: str, name: str, candidates: list[Component]) -> str:
    if name.endswith(".py"):
        return f"{name!r} names a file; write {name}:NAME for what is in it."
    known = [c.full_name if "/" in name else c.name for c in candidates]
    elsewhere = [c.kind for c in named(name, components())]
    start = f"{name!r} is one of the {elsewhere[0]}, not" if elsewhere else f"there is no {name!r}"
    return f"{start} {'of' if elsewhere else 'among'} the {kind}.{suggest(name, known)}"


def _clash_message(kind: str, name: str, claim: list[Component]) -> str:
    packages = " and ".join(f"{c.package} {c.version}" for c in claim)
    if claim[0].is_builtin:
        others = " or ".join(c.full_name for c in claim[1:])
        return f"{packages} both bring {kind} named {name!r}: that is ganzoo's own, the other is {others}."
    full = " or ".join(c.full_name for c in claim)
    return f"{packages} both bring {kind} named {name!r}. Write {full}, or remove one package."


def _scan() -> tuple[list[Component], list[Problem]]:
    """Components and problems of every distribution on the path, the first of each name winning."""
    return _scanned(tuple((place, _contents(place)) for place in sys.path))


def _contents(place: str) -> tuple[int, int]:
    """What tells that something was installed into a folder of the path: its time, and how much it holds."""
    try:
        return os.stat(place or ".").st_mtime_ns, len(os.listdir(place or "."))
    except OSError:
        return 0, 0


@lru_cache(maxsize=1)
def _scanned(path: tuple[tuple[str, tuple[int, int]], ...]) -> tuple[list[Component], list[Problem]]:
    found: list[Component] = []
    bad: list[Problem] = []
    seen: set[str] = set()
    for distribution in distributions():
        label = str(getattr(distribution, "_path", "an installed package"))
        try:
            if "ganzoo." not in (distribution.read_text("entry_points.txt") or ""):
                continue
            label, version = _identity(distribution)
            if label not in seen:
                found += _components_of(distribution, label, version, bad)
            seen.add(label)
        except Exception as error:  # a damaged installation must not hide the healthy ones
            bad.append(Problem(label, f"its metadata cannot be read: {type(error).__name__}: {error}"))
    return found, bad


def _identity(distribution: Distribution) -> tuple[str, str]:
    name, version = distribution.metadata["Name"], distribution.metadata["Version"]
    if not name or not version:
        raise ValueError("it does not say its name and version")
    return _canonical(name), version


def _components_of(
    distribution: Distribution, package: str, version: str, bad: list[Problem]
) -> Iterator[Component]:
    seen: set[tuple[str, str]] = set()
    for entry in distribution.entry_points:
        prefix, _, kind = entry.group.partition(".")
        if prefix != CORE:
            continue
        if (kind, entry.name) in seen:
            bad.append(Problem(package, f"it names two {kind} {entry.name!r}; the second is left out."))
        elif kind not in KINDS:
            bad.append(Problem(package, f"{entry.group!r} is not a group of ganzoo.{suggest(kind, KINDS)}"))
        elif not _well_formed(entry):
            line = f"{entry.name} = {entry.value}"
            bad.append(Problem(package, f"{entry.group}: {line!r} is not name = module:attribute."))
        else:
            seen.add((kind, entry.name))
            yield Component(kind, entry.name, package, version, entry.value.replace(" ", ""))


def _well_formed(entry: EntryPoint) -> bool:
    # A module "x.py" would read as a file, and metadata must never name files.
    value = re.fullmatch(r"\w+(\.\w+)*(?<!\.py)\s*:\s*\w+", entry.value)
    return value is not None and re.fullmatch(r"\w[\w.-]*", entry.name) is not None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(found: Iterable[Component]) -> dict[str, str]:
    """Names and versions of the packages that bring these components."""
    return {c.package: c.version for c in found if c.version}
