"""The Wasserstein-1 distance of samples."""

import torch
from torch import Tensor

from ganzoo.options import PositiveInt

SEED = 0  # of the directions: the same every time


def wasserstein(real: Tensor, fake: Tensor, *, directions: PositiveInt = 100) -> dict[str, float]:
    """Wasserstein-1 distance; of samples with several values the sliced one (Bonneel et al., 2015).

    real, fake: samples (N, *shape). Exact for one value a sample; otherwise the mean over random directions,
    fixed, of the distance between projections. In the units of the samples.
    """
    x, y = real.flatten(1).double(), fake.flatten(1).double()
    if x.shape[1] > 1:
        source = torch.Generator().manual_seed(SEED)
        axes = torch.randn(x.shape[1], directions, generator=source, dtype=x.dtype)
        axes = axes / axes.norm(dim=0)
        x, y = x @ axes, y @ axes
    return {"wasserstein": on_lines(x, y).mean().item()}


def on_lines(x: Tensor, y: Tensor) -> Tensor:
    """The distance between the columns of x (N, D) and those of y (M, D): the area between their CDFs."""
    values, order = torch.cat((x, y)).sort(0)
    steps = torch.where(order < len(x), 1 / len(x), -1 / len(y)).cumsum(0)
    return (steps[:-1].abs() * values.diff(dim=0)).sum(0)
