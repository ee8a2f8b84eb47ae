"""What all contract checks share: a check, its subject, and an eye on the process."""

import contextlib
import os
import random
import sys
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.engine.resolve import Resolved
from ganzoo.options import options_of
from ganzoo.spec import DataSpec

NONE: Mapping[str, Any] = MappingProxyType({})
BATCHES = (1, 2, 3, 7)
# Vectors and the sizes of pictures that most networks are made for: grey and colour, labelled and not.
SPECS = (
    DataSpec((2,), None, None, 16),
    DataSpec((3,), None, 4, 16),
    DataSpec((1, 28, 28), (-1.0, 1.0), 10, 16),
    DataSpec((3, 32, 32), (0.0, 1.0), None, 16),
    DataSpec((3, 64, 64), (-1.0, 1.0), 4, 16),
)
Batch = tuple[Tensor, Tensor | None]


class ContractError(AssertionError):
    """A component breaks a promise of its kind; the message says what was expected and what it got."""


class Untried(unittest.SkipTest):
    """A check cannot be made here, for example because a data set's files are absent; pytest skips it."""


@dataclass(frozen=True)
class Subject:
    """A component under test, and the data that networks are tried on."""

    part: Resolved
    specs: Sequence[DataSpec] = SPECS

    def expect(self, truth: bool, expected: str, got: object) -> None:
        """Raise ContractError unless something is true."""
        if not truth:
            raise ContractError(f"{self.part.origin} breaks its contract: expected {expected}, got {got}.")

    @contextmanager
    def left_alone(self, *tensors: Tensor | None) -> Iterator[None]:
        """Expect that the block changes none of these tensors."""
        given = [tensor for tensor in tensors if tensor is not None]
        before = [tensor.detach().clone() for tensor in given]
        yield
        self.expect(all(map(torch.equal, given, before)), "its input left alone", "other values in it")


@dataclass(frozen=True)
class Check:
    """One promise of a kind: a name, what is promised in one line, and a function that tries it.

    allowed: what of the process may change meanwhile; None for a check that does not watch it.
    """

    name: str
    promise: str
    run: Callable[[Subject], None]
    allowed: frozenset[str] | None = None


NOISE, SEED = "torch's random numbers", "torch's seed"
ENVIRONMENT, FILTERS, PATH = "the environment", "the warnings filters", "the import path"


def _check_options(subject: Subject) -> None:
    """The component was imported and its options were read; each has a type, or no value would be checked."""
    options = options_of(subject.part.factory).values() if subject.part.options else ()
    untyped = [option.name for option in options if option.type is Any]
    subject.expect(not untyped, "a type for every option", f"none for {', '.join(untyped)}")


# Not held against a component: what the libraries that it imports do to filters and environment.
IMPORT = Check(
    "import",
    "can be imported, which changes no random state, dtype or folder; every option has a type",
    _check_options,
    frozenset({ENVIRONMENT, FILTERS, PATH}),
)


def leaves_the_process(exercise: Callable[[Subject], None], *allowed: str) -> Check:
    """The check that a component changes nothing which belongs to the process, while it is exercised."""

    def run(subject: Subject) -> None:
        # What a library does at its first use is no doing of the component: the second time counts.
        with watching(), contextlib.suppress(Exception):
            exercise(subject)
        exercise(subject)

    promise = "changes no random state, dtype, threads, folder, environment or warnings filter"
    return Check("process", promise, run, frozenset(allowed))


@contextmanager
def watching() -> Iterator[list[str]]:
    """Names of what the block changes of the process, there at its end, when all of it is put back."""
    changed: list[str] = []
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        before, environment = _process(), dict(os.environ)
        try:
            yield changed
        finally:  # whatever else went wrong may have come of it
            changed += [name for name, value in _process().items() if value != before[name]]
            for name, put_back in _PUT_BACK.items():
                put_back(before[name])
            if dict(os.environ) != environment:
                os.environ.clear()
                os.environ.update(environment)


def _process() -> dict[str, Any]:
    return {
        "Python's random numbers": random.getstate(),
        "numpy's random numbers": _Numpy(np.random.get_state(legacy=False)),
        NOISE: torch.get_rng_state().numpy().tobytes(),
        SEED: torch.initial_seed(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "torch's precision of products": torch.get_float32_matmul_precision(),
        "the working directory": os.getcwd(),
        ENVIRONMENT: dict(os.environ),
        FILTERS: list(warnings.filters),
        PATH: list(sys.path),
    }


class _Numpy:
    """numpy's random state, whose arrays do not compare as one."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Numpy) and str(self.state) == str(other.state)

    def __hash__(self) -> int:
        return hash(str(self.state))


def _set_path(path: list[str]) -> None:
    sys.path[:] = path


# torch's noise and the warnings filters have contexts that put them back.
_PUT_BACK: Mapping[str, Callable[[Any], object]] = MappingProxyType(
    {
        "Python's random numbers": random.setstate,
        "numpy's random numbers": lambda kept: np.random.set_state(kept.state),
        "torch's default dtype": torch.set_default_dtype,
        "torch's gradient mode": torch.set_grad_enabled,
        "torch's number of threads": torch.set_num_threads,
        "torch's deterministic algorithms": torch.use_deterministic_algorithms,
        "torch's precision of products": torch.set_float32_matmul_precision,
        "the working directory": os.chdir,
        PATH: _set_path,
    }
)


def draw(spec: DataSpec, count: int, seed: int = 0) -> Batch:
    """Random samples (count, *shape), float32, and labels (count,) or None, the same for the same seed."""
    source = torch.Generator().manual_seed(seed)
    low, high = spec.value_range or (-2.0, 2.0)
    values = low + (high - low) * torch.rand(count, *spec.shape, generator=source)
    return values, None if spec.classes is None else torch.randint(spec.classes, (count,), generator=source)
