"""The run directory: its name, its folders and run.toml, from which a run can be repeated."""

import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w

from ganzoo import storage
from ganzoo.errors import UsageError
from ganzoo.options import suggest
from ganzoo.recipe import Recipe

FORMAT = 1
FOLDERS = ("checkpoints", "samples", "plots")


@dataclass(frozen=True)
class Config:
    """What a run.toml or a user's own TOML file says: the recipe as tables, and settings."""

    recipe: Mapping[str, Any]
    run: Mapping[str, Any]
    name: str | None = None


def choose(out: Path | None, recipe: str, dataset: str) -> Path:
    """The directory of a new run: `out`, or the first free runs/RECIPE-DATASET-0001. Raises UsageError."""
    if out is not None:
        _check_name(out)
        if os.path.exists(out / "run.toml"):
            message = f"{out} holds a run already. Continue it with: ganzoo resume {out}"
            raise UsageError(f"{message}, or choose another --out.")
        if os.path.lexists(out):
            raise UsageError(f"{out} exists already. Choose another --out.")
        _check_writable(out.absolute().parent)
        return out
    runs = Path("runs")
    _check_writable(runs.absolute() if os.path.lexists(runs) else Path.cwd())
    name = as_name(f"{recipe}-{dataset}")
    taken = (re.fullmatch(rf"{re.escape(name)}-(\d+)", path.name) for path in runs.glob("*"))
    return runs / f"{name}-{max((int(m[1]) for m in taken if m), default=0) + 1:04d}"


def as_name(text: str) -> str:
    """A text as part of a file name: letters, digits, dots, dashes and underscores, at most 80 of them."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.")[:80]


def _check_writable(folder: Path) -> None:
    # os.path, not Path: below a folder that may not be entered, Path raises.
    if not os.path.isdir(folder):
        raise UsageError(f"there is no folder {folder}. Make it first, or choose another --out.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write in the folder {folder}. Choose another --out.")


def existing(path: Path) -> Path:
    """The directory of a run to go on with. Raises UsageError."""
    folder = path.expanduser()
    if not os.path.isfile(folder / "run.toml"):
        raise UsageError(f"{folder} is not a run directory: it has no run.toml.")
    for name in FOLDERS:
        if os.path.islink(folder / name):
            raise UsageError(
                f"{folder / name} is a link out of the run directory. Put a folder in its place."
            )
    return folder


def _check_name(out: Path) -> None:
    text = str(out)
    if not text.isprintable() or any(len(part) > 255 for part in out.parts):
        raise UsageError(
            f"{text!r:.80} is not a usable folder name. Use printable characters, at most 255 of them."
        )


def create(
    directory: Path, name: str, recipe: Recipe, run: Mapping[str, Any], packages: Mapping[str, str]
) -> None:
    """Make the directory of a run and its run.toml. Raises UsageError where that is not possible."""
    storage.make_folder(directory)
    for folder in FOLDERS:
        storage.make_folder(directory / folder)
    table = {
        "format": FORMAT,
        "name": as_name(name),
        "run": dict(run),
        "recipe": recipe.to_table(),
        "versions": versions(packages),
    }
    storage.write(directory / "run.toml", tomli_w.dumps(table).encode())


def versions(packages: Mapping[str, str]) -> dict[str, str]:
    """Versions of everything that takes part in a run."""
    found = {"python": platform.python_version()}
    for name in ("torch", "torchvision", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | dict(packages)


def read(path: Path) -> Config:
    """A run.toml, or a file of a user's own with some of its tables. Raises UsageError."""
    path = path / "run.toml" if os.path.isdir(path) else path
    try:
        table = tomllib.loads(storage.read(path).decode())
    except FileNotFoundError:
        raise UsageError(f"there is no {path}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    known = ("format", "name", "run", "recipe", "versions")
    for key in table:
        if key not in known:
            raise UsageError(f"{path} has a table {key!r}, which means nothing here.{suggest(key, known)}")
    if isinstance(table.get("format"), int) and table["format"] > FORMAT:
        raise UsageError(f"{path} was written by a newer ganzoo. Upgrade ganzoo to read it.")
    run, recipe, name = table.get("run", {}), table.get("recipe", {}), table.get("name")
    if not isinstance(run, dict) or not isinstance(recipe, dict) or not isinstance(name, str | None):
        raise UsageError(f"{path}: [run] and [recipe] must be tables and name must be text.")
    if name is not None and (not name or name != as_name(name)):
        allowed = "at most 80 letters, digits, dots, dashes and underscores"
        raise UsageError(f"{path}: the name is {name!r:.60}; it must be {allowed}.")
    return Config(recipe, run, name)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of a recipe with those of a file on top; a part of another name replaces the whole part."""
    merged = dict(base)
    lengths = {"epochs", "steps", "images"}
    if lengths & over.keys():
        merged = {key: value for key, value in merged.items() if key not in lengths}
    for key, value in over.items():
        old = merged.get(key)
        if (
            isinstance(old, dict)
            and isinstance(value, dict)
            and value.get("name", old["name"]) == old["name"]
        ):
            value = {**old, **value}
        merged[key] = value
    known = {f.name for f in fields(Recipe)}
    for key in merged:
        if key not in known:
            raise UsageError(f"a recipe has no {key!r}.{suggest(key, known)}")
    return merged
