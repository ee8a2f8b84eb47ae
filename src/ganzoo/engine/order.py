"""The order of the data: a random permutation that is computed where it is needed and never stored."""

import numpy as np
from numpy.typing import NDArray

from ganzoo.engine.seeds import derive

Numbers = NDArray[np.uint64]
ROUNDS = 6
# The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def permuted(positions: Numbers, size: int, *purpose: str | int) -> Numbers:
    """Where a random permutation of range(size) takes these positions; another purpose, another permutation.

    A Feistel network (Luby and Rackoff, 1988) permutes a power of four; what falls outside is sent through
    again until it is inside (cycle walking; Black and Rogaway, 2002).
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = [np.uint64(derive(0, *purpose, turn)) for turn in range(ROUNDS)]
    values = _feistel(positions, half, keys)
    while (outside := np.flatnonzero(values >= size)).size:
        values[outside] = _feistel(values[outside], half, keys)
    return values


def drawn(positions: Numbers, size: int, *purpose: str | int) -> Numbers:
    """A random number below `size` for each position, independent of the others: drawing with replacement."""
    return _mixed(_mixed(positions) ^ np.uint64(derive(0, *purpose))) % np.uint64(size)


def _feistel(values: Numbers, half: int, keys: list[np.uint64]) -> Numbers:
    bits = np.uint64(half)
    left, right = values >> bits, values & np.uint64(2**half - 1)
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) >> np.uint64(64 - half))
    return (left << bits) | right


def _mixed(values: Numbers) -> Numbers:
    """Every bit of the result depends on every bit of a value."""
    values = (values ^ (values >> SHIFTS[0])) * FACTORS[0]
    values = (values ^ (values >> SHIFTS[1])) * FACTORS[1]
    return values ^ (values >> SHIFTS[2])
