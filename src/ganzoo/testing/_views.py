"""Contract checks of constraints and augmentations."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine import check
from ganzoo.errors import MisfitError
from ganzoo.spec import DataSpec
from ganzoo.testing._common import BATCHES, NOISE, SPECS, Check, Subject, draw, leaves_the_process
from ganzoo.testing._losses import Smooth


def _constrained(subject: Subject) -> Smooth:
    """A discriminator that has moved twice, followed by the constraint."""
    spec = SPECS[0]
    network = Smooth(spec, 1)
    follow = subject.part.build(network)
    subject.expect(callable(follow), "something to call after each move", follow)
    x, _ = draw(spec, 5)
    for _ in range(2):
        weights = list(network.parameters())
        gradients = torch.autograd.grad(network(x, None).square().sum(), weights, allow_unused=True)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    weight.sub_(gradient)
        follow()
        scores = network(x, None)
        subject.expect(bool(scores.isfinite().all()), "finite scores after a move", scores)
    return network


def _check_move(subject: Subject) -> None:
    _constrained(subject)


def _check_constraint_state(subject: Subject) -> None:
    ours, theirs = _constrained(subject), Smooth(SPECS[0], 1)
    subject.part.build(theirs)
    theirs.load_state_dict(ours.state_dict())
    x, _ = draw(SPECS[0], 5)
    same = torch.equal(ours.eval()(x, None), theirs.eval()(x, None))
    subject.expect(same, "equal scores from an equal state_dict", "others")


def _fitting(subject: Subject) -> Iterator[tuple[DataSpec, Any]]:
    """The augmentation for each kind of data that it takes."""
    refusals = []
    for spec in SPECS:
        try:
            yield spec, subject.part.build(spec)
        except MisfitError as error:
            refusals.append(str(error))
    found = f"refusals: {' '.join(refusals)}"
    subject.expect(len(refusals) < len(SPECS), "that it takes some samples", found)


def _exercise(subject: Subject) -> None:
    for spec, augmentation in _fitting(subject):
        augmentation(draw(spec, 3)[0])


def _check_shapes(subject: Subject) -> None:
    for spec, augmentation in _fitting(subject):
        check.augmentation(subject.part, augmentation, spec)


def _check_gradient(subject: Subject) -> None:
    for spec, augmentation in _fitting(subject):
        for count, shape in product(BATCHES, ((), (3,))):
            x = draw(spec, count)[0].requires_grad_(True)
            with subject.left_alone(x):
                (gradient,) = torch.autograd.grad(augmentation(x).square().sum(), x)
            subject.expect(bool(gradient.isfinite().all()), "a finite gradient", gradient)
            augmentation.observe(torch.randn(count, *shape))


def _check_augmentation_state(subject: Subject) -> None:
    for spec, ours in _fitting(subject):
        theirs = subject.part.build(spec)
        ours.observe(torch.randn(7))
        theirs.load_state_dict(ours.state_dict())
        x, _ = draw(spec, 3)
        same = torch.equal(_seeded(ours, x), _seeded(theirs, x))
        subject.expect(same, "the same from the same state_dict and noise", "others")


def _seeded(augmentation: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(3)
    return augmentation(x)


CONSTRAINTS = (
    Check("move", "a discriminator still scores and learns after each move", _check_move),
    Check("state", "what it adds to the discriminator is in its state_dict", _check_constraint_state),
    leaves_the_process(_check_move, NOISE),
)
AUGMENTATIONS = (
    Check("shapes", "samples stay samples of their shape", _check_shapes),
    Check(
        "gradient", "a finite gradient at batches of 1, 2, 3 and 7; its input stays as it is", _check_gradient
    ),
    Check("state", "the same from the same state_dict and noise", _check_augmentation_state),
    leaves_the_process(_exercise, NOISE),
)
