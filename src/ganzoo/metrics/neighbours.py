"""Measures that ask which samples lie within the neighbourhoods of others."""

import torch
from torch import Tensor

from ganzoo.options import PositiveInt

ROWS = 1000  # of the distances that are in memory at once


def precision_recall(
    real_features: Tensor, fake_features: Tensor, *, neighbours: PositiveInt = 3
) -> dict[str, float]:
    """Precision and recall of features, in [0, 1] (Kynkaanniemi et al., 2019, arXiv:1904.06991, eq. 1, 2).

    Precision is the share of fakes within the neighbourhood of a real sample, which reaches to its third
    neighbour; recall is the same with the sides exchanged.
    """
    inside = within(real_features, fake_features, neighbours).any(0)
    covered = within(fake_features, real_features, neighbours).any(0)
    return {"precision": share(inside), "recall": share(covered)}


def density_coverage(
    real_features: Tensor, fake_features: Tensor, *, neighbours: PositiveInt = 5
) -> dict[str, float]:
    """Density and coverage of features (Naeem et al., 2020, arXiv:2002.09797).

    Density, 1 for equal distributions, counts the real neighbourhoods around each fake, divided by their size
    in samples; coverage, in [0, 1], is the share of real samples with a fake in their neighbourhood.
    """
    hits = within(real_features, fake_features, neighbours)
    return {"density": hits.sum().item() / (neighbours * len(fake_features)), "coverage": share(hits.any(1))}


def within(centres: Tensor, others: Tensor, neighbours: int) -> Tensor:
    """Whether each of `others` lies within the neighbourhood of each of `centres`, bool (centres, others).

    The neighbourhood of a centre reaches to its `neighbours`-th nearest among the centres, which is within.
    Raises ValueError where there are not that many.
    """
    if len(centres) <= neighbours:
        raise ValueError(f"{neighbours} neighbours need {neighbours + 1} samples at least on each side")
    # Differences are rounded least near 0; which of two is nearer needs no more than float32.
    middle = centres.double().mean(0)
    centres, others = (centres - middle).float(), (others - middle).float()
    found = torch.empty(len(centres), len(others), dtype=torch.bool)
    for start in range(0, len(centres), ROWS):
        rows = centres[start : start + ROWS]
        # Its own place is the nearest of all, at distance 0.
        reach = torch.cdist(rows, centres).topk(neighbours + 1, largest=False).values[:, -1:]
        found[start : start + ROWS] = torch.cdist(rows, others) <= reach
    return found


def share(hits: Tensor) -> float:
    """The share of true values."""
    return hits.double().mean().item()
