"""`ganzoo.compare`: what differs between runs, and their curves and samples beside each other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo import comparison_pictures as pictures
from ganzoo import figures, storage
from ganzoo.engine import directory
from ganzoo.engine.generator_file import load
from ganzoo.engine.record import read_metrics
from ganzoo.engine.sampling import Trained
from ganzoo.errors import CheckpointError, UsageError
from ganzoo.recipe import LIST_ROLES, ROLES, Part, Recipe, plain_options

EVALUATIONS = "evaluations.jsonl"
SEED = 0
WATCHING = ("callback", "record_every_steps", "paper")  # change no weight


@dataclass(frozen=True)
class Finished:
    """What is kept of a run."""

    name: str
    directory: Path
    recipe: Recipe
    settings: Mapping[str, Any]
    records: Sequence[Mapping[str, float | None]]
    trained: Trained


@dataclass(frozen=True)
class Measured:
    """A number of an evaluation, and the floor that a perfect generator would reach."""

    value: float | None
    floor: float | None


@dataclass(frozen=True)
class Comparison:
    """What differs between runs.

    differences: by key, the value of each run, None where it has no such key. numbers: by name, the newest
    record of each run. measures: by name, the newest evaluation of each run. files: the pictures.
    """

    names: tuple[str, ...]
    directories: tuple[Path, ...]
    differences: Mapping[str, tuple[Any, ...]]
    numbers: Mapping[str, tuple[float | None, ...]]
    measures: Mapping[str, tuple[Measured | None, ...]]
    files: tuple[Path, ...]

    def to_table(self) -> dict[str, Any]:
        """The comparison as JSON shows it."""
        measures = {
            name: [one and {"value": one.value, "floor": one.floor} for one in values]
            for name, values in self.measures.items()
        }
        return {
            "runs": [str(path) for path in self.directories],
            "differences": {key: list(values) for key, values in self.differences.items()},
            "numbers": {name: list(values) for name, values in self.numbers.items()},
            "measures": measures,
            "files": [str(path) for path in self.files],
        }


def compare(*runs: Path | str, out: Path | str | None = None, count: int = 36) -> Comparison:
    """Compare run directories: their recipes, curves, samples and measures.

    out: a folder for compare.png and compare-samples.png, made where it is absent; by default the current
    one. count: pictures of each run, from the same seed; of vectors at least 1,000. Raises UsageError for
    what are no runs, for one run alone, and for runs whose samples have different shapes.
    """
    folders = [Path(run).expanduser() for run in runs]
    check(folders)
    found = [read(folder, name) for folder, name in zip(folders, names_of(folders), strict=True)]
    _check_shapes(found)
    target = Path() if out is None else Path(out).expanduser()
    if not target.is_dir():
        storage.make_folder(target)
    drawn_at_once = count if found[0].trained.spec.is_image else max(count, figures.POINTS)
    samples = [run.trained.sample(drawn_at_once, seed=SEED) for run in found]
    names = [run.name for run in found]
    drawn = {
        "compare.png": pictures.curves(names, [run.records for run in found]),
        "compare-samples.png": pictures.samples(names, samples),
    }
    files = tuple(target / name for name, content in drawn.items() if content is not None)
    for path in files:
        content = drawn[path.name]
        storage.write(path, content or b"")
    measures = _columns([evaluations(folder) for folder in folders])
    newest = _columns([_newest(run.records) for run in found])
    return Comparison(tuple(names), tuple(folders), differences(found), newest, measures, files)


def check(folders: Sequence[Path]) -> None:
    """Raise UsageError where these are not several different run directories."""
    for folder in folders:
        directory.existing(folder)
    if len({folder.resolve() for folder in folders}) < 2:
        raise UsageError(f"{len(folders) or 'no'} run was named; name at least two different ones.")


def names_of(folders: Sequence[Path]) -> list[str]:
    """Names that tell runs apart: those of their folders, or their paths where two have the same."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def read(folder: Path, name: str) -> Finished:
    """What is kept of a run. Raises UsageError and CheckpointError."""
    file = directory.read(folder)
    records = read_metrics(folder / "metrics.jsonl")
    return Finished(name, folder, Recipe.from_table(file.recipe), file.run, records, load(folder))


def _check_shapes(found: Sequence[Finished]) -> None:
    first = found[0]
    for other in found[1:]:
        if other.trained.spec.shape != first.trained.spec.shape:
            shapes = [f"{run.name} makes samples of {run.trained.spec.shape_text}" for run in (first, other)]
            raise UsageError(f"{' and '.join(shapes)}. Compare runs whose samples have one shape.")


def differences(found: Sequence[Finished]) -> dict[str, tuple[Any, ...]]:
    """The keys of recipe and settings in which runs that have them differ. What only watches is left out."""
    tables = [dict(_keys(run)) for run in found]
    keys = dict.fromkeys(key for table in tables for key in table)
    columns = {key: tuple(table.get(key) for table in tables) for key in keys}
    return {k: v for k, v in columns.items() if len({_text(x) for x in v if x is not None}) > 1}


def _keys(run: Finished) -> Iterator[tuple[str, Any]]:
    for role in ROLES:
        value = getattr(run.recipe, role)
        parts: Sequence[Part] = value if role in LIST_ROLES else () if value is None else (value,)
        if role in WATCHING:
            continue
        yield role, " + ".join(part.name for part in parts) or "none"
        for part in parts:
            path = f"{role}.{part.name}" if role in LIST_ROLES else role
            yield from ((f"{path}.{option}", value) for option, value in part.options.items())
    yield from ((name, getattr(run.recipe, name)) for name in plain_options() if name not in WATCHING)
    yield from run.settings.items()


def _text(value: Any) -> str:
    return repr(list(value) if isinstance(value, tuple) else value)


def _newest(records: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    newest: dict[str, float | None] = {}
    for record in records:
        newest |= record
    return newest


def _columns(tables: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    keys = dict.fromkeys(key for table in tables for key in table)
    return {key: tuple(table.get(key) for table in tables) for key in keys}


def evaluations(folder: Path) -> dict[str, Measured]:
    """The newest value of every number in a run's evaluations.jsonl. Raises CheckpointError."""
    path = folder / EVALUATIONS
    newest: dict[str, Measured] = {}
    try:
        lines = storage.read(path).splitlines()
        for line in lines:
            for numbers in json.loads(line)["metrics"].values():
                newest |= {name: Measured(one["value"], one["floor"]) for name, one in numbers.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} holds a line that is no evaluation: {error}. Remove it.") from error
    return newest
