"""The maximum mean discrepancy of features under a cubic kernel."""

import torch
from torch import Tensor

ROWS = 1000  # of the kernel's matrix that are in memory at once


def kernel(real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
    """Kernel distance, the squared MMD with (x . y / F + 1)^3 (Binkowski et al., 2018, arXiv:1801.01401).

    real_features, fake_features: (N, F), at least two of each. The unbiased estimate over all pairs; the
    paper takes the mean of the same estimate over random subsets. It may be a little below 0.
    """
    if min(len(real_features), len(fake_features)) < 2:
        raise ValueError("the kernel distance needs two samples at least on each side")
    real, fake = real_features.double(), fake_features.double()
    within = mean_of_kernel(real, real, apart=True) + mean_of_kernel(fake, fake, apart=True)
    return {"kernel": (within - 2 * mean_of_kernel(real, fake)).item()}


def mean_of_kernel(x: Tensor, y: Tensor, *, apart: bool = False) -> Tensor:
    """The mean of the kernel over all pairs; `apart` leaves out those of a sample with itself."""
    total = torch.stack([cubic(rows @ y.T, x.shape[1]).sum() for rows in torch.split(x, ROWS)]).sum()
    if not apart:
        return total / (len(x) * len(y))
    return (total - cubic(x.square().sum(1), x.shape[1]).sum()) / (len(x) * (len(x) - 1))


def cubic(products: Tensor, features: int) -> Tensor:
    """The kernel of inner products."""
    return (products / features + 1).pow(3)
