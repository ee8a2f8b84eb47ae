"""What all contract checks share."""

import functools
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo import registry
from ganzoo.engine.parts import Resolved
from ganzoo.errors import MisfitError, PluginError
from ganzoo.options import complete, options_of
from ganzoo.registry import Component
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


def checks(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a check of a kind from a function of the component, which may be given by name or itself."""

    def decorate(examine: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(examine)
        def check(target: object, options: Mapping[str, Any] = NONE, *specs: DataSpec) -> None:
            part = _resolved(kind, target, options)
            try:
                with _untouched(part):
                    examine(part, *specs)
            except (PluginError, MisfitError) as error:
                raise ContractError(str(error)) from error

        return check

    return decorate


def _resolved(kind: str, target: Any, options: Mapping[str, Any]) -> Resolved:
    if isinstance(target, str):
        component = registry.find(kind, target, typed=True)
        target = component.load()
    else:
        name, module = getattr(target, "__qualname__", kind), getattr(target, "__module__", "")
        component = Component(kind, name, registry.TYPED, "", f"{module}:{name}")
    role = "dataset" if kind == "datasets" else registry.singular(kind)
    known = options_of(target) if kind not in ("recipes", "commands") else {}
    return Resolved(role, component, target, complete(f"{role} {component.name}", known, options))


def expect(truth: bool, part: Resolved, expected: str, got: object) -> None:
    """Raise ContractError unless something is true."""
    if not truth:
        raise ContractError(f"{part.origin} breaks its contract: expected {expected}, got {got}.")


@contextmanager
def left_alone(part: Resolved, *tensors: Tensor | None) -> Iterator[None]:
    """Expect that the block changes none of these tensors."""
    given = [tensor for tensor in tensors if tensor is not None]
    before = [tensor.detach().clone() for tensor in given]
    yield
    expect(all(map(torch.equal, given, before)), part, "its input left alone", "other values in it")


@contextmanager
def _untouched(part: Resolved) -> Iterator[None]:
    """Expect that the block changes nothing that belongs to the process; torch's own noise is put back."""
    before = _process()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yield
    finally:  # whatever else went wrong may have come of it
        changed = [name for name, value in _process().items() if value != before[name]]
        expect(not changed, part, "the process left alone", f"a change of {', '.join(changed)}")


def _process() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_state(legacy=False)),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's number of threads": torch.get_num_threads(),
        "the working directory": os.getcwd(),
    }


def draw(spec: DataSpec, count: int, seed: int = 0) -> Batch:
    """Random samples (count, *shape), float32, and labels (count,) or None, the same for the same seed."""
    source = torch.Generator().manual_seed(seed)
    low, high = spec.value_range or (-2.0, 2.0)
    values = low + (high - low) * torch.rand(count, *spec.shape, generator=source)
    return values, None if spec.classes is None else torch.randint(spec.classes, (count,), generator=source)
