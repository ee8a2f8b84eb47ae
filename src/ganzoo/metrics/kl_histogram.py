"""Divergence between histograms of real and generated values."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]

BINS = 100
SMALL = 1e-8


def kl_histogram(real: Tensor, fake: Tensor) -> dict[str, float]:
    """KL(real || fake) of histograms with 100 bins that span the real values; 0 where both are the same.

    real, fake: samples (N, *shape), all of whose values are taken together; fakes beyond the real values are
    not counted. Shares are smoothed by 1e-8, so that the result is finite.
    """
    _, real_counts, fake_counts = histograms(real, fake)
    p, q = (counts / (counts.sum() + SMALL) for counts in (real_counts, fake_counts))
    return {"kl": float((p * (np.log(p + SMALL) - np.log(q + SMALL))).sum())}


def histograms(real: Tensor, fake: Tensor) -> tuple[Numbers, Numbers, Numbers]:
    """The edges of 100 bins that span the real values, and how many values of each side every bin holds."""
    values = [side.detach().flatten().double().cpu().numpy() for side in (real, fake)]
    low, high = values[0].min(), values[0].max()
    if not high > low:
        room = max(abs(low), 1.0) / 2
        low, high = low - room, high + room
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(side, edges)[0].astype(np.float64) for side in values]
    return edges, counts[0], counts[1]
