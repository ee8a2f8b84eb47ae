"""Metrics at work: each is handed what its parameters are called, samples, features, classes or modes."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from torch import Tensor

from ganzoo import registry
from ganzoo.datasets.base import Modes
from ganzoo.engine import faults
from ganzoo.engine.resolve import Resolved
from ganzoo.errors import GanzooError, MisfitError, PluginError, UsageError
from ganzoo.extractors import Extractor
from ganzoo.options import complete, options_of, suggest

Numbers = dict[str, float]
NONE: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

# What a metric may ask for by the names of its parameters, and what must be there for it.
ASKED: Mapping[str, str] = MappingProxyType(
    {
        "real": "",
        "fake": "",
        "real_features": "",
        "fake_features": "",
        "real_classes": "an extractor that tells classes apart",
        "fake_classes": "an extractor that tells classes apart",
        "classes": "an extractor that tells classes apart",
        "fake_labels": "samples that were asked for by label",
        "modes": "a data set that names its modes",
    }
)


@dataclass(frozen=True, eq=False)
class Side:
    """Samples (N, *shape) and, computed when first asked for, their features and classes.

    labels: what each was asked to be, or is, (N,); None without any.
    """

    samples: Tensor
    extractor: Extractor
    labels: Tensor | None = None

    @cached_property
    def read(self) -> tuple[Tensor, Tensor | None]:
        """Features (N, F), and classes (N,) or None."""
        return self.extractor(self.samples)


def find(
    names: Iterable[str], options: Mapping[str, Mapping[str, Any]] = NONE, *, typed: bool = False
) -> list[Resolved]:
    """The metrics of these names, with the options of each by its name. Raises UsageError and PluginError.

    typed: import paths are names too. Never set it for names that were read from a file.
    """
    found = []
    for name in dict.fromkeys(names):
        component = registry.find("metrics", name, typed=typed)
        factory = component.load()
        known = complete(f"metric {name}", options_of(factory), options.get(name, {}))
        found.append(Resolved("metric", component, factory, known))
    for name in options:
        if name not in {metric.component.name for metric in found}:
            names = [metric.component.name for metric in found]
            raise UsageError(f"--set {name}: it is not among the metrics.{suggest(name, names)}")
    return found


def call(metric: Resolved, real: Side, fake: Side, modes: Modes | None) -> Numbers:
    """The numbers of a metric, given what its parameters are called. Raises MisfitError, PluginError."""
    supply: Mapping[str, Callable[[], Any]] = {
        "real": lambda: real.samples,
        "fake": lambda: fake.samples,
        "real_features": lambda: real.read[0],
        "fake_features": lambda: fake.read[0],
        "real_classes": lambda: real.read[1],
        "fake_classes": lambda: fake.read[1],
        "classes": lambda: real.extractor.classes,
        "fake_labels": lambda: fake.labels,
        "modes": lambda: modes,
    }
    given = {name: supply[name]() for name in asked(metric)}
    for name, value in given.items():
        if value is None:
            raise MisfitError(f"{metric.label} needs {ASKED[name]}. Choose another metric.")
    try:
        numbers = metric.factory(**given, **metric.options)
    except GanzooError:
        raise
    except ValueError as error:
        raise MisfitError(f"{metric.label} cannot be used here: {error}.") from error
    except (Exception, SystemExit) as error:
        if metric.component.is_builtin and not faults.is_out_of_memory(error):
            raise
        raise faults.failure(metric, "at work", error) from error
    return checked(metric, numbers)


def asked(metric: Resolved) -> list[str]:
    """The parameters of a metric that are no options. Raises PluginError for one that nothing is called."""
    parameters = inspect.signature(metric.factory).parameters.values()
    names = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    for name in names:
        if name not in ASKED:
            known = suggest(name, ASKED)
            raise PluginError(f"{metric.origin} asks for {name!r}, which nothing is called.{known}")
    return names


def checked(metric: Resolved, numbers: Any) -> Numbers:
    """The numbers of a metric, if they are named numbers. Raises PluginError."""
    if not isinstance(numbers, dict) or not numbers:
        raise PluginError(f"{metric.origin} gives {numbers!r:.60}; expected {{name: number}}.")
    for name, value in numbers.items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, float | int):
            raise PluginError(f"{metric.origin} gives {name!r}: {value!r:.60}; expected {{name: number}}.")
    return numbers
