"""The distance between Gaussians that have the means and covariances of the features."""

import torch
from torch import Tensor


def frechet(real_features: Tensor, fake_features: Tensor) -> dict[str, float]:
    """Frechet distance of the features, taken as Gaussian (Heusel et al., 2017, arXiv:1706.08500, eq. 6).

    real_features, fake_features: (N, F), at least two of each. Squared, as in
    the paper. With Inception features it is the FID.
    """
    (mean, covariance), (other_mean, other) = map(gaussian, (real_features, fake_features))
    # tr sqrt(A B) = tr sqrt(sqrt(A) B sqrt(A)), whose argument is symmetric: rounding makes nothing complex.
    root = square_root(covariance)
    overlap = torch.linalg.eigvalsh(root @ other @ root).clamp_min(0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other.trace() - 2 * overlap
    return {"frechet": max(distance.item(), 0.0)}


def gaussian(features: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (F,) and the unbiased covariance (F, F) of features, float64. Raises ValueError."""
    if len(features) < 2:
        raise ValueError("a covariance needs two samples at least")
    x = features.double()
    centred = x - x.mean(0)
    return x.mean(0), centred.T @ centred / (len(x) - 1)


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
