"""The registry: components of every installed package, found by entry points and listed without importing any."""

import ast
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from ganzoo.errors import PluginError, UsageError
from ganzoo.options import suggest

CORE = "ganzoo"

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "recipes": "a whole GAN: parts by name plus plain numbers",
        "generators": "networks that make samples from noise",
        "discriminators": "networks that score samples",
        "losses": "what both players are told to minimise",
        "penalties": "terms added to the discriminator's loss",
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


@dataclass(frozen=True)
class Component:
    """One entry point: a named piece of a kind, and the package it comes from. Nothing is imported before `load`."""

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
        module, _, attribute = self.value.partition(":")
        return _first_lines(module).get(attribute) or _first_lines(module).get("", "")

    def load(self) -> Any:
        """Import the component. Raises PluginError, with file and line, where its package is broken."""
        return _import(self.value, f"{singular(self.kind)} {self.full_name}")


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
    for component in found:
        claims.setdefault((component.kind, component.name), []).append(component)
    clashes = [
        Problem(claim[-1].package, _clash_message(kind, name, claim))
        for (kind, name), claim in claims.items()
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
        return Component(kind, name, package="typed", version="", value=name)
    package, _, bare = name.rpartition("/")
    candidates = components(kind)
    matches = [c for c in candidates if c.name == bare and package in ("", c.package)]
    builtin = [c for c in matches if c.is_builtin]
    if builtin or len(matches) == 1:
        return (builtin or matches)[0]
    if matches:
        raise PluginError(_clash_message(kind, name, matches))
    elsewhere = [c.kind for c in components() if c.name == bare]
    known = [c.name for c in candidates] + [c.full_name for c in candidates if "/" in name]
    if elsewhere:
        raise UsageError(f"{name!r} is one of the {elsewhere[0]}, not of the {kind}.{suggest(name, known)}")
    raise UsageError(f"there is no {name!r} among the {kind}.{suggest(name, known)}")


def _clash_message(kind: str, name: str, claim: list[Component]) -> str:
    packages = " and ".join(f"{c.package} {c.version}" for c in claim)
    full = " or ".join(c.full_name for c in claim)
    return f"{packages} both bring {kind} named {name!r}. Write {full}, or remove one package."


def _scan() -> tuple[list[Component], list[Problem]]:
    """Components and problems of every distribution on the path, the first of each name winning."""
    found: list[Component] = []
    bad: list[Problem] = []
    seen: set[str] = set()
    for distribution in distributions():
        label = str(getattr(distribution, "_path", "an installed package"))
        try:
            if "ganzoo." not in (distribution.read_text("entry_points.txt") or ""):
                continue
            label, version = _canonical(distribution.metadata["Name"]), distribution.version
            if label not in seen:
                found += _components_of(distribution, label, version, bad)
            seen.add(label)
        except Exception as error:  # a damaged installation must not hide the healthy ones
            bad.append(Problem(label, f"its metadata cannot be read: {type(error).__name__}: {error}"))
    return found, bad


def _components_of(
    distribution: Distribution, package: str, version: str, bad: list[Problem]
) -> Iterator[Component]:
    for entry in distribution.entry_points:
        prefix, _, kind = entry.group.partition(".")
        if prefix != CORE:
            continue
        if kind not in KINDS:
            bad.append(Problem(package, f"{entry.group!r} is not a group of ganzoo.{suggest(kind, KINDS)}"))
        elif not _well_formed(entry):
            bad.append(Problem(package, f"{entry.group}: {entry.name} = {entry.value!r} is not module:attribute."))
        else:
            yield Component(kind, entry.name, package, version, entry.value.replace(" ", ""))


def _well_formed(entry: EntryPoint) -> bool:
    return re.fullmatch(r"[\w.]+\s*:\s*\w+", entry.value) is not None and re.fullmatch(
        r"[\w][\w.-]*", entry.name
    ) is not None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# Reading summaries from source ------------------------------------------------------------------------------


@cache
def _first_lines(module: str) -> dict[str, str]:
    """First docstring lines of a module ("") and of its functions and classes, without executing it."""
    path = source_of(module)
    if path is None:
        return {}
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    documented = (n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef))
    lines = {node.name: _first_line(ast.get_docstring(node)) for node in documented}
    return {**lines, "": _first_line(ast.get_docstring(tree))}


def source_of(module: str) -> Path | None:
    """The source file of a module, found without importing it or any of its parents."""
    top, *rest = module.split(".")
    # find_spec("a.b") would import a, so only the top-level name is looked up and the path is walked from there.
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    folders = [Path(p) for p in spec.submodule_search_locations or ()]
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in folders:
        target = folder.joinpath(*rest)
        for candidate in (target.with_name(target.name + ".py"), target / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _first_line(docstring: str | None) -> str:
    return docstring.strip().partition("\n")[0].strip() if docstring else ""


# Importing --------------------------------------------------------------------------------------------------


def _import(value: str, label: str) -> Any:
    target, _, attribute = value.rpartition(":")
    module = _import_file(Path(target), label) if target.endswith(".py") else _import_module(target, label)
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = [name for name in vars(module) if not name.startswith("_")]
        message = f"{label}: {target} has no {attribute!r}.{suggest(attribute, names)}"
        raise PluginError(message) from None


def _import_module(name: str, label: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even raise SystemExit at import
        raise _broken(label, error) from error


def _import_file(path: Path, label: str) -> ModuleType:
    path = path.expanduser()
    if not path.is_file():
        raise UsageError(f"{label}: there is no file {path}.")
    name = f"ganzoo_typed_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[name]
        raise _broken(label, error) from error
    return module


def _broken(label: str, error: BaseException) -> PluginError:
    return PluginError(f"{label} cannot be imported: {type(error).__name__}: {error} ({where(error)})")


def where(error: BaseException) -> str:
    """The file and line that raised the error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "no source"


def packages(found: Iterable[Component]) -> dict[str, str]:
    """Names and versions of the packages that bring these components."""
    return {c.package: c.version for c in found if c.version}
