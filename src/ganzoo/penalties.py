"""Gradient penalties of the field; each is added to the discriminator's loss.

A penalty is `(discriminator, real, fake, labels, **options) -> scalar`: real and fake (N, *shape) carry no
gradient, labels are (N,) or None, and `discriminator(samples, labels)` gives scores (N,) or (N, patches).
"""

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from torch import Tensor

from ganzoo.options import Bounds, NonNegativeFloat

Power = Annotated[float, Bounds(2)]  # below 2, a gradient of zero has no second derivative
Score = Callable[[Tensor, Tensor | None], Tensor]


def r1(
    discriminator: Score, real: Tensor, fake: Tensor, labels: Tensor | None, *, gamma: NonNegativeFloat = 10.0
) -> Tensor:
    """Zero-centred gradient penalty on real samples (Mescheder et al., 2018, arXiv:1801.04406, eq. 9)."""
    return gamma / 2 * _squared_norm(discriminator, real, labels).mean()


def r2(
    discriminator: Score, real: Tensor, fake: Tensor, labels: Tensor | None, *, gamma: NonNegativeFloat = 10.0
) -> Tensor:
    """Zero-centred gradient penalty on fakes (Mescheder et al., 2018, arXiv:1801.04406, eq. 10)."""
    return gamma / 2 * _squared_norm(discriminator, fake, labels).mean()


def wgan_gp(
    discriminator: Score,
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None,
    *,
    weight: NonNegativeFloat = 10.0,
) -> Tensor:
    """Gradients of length one between real and fake (Gulrajani et al., 2017, arXiv:1704.00028, eq. 3)."""
    return weight * (_norm(discriminator, _between(real, fake), labels) - 1).square().mean()


def wgan_div(
    discriminator: Score,
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None,
    *,
    k: NonNegativeFloat = 2.0,
    p: Power = 6.0,
    points: Literal["between", "ends"] = "between",
) -> Tensor:
    """Gradients of any length cost k |gradient|^p (Wu et al., 2017, arXiv:1712.01026).

    points: between real and fake samples, or the mean over both ends, as a popular script has it.
    """
    if points == "between":
        return k * _power(discriminator, _between(real, fake), labels, p)
    return k / 2 * (_power(discriminator, real, labels, p) + _power(discriminator, fake, labels, p))


def dragan(
    discriminator: Score,
    real: Tensor,
    fake: Tensor,
    labels: Tensor | None,
    *,
    weight: NonNegativeFloat = 10.0,
    spread: NonNegativeFloat = 0.5,
) -> Tensor:
    """Gradients of length one near real samples (Kodali et al., 2017, arXiv:1705.07215).

    spread: noise is uniform in [0, spread] standard deviations of the batch, as the authors' code has it.
    """
    noise = spread * real.std(correction=0) * torch.rand_like(real)
    return weight * (_norm(discriminator, real + noise, labels) - 1).square().mean()


def _between(real: Tensor, fake: Tensor) -> Tensor:
    """A point at random on the line between each real sample and one fake."""
    share = torch.rand_like(real[(slice(None),) + (slice(1),) * (real.dim() - 1)])  # one number a sample
    return real + share * (fake - real)


def _power(discriminator: Score, samples: Tensor, labels: Tensor | None, p: float) -> Tensor:
    return _squared_norm(discriminator, samples, labels).pow(p / 2).mean()


def _squared_norm(discriminator: Score, samples: Tensor, labels: Tensor | None) -> Tensor:
    """The squared length of each sample's gradient: a sum over its numbers, (N,)."""
    samples = samples.detach().requires_grad_(True)
    scores = discriminator(samples, labels)
    (gradient,) = torch.autograd.grad(scores.sum(), samples, create_graph=True)
    return gradient.flatten(1).square().sum(1)


def _norm(discriminator: Score, samples: Tensor, labels: Tensor | None) -> Tensor:
    # The root of zero has no gradient: a constant discriminator would give NaN without the small number.
    return (_squared_norm(discriminator, samples, labels) + 1e-12).sqrt()
