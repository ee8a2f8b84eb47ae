"""Optimizers: `(parameters, **options) -> torch.optim.Optimizer`."""

from collections.abc import Iterable
from typing import Annotated

import torch
from torch.nn import Parameter

from ganzoo.options import Bounds, NonNegativeFloat, PositiveFloat, Probability

Beta = Annotated[float, Bounds(0, 0.999999)]


def adam(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 2e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba, 2014, arXiv:1412.6980).

    weight_decay: decoupled from the gradient (Loshchilov and Hutter, 2017, arXiv:1711.05101).
    """
    return torch.optim.AdamW(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def rmsprop(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 1e-3,
    decay: Probability = 0.9,
    eps: PositiveFloat = 1e-7,
    momentum: Probability = 0.0,
) -> torch.optim.Optimizer:
    """RMSprop as Keras has it, eps outside the root: lr * g / (sqrt(v) + eps) (Tieleman and Hinton, 2012)."""
    return torch.optim.RMSprop(parameters, lr=lr, alpha=decay, eps=eps, momentum=momentum, foreach=True)


def sgd(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 1e-2,
    momentum: Probability = 0.0,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with heavy-ball momentum (Polyak, 1964)."""
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=True)
