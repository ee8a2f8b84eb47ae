"""The code behind a component: its docstrings, read without executing it, and its import."""

import ast
import importlib
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ganzoo.errors import PluginError, UsageError
from ganzoo.options import suggest

# A docstring's first line where it is plain: no quotes or comments in the header, no escapes in the line.
_HEADER = r"""^(?:async +)?(?:def|class) +(\w+)(?>(?:[^"'#\n]|\n[ )])*?:\n)"""
_PLAIN = re.compile(_HEADER + r' +"""([^"\\\n]+)(?=\n|""")', re.MULTILINE)


def summary_of(value: str) -> str:
    """The first line of `docstring_of(value)`; ten times faster, so that thousands can be listed."""
    module, _, attribute = value.rpartition(":")
    plain = _plain_lines(module)
    if attribute in plain:
        return plain[attribute]
    return docstring_of(value).partition("\n")[0].strip()


@cache
def _plain_lines(module: str) -> Mapping[str, str]:
    path = source_of(module)
    try:
        text = path.read_text("utf-8") if path else ""
    except (OSError, ValueError):
        return {}
    return {name: line.strip() for name, line in _PLAIN.findall(text)}


def docstring_of(value: str) -> str:
    """The docstring of `module:attribute` or else of its module, without executing either; "" for none."""
    module, _, attribute = value.rpartition(":")
    found = _docstrings(module)
    return found.get(attribute) or found.get("", "")


@cache
def _docstrings(module: str) -> Mapping[str, str]:
    """The docstrings of a module (under "") and of its functions and classes."""
    path = source_of(module)
    if path is None:
        return {}
    try:
        with warnings.catch_warnings(action="ignore"):  # e.g. of "\d" in a plugin's source
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
    found = {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, kinds)}
    return {**found, "": ast.get_docstring(tree) or ""}


def source_of(module: str) -> Path | None:
    """The source file of a module or of `./file.py`, found without importing it or any of its parents."""
    if module.endswith(".py"):
        return Path(module).expanduser()
    top, *rest = module.split(".")
    # find_spec("a.b") would import a: look up the top-level name only, and walk the path from there.
    spec = _find_top(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    targets = [Path(folder, *rest) for folder in spec.submodule_search_locations or ()]
    candidates = (c for t in targets for c in (t.with_name(t.name + ".py"), t / "__init__.py"))
    return next((c for c in candidates if c.is_file()), None)


def _find_top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def load(value: str, label: str, *, typed: bool = False) -> Any:
    """Import `module:attribute` or, where the user typed it, `./file.py:Name`.

    Raises PluginError, with file and line, where that fails, and UsageError for a typed name that is absent.
    """
    target, _, attribute = value.rpartition(":")
    is_file = typed and target.endswith(".py")
    module = _import_file(Path(target), label) if is_file else _import_module(target, label, typed)
    try:
        return getattr(module, attribute)
    except AttributeError:
        names = [name for name in vars(module) if not name.startswith("_")]
        absent = UsageError if typed else PluginError
        raise absent(f"{label}: {target} has no {attribute!r}.{suggest(attribute, names)}") from None
    except Exception as error:  # a module may import what it names only now
        raise _broken(label, error, target) from error


def _import_module(name: str, label: str, typed: bool) -> ModuleType:
    if typed and _find_top(name.partition(".")[0]) is None:
        raise UsageError(f"{label}: there is no module {name!r}. For a file write ./FILE.py:NAME.")
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even raise SystemExit at import
        raise _broken(label, error, name) from error


def _import_file(path: Path, label: str) -> ModuleType:
    path = path.expanduser()
    if not path.is_file():
        raise UsageError(f"{label}: there is no file {path}.")
    name = module_of(f"{path}:")
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
        raise _broken(label, error, name) from error
    return module


def _broken(label: str, error: BaseException, module: str) -> PluginError:
    reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    return PluginError(f"{label} cannot be imported: {reason} ({where(error, module)})")


def where(error: BaseException, module: str = "") -> str:
    """The file and line that raised the error: the last in the package of `module`, where it took part."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    steps = frames(error)
    own = [step for step in steps if step.package == module.partition(".")[0]]
    return (own or steps or [Frame("", "", "no source")])[-1].place


@dataclass(frozen=True)
class Frame:
    """A line of code on the way to an error: top-level package, function as `Class.method`, `file:line`."""

    package: str
    function: str
    place: str


def frames(error: BaseException) -> list[Frame]:
    """The lines that led to an error, the one that raised it last, without Python's import machinery."""
    machinery = (__file__, importlib.__file__)
    return [
        Frame(
            str(frame.f_globals.get("__name__", "")).partition(".")[0],
            frame.f_code.co_qualname,
            f"{frame.f_code.co_filename}:{line}",
        )
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename not in machinery and not frame.f_code.co_filename.startswith("<frozen")
    ]


def module_of(value: str) -> str:
    """The name under which the module of `module:attribute` or `./file.py:Name` is imported."""
    target = value.rpartition(":")[0]
    return f"ganzoo_typed_{Path(target).stem}" if target.endswith(".py") else target
