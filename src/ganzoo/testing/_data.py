"""Contract checks of data sets, metrics, optimizers, schedules and commands."""

from typing import Any

import click
import torch
from torch import Tensor, nn

from ganzoo.datasets.base import DataFolders
from ganzoo.engine import promises
from ganzoo.engine.parts import Resolved
from ganzoo.errors import DataError
from ganzoo.testing._common import SPECS, checks, draw, expect, left_alone


@checks("datasets")
def check_dataset(part: Resolved) -> None:
    """A spec known at once and true of the samples, the same every time; nothing is downloaded for this."""
    dataset = part.build(DataFolders(download=False))
    promises.dataset(part, dataset)
    expect(dataset.spec == dataset.spec, part, "one spec", "another each time")
    try:
        loaded = promises.samples(part, dataset.load("train"), dataset.spec)
    except DataError:
        return  # its files are not here
    count = 0 if loaded is None else len(loaded)
    expect(0 < count <= dataset.spec.size, part, f"{dataset.spec.size} training samples", count)
    again = dataset.load("train")
    expect(
        loaded is not None and torch.equal(loaded.values, again.values),
        part,
        "the same samples again",
        "others",
    )
    promises.samples(part, dataset.load("test"), dataset.spec)


@checks("metrics")
def check_metric(part: Resolved) -> None:
    """Named numbers, the same for the same samples; ValueError refuses a spec, but not all."""
    refusals = []
    for spec in SPECS:
        (real, _), (fake, _) = draw(spec, 50, seed=1), draw(spec, 50, seed=2)
        try:
            with left_alone(part, real, fake):
                numbers, again = (part.factory(real, fake, **part.options) for _ in range(2))
        except ValueError as error:
            refusals.append(str(error))
            continue
        sound = isinstance(numbers, dict) and all(isinstance(v, float | int) for v in numbers.values())
        expect(sound and all(isinstance(k, str) for k in numbers), part, "{name: number}", numbers)
        expect(numbers == again, part, "the same numbers again", f"{numbers}, then {again}")
    expect(
        len(refusals) < len(SPECS), part, "that it measures some samples", f"refusals: {' '.join(refusals)}"
    )


@checks("optimizers")
def check_optimizer(part: Resolved) -> None:
    """It goes downhill, its learning rate is an option, and its state can be saved."""
    expect("lr" in part.options, part, "an option lr", sorted(part.options))
    w = nn.Parameter(torch.tensor([1.0, -3.0]))
    optimizer = promises.optimizer(part, part.build([w]))
    for _ in range(10):
        w.grad = 2 * w.detach()
        optimizer.step()
    expect(bool(w.detach().square().sum() < 10), part, "w * w to fall below 10", w.tolist())
    odd = [
        value for value in optimizer.state[w].values() if not isinstance(value, Tensor | float | int | None)
    ]
    expect(not odd, part, "tensors and numbers as its state", odd)


@checks("schedules")
def check_schedule(part: Resolved) -> None:
    """A finite factor, not below zero, that depends on the images seen and their total alone."""
    schedule = promises.schedule(part, part.build())
    for images, total in ((0, 1), (0, 10**9), (1, 10**9), (10**9 - 1, 10**9), (10**9, 10**9)):
        factor, again = schedule(images, total), schedule(images, total)
        where = f"after {images} of {total} images"
        expect(0 <= factor < torch.inf and factor == again, part, f"one factor >= 0 {where}", factor)


@checks("commands")
def check_command(part: Resolved) -> None:
    """It is a click command and says what it does."""
    command: Any = part.factory
    expect(isinstance(command, click.Command), part, "a click.Command", type(command).__name__)
    expect(bool(command.get_short_help_str()), part, "a docstring as its help", "none")
