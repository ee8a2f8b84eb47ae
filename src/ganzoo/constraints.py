"""Constraints on the discriminator's weights.

A constraint is `(discriminator, **options) -> after_move`: it may change the network's layers at once, and
what it returns is called after each of the discriminator's moves.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import parametrizations

from ganzoo.options import PositiveFloat, PositiveInt


def clip(discriminator: nn.Module, *, limit: PositiveFloat = 0.01) -> Callable[[], None]:
    """Weights are clipped to [-limit, limit] (Arjovsky et al., 2017, arXiv:1701.07875, algorithm 1)."""
    weights = list(discriminator.parameters())

    @torch.no_grad()
    def after_move() -> None:
        for weight in weights:
            weight.clamp_(-limit, limit)

    return after_move


def spectral_norm(discriminator: nn.Module, *, iterations: PositiveInt = 1) -> Callable[[], None]:
    """Weight matrices are divided by their largest singular value (Miyato et al., 2018, arXiv:1802.05957).

    iterations: steps of the power iteration in each forward pass in training.
    """
    for name, layer in list(discriminator.named_modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding):
            if not layer.weight.any():
                raise ValueError(
                    f"the weights of its layer {name} start at zero and have no norm to divide by"
                )
            parametrizations.spectral_norm(layer, n_power_iterations=iterations)
    return lambda: None
