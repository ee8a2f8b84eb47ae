"""Measuring a trained generator, with the floor of every number."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from ganzoo import storage
from ganzoo.datasets.base import DataFolders, Dataset, Samples, Split
from ganzoo.engine import directory, promises
from ganzoo.engine.generator_file import load
from ganzoo.engine.resolve import Resolved, look_up
from ganzoo.engine.sampling import Trained
from ganzoo.errors import MisfitError, UsageError
from ganzoo.extractors import NAMES
from ganzoo.extractors.classifier import digest
from ganzoo.measuring import Numbers, find
from ganzoo.options import suggest
from ganzoo.recipe import Part, Recipe
from ganzoo.reference import Reference, reference

FILE = "evaluations.jsonl"


@dataclass(frozen=True)
class Measured:
    """A number and its floor: the same for held-out real samples, which a perfect generator would get."""

    value: float
    floor: float


@dataclass(frozen=True)
class Evaluation:
    """What a generator measures.

    source: the file or run directory; generator_sha256: of its weights. count: samples on each side.
    extractor_sha256: of its weights, "" where it has none. metrics: the numbers of each, by their names.
    """

    source: str
    generator_sha256: str
    dataset: str
    held_out: str
    count: int
    seed: int
    extractor: str
    extractor_sha256: str
    metrics: Mapping[str, Mapping[str, Measured]]

    def to_table(self) -> dict[str, Any]:
        """The evaluation as JSON shows it; a number that is not finite is None."""
        return {**vars(self), "metrics": {metric: _plain(of) for metric, of in self.metrics.items()}}


def _plain(numbers: Mapping[str, Measured]) -> dict[str, dict[str, float | None]]:
    sides = {name: {"value": one.value, "floor": one.floor} for name, one in numbers.items()}
    return {name: {k: v if isfinite(v) else None for k, v in side.items()} for name, side in sides.items()}


def evaluate(
    source: Path | str,
    *,
    metric: str | Sequence[str] | None = None,
    count: int | None = None,
    seed: int = 0,
    dataset: str | None = None,
    set: Mapping[str, Any] | None = None,
    extractor: str = "auto",
    data: Path | str | None = None,
    generator: str | None = None,
) -> Evaluation:
    """Measure a generator, of a run directory or a file, against its data; a run keeps evaluations.jsonl.

    metric: names; without any those that suit the data. count: samples on each side. dataset: for a file that
    lies in no run directory. set: options of the data set and of metrics by path, e.g.
    {"precision-recall.neighbours": 5}. generator: an import path, for one that comes from no installed
    package. Raises the errors of `ganzoo.errors`.
    """
    path = Path(source).expanduser()
    if extractor not in NAMES:
        raise UsageError(f"there is no extractor {extractor!r}.{suggest(extractor, NAMES)}")
    trained = load(path, generator)
    folder, options = run_of(path), by_part(set or {})
    part = dataset_of(folder, dataset, options.pop("dataset", {}))
    names = [metric] if isinstance(metric, str) else list(metric or ())
    asked = find(names, options, typed=True) if names else []
    real = real_side(part, trained, DataFolders(Path(data) if data else None), count, extractor)
    metrics = asked or find(real.plan.metrics, options)
    size = len(real.real.samples)
    labels = real.wanted(trained.spec.classes) if trained.is_conditional else None
    drawn = real.side(trained.sample(size, labels, seed), labels)
    values, floors = real.measure(metrics, drawn), real.floor(metrics)
    result = Evaluation(
        source=str(source),
        generator_sha256=digest(trained.network),
        dataset=part.component.name,
        held_out=real.held_out_from,
        count=size,
        seed=seed,
        extractor=real.extractor.name,
        extractor_sha256=real.extractor.sha256,
        metrics={name: joined(values[name], floors[name]) for name in values},
    )
    if folder is not None:
        storage.append(folder / FILE, (json.dumps(result.to_table()) + "\n").encode())
    return result


def real_side(
    part: Resolved, trained: Trained, folders: DataFolders, count: int | None, extractor: str
) -> Reference:
    """The real samples to measure against. Raises MisfitError where they have another shape."""
    dataset: Dataset = part.build(folders)
    promises.dataset(part, dataset)
    if dataset.spec.shape != trained.spec.shape:
        shapes = f"samples of {trained.spec.shape_text}, the data set {part.component.name} holds"
        raise MisfitError(
            f"the generator makes {shapes} {dataset.spec.shape_text}. Name another with --dataset."
        )

    def samples(split: Split) -> Samples | None:
        return promises.samples(part, dataset.load(split), dataset.spec)

    return reference(part, dataset, samples, count, extractor)


def joined(values: Numbers, floors: Numbers) -> dict[str, Measured]:
    """Each number with its floor."""
    return {name: Measured(float(value), float(floors[name])) for name, value in values.items()}


def run_of(path: Path) -> Path | None:
    """The run directory that a path names or that its file lies in, or None."""
    folder = path if path.is_dir() else path.parent
    return folder if (folder / "run.toml").is_file() else None


def dataset_of(folder: Path | None, name: str | None, options: Mapping[str, Any]) -> Resolved:
    """The data set that the user names, or else that of the run, with options. Raises UsageError."""
    known = Recipe.from_table(directory.read(folder).recipe).dataset if folder is not None else None
    if name is None and known is None:
        raise UsageError("this file lies in no run directory: name the data set with --dataset NAME.")
    if known is None or (name is not None and name != known.name):
        known = Part(name or "")
    return look_up("dataset", known.with_options(**options), typed=name is not None)


def by_part(assignments: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"dataset.path": x}` as `{"dataset": {"path": x}}`. Raises UsageError."""
    table: dict[str, dict[str, Any]] = {}
    for path, value in assignments.items():
        name, dot, option = path.rpartition(".")
        if not dot or not name or not option:
            raise UsageError(f"--set {path}: write dataset.OPTION=VALUE or METRIC.OPTION=VALUE.")
        table.setdefault(name, {})[option] = value
    return table
