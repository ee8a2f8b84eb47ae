"""What a data set promises about its samples."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DataSpec:
    """The shape, range, classes and size of a data set, known before any sample is loaded.

    shape: (C, H, W) for pictures, (F,) for vectors.
    value_range: smallest and largest value, e.g. (0, 255) for uint8 pixels; None where values are unbounded.
    classes: how many labels there are, numbered from 0; None for unlabelled data.
    size: number of training samples.
    """

    shape: tuple[int, ...]
    value_range: tuple[float, float] | None
    classes: int | None
    size: int

    @property
    def features(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.shape)

    @property
    def is_image(self) -> bool:
        """Whether samples are pictures (C, H, W)."""
        return len(self.shape) == 3

    @property
    def shape_text(self) -> str:
        """The shape as people write it: `1x28x28`."""
        return "x".join(map(str, self.shape))
