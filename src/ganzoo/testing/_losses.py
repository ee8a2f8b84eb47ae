"""Contract checks of losses and penalties."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine import check
from ganzoo.engine.calls import takes
from ganzoo.engine.parts import Resolved
from ganzoo.spec import DataSpec
from ganzoo.testing._common import BATCHES, SPECS, checks, draw, expect, left_alone

SCORES = (-1e4, 0.0, 1e4)
SHAPES = ((4,), (4, 3), (1,))
DTYPES = (torch.float32, torch.bfloat16)


@checks("losses")
def check_loss(part: Resolved) -> None:
    """Finite values and gradients for scores of any size, and a slope for each player somewhere."""
    made = part.build()
    check.loss(part, made)
    for player in ("discriminator", "generator"):
        slopes = []
        for real, fake, shape, dtype in product(SCORES, SCORES, SHAPES, DTYPES):
            sides = [torch.full(shape, score, dtype=dtype, requires_grad=True) for score in (real, fake)]
            if player == "generator":
                sides = sides[::-1] if takes(made.generator, "real") else sides[1:]
            where = f"for the {player} at real scores {real:g} and fake scores {fake:g}, {dtype}"
            slopes.append(_slope(part, made, player, sides, where))
        expect(max(slopes) > 0, part, f"a gradient for the {player} at some scores", "none at any")


def _slope(part: Resolved, made: Any, player: str, sides: Sequence[Tensor], where: str) -> float:
    """The steepest slope of a loss in its scores; everything about it must be finite."""
    loss = getattr(made, player)
    with left_alone(part, *sides):
        value = loss(*sides)
    expect(value.dim() == 0 and bool(value.isfinite()), part, f"a finite scalar {where}", value)
    gradients = [g for g in torch.autograd.grad(value, sides, allow_unused=True) if g is not None]
    finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
    expect(finite, part, f"a finite gradient {where}", gradients)
    if not isinstance(made, nn.Module):
        again = loss(*sides)
        expect(torch.equal(value, again), part, f"one value {where}, or state in an nn.Module", again)
    return max((gradient.abs().max().item() for gradient in gradients), default=0.0)


class Smooth(nn.Module):
    """A discriminator with derivatives of every order."""

    def __init__(self, spec: DataSpec, patches: int) -> None:
        super().__init__()
        self.hidden, self.patches = nn.Linear(spec.features, 8), nn.Linear(8, patches)
        self.label = nn.Embedding(spec.classes or 1, 8)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        known = 0 if labels is None else self.label(labels)
        return self.patches(torch.tanh(self.hidden(x.flatten(1)) + known)).squeeze(1)


@checks("penalties")
def check_penalty(part: Resolved) -> None:
    """A finite scalar with a gradient, for vectors and pictures, labelled or not, one score or patches."""
    for spec, patches, count in product(SPECS, (1, 3), BATCHES):
        network = Smooth(spec, patches)
        (real, labels), (fake, _) = draw(spec, count, seed=1), draw(spec, count, seed=2)
        with left_alone(part, real, fake, labels):
            value = part.factory(network, real, fake, labels, **part.options)
        sound = isinstance(value, Tensor) and value.dim() == 0 and value.dtype == torch.float32
        expect(sound and bool(value.isfinite()), part, "a finite scalar, float32", value)
        expect(value.requires_grad, part, "a value that depends on the weights", "a constant")
        found = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
        gradients = [gradient for gradient in found if gradient is not None]
        finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
        expect(finite, part, "finite gradients for the weights", "NaN or infinity")
        expect(any(bool(g.any()) for g in gradients), part, "a gradient for the weights", "zeros")
        left = [name for name, parameter in network.named_parameters() if parameter.grad is not None]
        expect(not left, part, "no gradient left behind", f"some in {', '.join(left)}")
