"""What data sets, samples, optimizers, schedules and games promise, checked as soon as each is there."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.datasets.base import Samples
from ganzoo.engine.check import blaming, broken
from ganzoo.errors import DataError
from ganzoo.spec import DataSpec

if TYPE_CHECKING:
    from ganzoo.engine.resolve import Resolved


def dataset(part: "Resolved", made: Any) -> None:
    """A data set knows its spec before it is loaded, and can be loaded. Raises PluginError."""
    with blaming(part):
        spec = made.spec
    if not isinstance(spec, DataSpec):
        raise broken(part, f"has a {type(spec).__name__} for its spec; expected a ganzoo.spec.DataSpec")
    if not _is_sound(spec):
        raise broken(part, f"promises {spec}; expected positive sizes and an ascending range")
    if not callable(getattr(made, "load", None)):
        raise broken(part, "cannot be loaded; expected a method load(split)")


def _is_sound(spec: DataSpec) -> bool:
    try:
        sizes = [*spec.shape, 1 if spec.classes is None else spec.classes]
        low, high = spec.value_range or (0.0, 1.0)
        whole = all(isinstance(size, int) and size > 0 for size in sizes) and isinstance(spec.size, int)
        return (
            whole
            and isinstance(spec.shape, tuple)
            and spec.size >= 0
            and math.isfinite(high - low)
            and low < high
        )
    except (TypeError, ValueError):
        return False


def samples(part: "Resolved", loaded: Any, spec: DataSpec) -> Samples | None:
    """The loaded samples, which must keep the spec's promise. Raises PluginError and DataError."""
    if loaded is None:
        return None
    if not isinstance(loaded, Samples) or not isinstance(loaded.values, Tensor):
        raise broken(
            part, f"loads a {type(loaded).__name__}; expected ganzoo.datasets.base.Samples of tensors"
        )
    values, shape = loaded.values, tuple(loaded.values.shape[1:])
    if shape != spec.shape or not (values.is_floating_point() or values.dtype == torch.uint8):
        got = f"{'x'.join(map(str, shape))} {values.dtype}"
        raise broken(part, f"loads samples of {got}; expected {spec.shape_text}, uint8 or floating point")
    if not _in_range(values, spec):
        promised = f" and within {spec.value_range}" if spec.value_range else ""
        raise broken(part, f"loads values of which some are not finite{promised}")
    _check_labels(part, loaded, spec)
    return loaded


def _in_range(values: Tensor, spec: DataSpec) -> bool:
    if values.numel() == 0 or (values.dtype == torch.uint8 and spec.value_range == (0, 255)):
        return True
    low, high = (value.item() for value in torch.aminmax(values))  # NaN if any is
    least, most = spec.value_range or (-math.inf, math.inf)
    slack = 1e-4 * (most - least) if spec.value_range else 0.0
    return math.isfinite(high - low) and low >= least - slack and high <= most + slack


def _check_labels(part: "Resolved", loaded: Samples, spec: DataSpec) -> None:
    labels = loaded.labels
    if (labels is None) != (spec.classes is None):
        promised = "no labels" if spec.classes is None else f"{spec.classes} classes"
        raise broken(part, f"promises {promised} and loads {'no' if labels is None else 'some'} labels")
    if labels is None or spec.classes is None or labels.numel() == 0:
        return
    if labels.dim() != 1 or labels.dtype != torch.int64:
        raise broken(part, f"loads labels {tuple(labels.shape)} {labels.dtype}; expected (N,) int64")
    low, high = (int(value) for value in torch.aminmax(labels))
    if low < 0 or high >= spec.classes:
        message = f"{part.label} has labels from {low} to {high}; {spec.classes} classes are numbered from 0"
        raise DataError(f"{message} to {spec.classes - 1}. Repair the data.")


def optimizer(part: "Resolved", made: Any) -> torch.optim.Optimizer:
    """The optimizer, which must be one of torch's kind. Raises PluginError."""
    if not isinstance(made, torch.optim.Optimizer):
        raise broken(part, f"is a {type(made).__name__}; expected a torch.optim.Optimizer")
    return made


def schedule(part: "Resolved", made: Any) -> Callable[[int, int], float]:
    """The schedule, which must give a finite factor for images seen of a total. Raises PluginError."""
    if not callable(made):
        raise broken(part, f"is a {type(made).__name__}; expected a function (images, total) -> factor")
    with blaming(part):
        factors = [made(images, 100) for images in (0, 50, 100)]
    if not all(isinstance(factor, int | float) and math.isfinite(factor) for factor in factors):
        raise broken(part, f"gives the factors {factors}; expected finite numbers")
    return made


def game(part: "Resolved", made: Any) -> None:
    """A game has players, turns and a generator. Raises PluginError."""
    missing = [
        name
        for name in ("players", "modules", "turns", "generator", "spec", "latent", "score", "summary")
        if not hasattr(made, name)
    ]
    if missing:
        raise broken(part, f"has no {missing[0]}; expected what ganzoo.engine.game.Game names")
    players = made.players
    if not isinstance(players, Mapping) or not all(isinstance(p, nn.Module) for p in players.values()):
        raise broken(part, "has players that are no table of torch modules")
    if not made.turns:
        raise broken(part, "has no turns; expected at least one")
