"""How many different samples there are."""

import torch
from torch import Tensor


def diversity(fake_features: Tensor) -> dict[str, float]:
    """Vendi score, the effective number of different samples (Friedman and Dieng, 2022, arXiv:2210.02410).

    exp of the entropy of the eigenvalues of K / N, where K holds the cosines between features (N, F): from 1,
    all alike, to F. Compare it with the floor, which is that of real samples.
    """
    x = torch.nn.functional.normalize(fake_features.double(), dim=1)
    # X X' / N and the smaller X' X / N have the same eigenvalues but for zeros.
    values = torch.linalg.eigvalsh(x.T @ x / len(x)).clamp_min(0)
    shares = values / values.sum()
    return {"diversity": torch.special.entr(shares).sum().exp().item()}
