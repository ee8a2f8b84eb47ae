"""Comparing saved values with those that a network or a run needs."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ganzoo.errors import CheckpointError


def match(given: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Raise CheckpointError, naming the first five, where names, shapes or types of values differ."""
    wrong = sorted(
        name for name in given.keys() | expected.keys() if _kind(given, name) != _kind(expected, name)
    )
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        found = "; ".join(_difference(given, expected, name) for name in wrong[:5])
        raise CheckpointError(f"{what} does not fit the network: {found}{more}.")


def _difference(given: Mapping[str, Any], expected: Mapping[str, Any], name: str) -> str:
    if name not in given:
        return f"missing {name}"
    if name not in expected:
        return f"unexpected {name:.100}"
    return f"{name} is {_kind(given, name)}, {_kind(expected, name)} is needed"


def _kind(values: Mapping[str, Any], name: str) -> str:
    """The shape and type of a value, e.g. `(128, 64) float32`; empty where there is none of this name."""
    if name not in values:
        return ""
    value = values[name]
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)!s:.60} {str(value.dtype).removeprefix('torch.')}"
    return type(value).__name__
