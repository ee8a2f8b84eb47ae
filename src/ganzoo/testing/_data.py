"""Contract checks of data sets and metrics."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import isclose
from typing import Any

import torch
from torch import Tensor

from ganzoo import measuring
from ganzoo.datasets.base import DataFolders, Modes, Samples
from ganzoo.engine import promises
from ganzoo.errors import DataError, MisfitError
from ganzoo.extractors import Extractor
from ganzoo.measuring import Numbers, Side
from ganzoo.spec import DataSpec
from ganzoo.testing._common import (
    SPECS,
    Check,
    ContractError,
    Subject,
    Untried,
    draw,
    leaves_the_process,
)


def _dataset(subject: Subject) -> Any:
    dataset = subject.part.build(DataFolders(download=False))
    promises.dataset(subject.part, dataset)
    return dataset


def _training(subject: Subject, dataset: Any) -> Samples:
    """The training samples. Raises Untried where the files are absent: nothing is downloaded for a check."""
    try:
        loaded = promises.samples(subject.part, dataset.load("train"), dataset.spec)
    except DataError as error:
        raise Untried(f"the data cannot be loaded here: {error}") from error
    if loaded is None:
        raise ContractError(
            f"{subject.part.origin} breaks its contract: expected training samples, got none."
        )
    return loaded


def _exercise_dataset(subject: Subject) -> None:
    _training(subject, _dataset(subject))


def _check_spec(subject: Subject) -> None:
    dataset = _dataset(subject)
    subject.expect(dataset.spec == dataset.spec, "one spec", "another each time")


def _check_samples(subject: Subject) -> None:
    _training(subject, _dataset(subject))


def _check_size(subject: Subject) -> None:
    dataset = _dataset(subject)
    count, size = len(_training(subject, dataset)), dataset.spec.size
    subject.expect(0 < count <= size, f"{size} training samples", count)


def _check_same_samples(subject: Subject) -> None:
    first = _training(subject, _dataset(subject))
    again = _training(subject, _dataset(subject))
    equal = torch.equal(first.values, again.values)
    if first.labels is not None and again.labels is not None:
        equal = equal and torch.equal(first.labels, again.labels)
    subject.expect(equal, "the same samples again", "others")


def _check_test_split(subject: Subject) -> None:
    dataset = _dataset(subject)
    try:
        promises.samples(subject.part, dataset.load("test"), dataset.spec)
    except DataError as error:
        raise Untried(f"the data cannot be loaded here: {error}") from error


DATASETS = (
    leaves_the_process(_exercise_dataset),
    Check("spec", "spec is a DataSpec, known before anything is loaded", _check_spec),
    Check("samples", "training samples have the shape, range and labels that spec says", _check_samples),
    Check("size", "there are no more samples than spec says, and at least one", _check_size),
    Check("repeat", "the samples are the same every time", _check_same_samples),
    Check("test split", "the test samples are as spec says, or None", _check_test_split),
)


@dataclass(frozen=True)
class _Scene:
    """Real samples and fakes, the fakes in another order, and the modes of the real ones, if any."""

    real: Side
    fake: Side
    turned: Side
    modes: Modes | None

    def numbers(self, subject: Subject, *, turned: bool = False) -> Numbers:
        """What the metric says. Raises MisfitError where it refuses such samples."""
        return measuring.call(subject.part, self.real, self.turned if turned else self.fake, self.modes)


def _scene(spec: DataSpec) -> _Scene:
    count = spec.classes or 4
    extractor = Extractor("contract", partial(_read, classes=count), "", count)
    real, (fake, labels) = draw(spec, 50, 1)[0], draw(spec, 50, 2)
    turned = None if labels is None else labels.flip(0)
    modes = Modes(draw(spec, 5)[0], 0.5) if len(spec.shape) == 1 else None
    fakes = Side(fake, extractor, labels), Side(fake.flip(0), extractor, turned)
    return _Scene(Side(real, extractor), *fakes, modes)


def _read(samples: Tensor, *, classes: int) -> tuple[Tensor, Tensor]:
    """Three features of any samples, and classes that follow them."""
    x = samples.flatten(1)
    features = torch.stack((x.mean(1), x.amax(1), x[:, 0]), 1)
    return features, (features[:, 2] * 1000).long() % classes


def _measured(subject: Subject) -> Iterator[tuple[_Scene, Numbers]]:
    """The samples that a metric measures, and what it says of them."""
    for spec in SPECS:
        scene = _scene(spec)
        try:
            yield scene, scene.numbers(subject)
        except MisfitError:
            continue


def _exercise_metric(subject: Subject) -> None:
    for _ in _measured(subject):
        pass


def _check_measures(subject: Subject) -> None:
    refusals = []
    for spec in SPECS:
        try:
            _scene(spec).numbers(subject)
        except MisfitError as error:
            refusals.append(str(error))
    found = f"refusals: {' '.join(refusals)}"
    subject.expect(len(refusals) < len(SPECS), "that it measures some samples", found)


def _check_same_numbers(subject: Subject) -> None:
    for scene, numbers in _measured(subject):
        again = scene.numbers(subject)
        subject.expect(_same(numbers, again, 0.0), "the same numbers again", f"{numbers}, then {again}")


def _check_order(subject: Subject) -> None:
    for scene, numbers in _measured(subject):
        other = scene.numbers(subject, turned=True)
        subject.expect(_same(numbers, other, 1e-5), "the same in any order", f"{numbers}, then {other}")


def _same(numbers: Numbers, others: Numbers, slack: float) -> bool:
    """Whether two tables of numbers agree, NaN with NaN."""
    if numbers.keys() != others.keys():
        return False
    return all(v != v or isclose(v, others[n], rel_tol=slack, abs_tol=slack) for n, v in numbers.items())


def _check_metric_input(subject: Subject) -> None:
    for scene in map(_scene, SPECS):
        given = [x for side in (scene.real, scene.fake) for x in (side.samples, *side.read)]
        with subject.left_alone(*given), suppress(MisfitError):
            scene.numbers(subject)


METRICS = (
    leaves_the_process(_exercise_metric),
    Check("fits", "measures some samples; ValueError refuses what it cannot measure", _check_measures),
    Check("numbers", "gives {name: number}, and asks for what there is", _exercise_metric),
    Check("repeat", "gives the same numbers for the same samples", _check_same_numbers),
    Check("order", "gives the same numbers whatever the order of the samples", _check_order),
    Check("input", "leaves the samples as they are", _check_metric_input),
)
