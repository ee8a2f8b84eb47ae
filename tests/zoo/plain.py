"""What the straight-line loops share: runs of given data, Keras's RMSprop, and the comparison with a run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.api import find_recipe
from ganzoo.engine.build import build
from ganzoo.engine.run import Run
from ganzoo.recipe import Part
from ganzoo.settings import Settings
from ganzoo.testing.straight_line import SEED


def ready(
    name: str,
    directory: Path,
    dataset: Part,
    loss: str | None = None,
    precision: str = "float64",
    **values: Any,
) -> Run:
    """A run of a built-in recipe at its first step, writing a record of every step."""
    recipe = find_recipe(name).with_part("dataset", dataset).with_part("callback", ())
    if loss is not None:
        recipe = recipe.with_part("loss", Part(loss))
    for path, value in {"record_every_steps": 1, **values}.items():
        recipe = recipe.set(path.replace("__", "."), value)
    settings = Settings(seed=SEED, device="cpu", precision=precision)
    return build(recipe, settings, directory, typed=frozenset({dataset.name}))


def batches(run: Run, steps: int) -> list[tuple[Tensor, Tensor | None]]:
    """The real batches of the first steps."""
    return [run.feed.batch(step) for step in range(steps)]


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give a plain network the weights of the run's network, matched by their order."""
    theirs, mine = source.state_dict(), target.double().state_dict()
    for ours, value in zip(mine.values(), theirs.values(), strict=True):
        ours.copy_(value)


class KerasRMSprop:
    """RMSprop of Keras with its time decay: eps outside the root, lr / (1 + decay * updates so far)."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        lr_decay: float = 0.0,
        *,
        decay: float = 0.9,
        eps: float = 1e-7,
    ) -> None:
        self.parameters, self.decay, self.eps = list(parameters), decay, eps
        self.lr, self.lr_decay, self.updates = lr, lr_decay, 0
        self.mean_square = [torch.zeros_like(p) for p in self.parameters]

    def minimise(self, loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, self.parameters)
        lr = self.lr / (1 + self.lr_decay * self.updates)
        self.updates += 1
        with torch.no_grad():
            for i, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
                self.mean_square[i] = self.decay * self.mean_square[i] + (1 - self.decay) * g**2
                p -= lr * g / (self.mean_square[i].sqrt() + self.eps)


def assert_same_course(
    run: Run, course: Iterable[dict[str, Tensor]], generator: nn.Module, discriminator: nn.Module
) -> None:
    """Play the run beside the plain loop: the same numbers, and weights after the first and last step."""
    for number, numbers in enumerate(course):
        run.play()
        record = run.metrics.read()[-1]
        for name, value in numbers.items():
            assert abs(record[name] - value.item()) <= 1e-10 * max(1, abs(value.item())), (number, name)
        if number == 0:
            assert_same_weights(run, generator, discriminator)
    assert_same_weights(run, generator, discriminator)


def assert_same_weights(run: Run, generator: nn.Module, discriminator: nn.Module) -> None:
    """Both players have the weights and buffers of the plain networks, to 1e-10."""
    for player, plain in (("generator", generator), ("discriminator", discriminator)):
        pairs = zip(run.game.players[player].state_dict().items(), plain.state_dict().values(), strict=True)
        for (name, ours), theirs in pairs:
            assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-10), f"{player} {name}"
