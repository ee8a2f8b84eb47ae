"""What a generator is measured against, by what and on how many samples: a function of the data set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo import extractors
from ganzoo.datasets.base import Dataset, Mixed, Modes, Samples, Split, spread
from ganzoo.engine.resolve import Resolved
from ganzoo.engine.sampling import unified
from ganzoo.errors import DataError, DivergedError, UsageError
from ganzoo.extractors import Extractor
from ganzoo.measuring import Numbers, Side, call
from ganzoo.spec import DataSpec

COUNT = 10_000


@dataclass(frozen=True)
class Plan:
    """What data are measured by unless another is asked for: the metrics, and on how many samples."""

    metrics: tuple[str, ...]
    count: int = COUNT


PICTURES = Plan(("frechet", "precision-recall", "density-coverage"))
CLASSES = Plan((*PICTURES.metrics, "class-histogram"))
STACKED = Plan(("stacked-modes", "frechet"), 26_000)
VECTORS = Plan(("wasserstein", "kl-histogram", "moments"))
MIXTURE = Plan(("mixture-modes", "wasserstein"), 2_500)


@dataclass(frozen=True, eq=False)
class Reference:
    """What a generator is measured against: training samples, and others that give every number its floor.

    held_out_from: `test`, or `half of train` where there is no
    test split. plan: what the data are measured by.
    """

    real: Side
    held_out: Side
    held_out_from: str
    modes: Modes | None
    plan: Plan
    spec: DataSpec

    @property
    def extractor(self) -> Extractor:
        """What features come from."""
        return self.real.extractor

    def wanted(self, classes: int | None) -> Tensor | None:
        """What to ask a conditional generator for: the labels of `real`, or its own classes in turn."""
        if classes is None or classes == self.spec.classes:
            return self.real.labels
        return torch.arange(len(self.real.samples)) % classes

    def side(self, samples: Tensor, labels: Tensor | None = None) -> Side:
        """Generated samples as both sides are seen. Raises DivergedError where a value is not finite.

        labels: what they were asked to be.
        """
        if not bool(samples.isfinite().all()):
            bad = int((~samples.flatten(1).isfinite().all(1)).sum())
            message = f"{bad:,} of {len(samples):,} generated samples hold NaN or infinity"
            raise DivergedError(f"{message}: they cannot be measured. Choose an earlier generator.")
        return Side(as_seen(samples, self.spec), self.extractor, labels)

    def floor(self, metrics: Iterable[Resolved]) -> dict[str, Numbers]:
        """What each metric gives for held-out samples, as for a perfect generator, by its name."""
        return self.measure(metrics, self.held_out)

    def measure(self, metrics: Iterable[Resolved], fake: Side) -> dict[str, Numbers]:
        """What each metric gives, by its name. Raises MisfitError and PluginError."""
        return {metric.component.name: call(metric, self.real, fake, self.modes) for metric in metrics}


def reference(
    part: Resolved,
    dataset: Dataset,
    load: Callable[[Split], Samples | None],
    count: int | None = None,
    extractor: str = "auto",
) -> Reference:
    """The real side of a measurement on `count` samples, or on as many as is usual for these data.

    load: gives the samples of a split. Raises UsageError, MisfitError and DataError.
    """
    train, test = load("train"), load("test")
    if train is None or len(train) < 2:
        raise DataError("the data set has too few samples to compare with. Choose another.")
    spec = dataset.spec
    chosen = extractors.choose(extractor, part.component.full_name, spec, lambda: train)
    modes = dataset.modes if isinstance(dataset, Mixed) else None
    plan = plan_for(part.component.full_name, spec, modes, chosen)
    # Without a test split every second sample is held out of the comparison, though not of the training.
    rows = torch.arange(len(train)) if test is not None else torch.arange(0, len(train), 2)
    others = torch.arange(len(test)) if test is not None else torch.arange(1, len(train), 2)
    available = min(len(rows), len(others))
    if count is not None and not 2 <= count <= available:
        raise UsageError(f"count is {count}; this data set allows 2 to {available:,} samples on each side.")
    size = min(count or plan.count, available)
    rows, others = rows[spread(len(rows), size)], others[spread(len(others), size)]

    def side(stored: Samples, rows: Tensor) -> Side:
        values = unified(stored.values[rows].float(), spec)
        return Side(as_seen(values, spec), chosen, None if stored.labels is None else stored.labels[rows])

    return Reference(
        side(train, rows),
        side(test or train, others),
        "half of train" if test is None else "test",
        modes,
        plan,
        spec,
    )


def plan_for(dataset: str, spec: DataSpec, modes: Modes | None, extractor: Extractor) -> Plan:
    """What data are measured by, by the full name of the data set or else by what its samples are."""
    if modes is not None:
        return MIXTURE
    if not spec.is_image:
        return VECTORS
    if dataset == "ganzoo/stacked-mnist" and extractor.classes is not None:
        return STACKED
    return PICTURES if extractor.classes is None else CLASSES


def as_seen(samples: Tensor, spec: DataSpec) -> Tensor:
    """Pictures rounded to the 256 values of a byte, as if they had been saved; vectors as they are."""
    if not spec.is_image or spec.value_range is None:
        return samples
    return ((samples.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
