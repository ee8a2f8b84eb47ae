"""The feed: real batches, as a pure function of the seed and the step.

Samples stay as they are stored (uint8 for pictures), on the device if it can hold them, and are gathered and
scaled a batch at a time.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ganzoo.datasets.base import Samples
from ganzoo.engine.courier import Courier, Position, Stored, fits, send
from ganzoo.engine.order import drawn, permuted
from ganzoo.errors import DataError
from ganzoo.recipe import Recipe
from ganzoo.spec import DataSpec

BLOCK = 2**16  # rows that are chosen at once


def epoch_borders(recipe: Recipe, size: int) -> list[int]:
    """Where the batches of an epoch begin, and the end of the last one: [0, 200, 400, ..., 60000].

    Raises DataError where the data are fewer than a batch.
    """
    batch = recipe.batch
    if size == 0 or (size < batch and recipe.order != "replacement"):
        raise DataError(
            f"the data set has {size} samples and a batch takes {batch}. Set batch to {size or 1} or less."
        )
    if recipe.order == "replacement":
        return [*range(0, math.ceil(size / batch) * batch + 1, batch)]
    borders = [*range(0, size + 1, batch)]
    if borders[-1] == size or recipe.last_batch == "drop":
        return borders
    return [*borders, size] if recipe.last_batch == "keep" else [*borders[:-1], size]


def smallest_batch(recipe: Recipe, size: int) -> int:
    """The size of the smallest batch of an epoch."""
    return _smallest(epoch_borders(recipe, size))


def _smallest(borders: list[int]) -> int:
    return min(end - start for start, end in pairwise(borders))


class Feed:
    """Real batches by step number, on the device, in the range that networks see.

    source: the data as stored; target: the data as networks see them.
    """

    def __init__(
        self, samples: Samples, source: DataSpec, target: DataSpec, recipe: Recipe, seed: int, like: Tensor
    ) -> None:
        self.like = like
        is_resident = fits(samples, like.device)
        self.courier = None if is_resident else Courier(self._stored, like.device)
        self.home = like.device if is_resident else torch.device("cpu")
        self.values = samples.values.to(self.home)
        self.labels = None if samples.labels is None else samples.labels.to(self.home)
        scale, self.shift = scaling(source, target)
        self.scale = torch.tensor(scale, device=like.device, dtype=like.dtype)
        self.is_scaled = (scale, self.shift) != (1.0, 0.0)
        self.choose = drawn if recipe.order == "replacement" else permuted
        self.is_sequential, self.seed = recipe.order == "sequential", seed
        self.borders = epoch_borders(recipe, len(samples))
        self._block, self._chosen = (-1, -1), torch.empty(0, dtype=torch.int64)

    @property
    def smallest_batch(self) -> int:
        """The size of the smallest batch of an epoch."""
        return _smallest(self.borders)

    def batch(self, step: int, part: slice | None = None) -> tuple[Tensor, Tensor | None]:
        """Samples (N, *shape) and labels (N,) or None of a step; or only some rows of them."""
        position = self._position(step, part)
        if self.courier is None:
            values, labels = self._stored(position)
        else:
            values, labels = self.courier.bring(position, self._following(step, part))
        return self.scaled(values), labels

    def _stored(self, position: Position) -> Stored:
        """The samples of a position, where and as they are stored."""
        epoch, start, end = position
        if self.is_sequential:
            chosen = slice(start, end)
            return self.values[chosen], None if self.labels is None else self.labels[chosen]
        rows = self.rows(epoch, start, end)
        labels = None if self.labels is None else self.labels.index_select(0, rows)
        return self.values.index_select(0, rows), labels

    def indices(self, step: int, part: slice | None = None) -> Tensor:
        """Where the samples of a step are in the data set, (N,) int64; or only some rows of them."""
        epoch, start, end = self._position(step, part)
        if self.is_sequential:
            return torch.arange(start, end, device=self.like.device)
        rows = self.rows(epoch, start, end)
        return rows if self.courier is None else send(rows, self.like.device)

    def _following(self, step: int, part: slice | None) -> Position | None:
        """The position of the next step, if its rows can be foretold."""
        sizes = [end - start for _, start, end in (self._position(s, None) for s in (step, step + 1))]
        return self._position(step + 1, part) if part is None or sizes[0] == sizes[1] else None

    def _position(self, step: int, part: slice | None) -> Position:
        """The epoch, and from where to where in it."""
        epoch, index = divmod(step, len(self.borders) - 1)
        start, end = self.borders[index], self.borders[index + 1]
        return (epoch, start, end) if part is None else (epoch, start + part.start, start + part.stop)

    def rows(self, epoch: int, start: int, end: int) -> Tensor:
        """Which samples an epoch has from a position to another; (end - start,) int64."""
        block = start // BLOCK
        rows = self._rows_of(epoch, block)[start - block * BLOCK : end - block * BLOCK]
        missing = end - start - len(rows)
        return torch.cat((rows, self.rows(epoch, end - missing, end))) if missing else rows

    def scaled(self, values: Tensor) -> Tensor:
        """Stored values in the type and range that networks see."""
        if not self.is_scaled:
            return values.to(self.like)
        return torch.mul(values, self.scale).to(self.like).add_(self.shift)  # bytes become floats on the way

    def _rows_of(self, epoch: int, block: int) -> Tensor:
        if self._block != (epoch, block):
            positions = np.arange(block * BLOCK, min((block + 1) * BLOCK, self.borders[-1]), dtype=np.uint64)
            chosen = self.choose(positions, len(self.values), self.seed, "order", epoch)
            self._block = epoch, block
            self._chosen = send(torch.from_numpy(chosen.astype(np.int64)), self.home)
        return self._chosen


def scaling(source: DataSpec, target: DataSpec) -> tuple[float, float]:
    """The factor and the shift that take stored values to the range that networks see."""
    if source.value_range is None or target.value_range is None:
        return 1.0, 0.0
    (low, high), (to_low, to_high) = source.value_range, target.value_range
    scale = (to_high - to_low) / (high - low)
    return scale, to_low - low * scale
