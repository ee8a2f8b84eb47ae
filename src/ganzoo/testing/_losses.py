"""Contract checks of losses and penalties."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.engine import check
from ganzoo.engine.calls import takes
from ganzoo.spec import DataSpec
from ganzoo.testing._common import BATCHES, NOISE, SPECS, Check, Subject, draw, leaves_the_process
from ganzoo.testing._steps import GOES_ON, SMALL, check_resumption

PLAYERS = ("discriminator", "generator")
SCORES = (-1e4, 0.0, 1e4)
SHAPES = ((4,), (4, 3), (1,))
DTYPES = (torch.float32, torch.bfloat16)


@dataclass(frozen=True)
class _Trial:
    """A player's loss of some scores."""

    player: str
    loss: Any
    scores: Sequence[Tensor]
    where: str

    def value(self) -> Tensor:
        """The loss."""
        return self.loss(*self.scores)

    def gradients(self) -> list[Tensor]:
        """The slopes in the scores that the loss looks at."""
        found = torch.autograd.grad(self.value(), self.scores, allow_unused=True)
        return [gradient for gradient in found if gradient is not None]


def _trial(made: Any, player: str, real: Tensor, fake: Tensor, where: str) -> _Trial:
    scores = [real.clone().requires_grad_(), fake.clone().requires_grad_()]
    if player == "generator":
        scores = scores[::-1] if takes(made.generator, "real") else scores[1:]
    return _Trial(player, getattr(made, player), scores, f"for the {player} at {where}")


def _trials(made: Any) -> Iterator[_Trial]:
    """Both players' losses of scores of any size, one a sample and patches, in both precisions."""
    for player, real, fake, shape, dtype in product(PLAYERS, SCORES, SCORES, SHAPES, DTYPES):
        a, b = (torch.full(shape, score, dtype=dtype) for score in (real, fake))
        yield _trial(made, player, a, b, f"real scores {real:g} and fake scores {fake:g}, {dtype}")


def _drawn(made: Any, count: int = 7) -> Iterator[_Trial]:
    """Both players' losses of scores as a discriminator gives them."""
    source = torch.Generator().manual_seed(count)
    real, fake = (torch.randn(count, generator=source) for _ in range(2))
    yield from (_trial(made, player, real, fake, f"{count} scores") for player in PLAYERS)


def _exercise_loss(subject: Subject) -> None:
    for trial in _drawn(subject.part.build()):
        trial.gradients()


def _check_scalar(subject: Subject) -> None:
    check.loss(subject.part, subject.part.build())


def _check_finite(subject: Subject) -> None:
    for trial in _trials(subject.part.build()):
        value = trial.value()
        sound = value.dim() == 0 and bool(value.isfinite())
        subject.expect(sound, f"a finite scalar {trial.where}", value)
        gradients = trial.gradients()
        finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
        subject.expect(finite, f"a finite gradient {trial.where}", gradients)


def _check_slopes(subject: Subject) -> None:
    made = subject.part.build()
    for player in PLAYERS:
        trials = [trial for trial in (*_trials(made), *_drawn(made)) if trial.player == player]
        steep = any(bool(gradient.any()) for trial in trials for gradient in trial.gradients())
        subject.expect(steep, f"a gradient for the {player} at some scores", "none at any")


def _check_loss_batches(subject: Subject) -> None:
    made = subject.part.build()
    for count in BATCHES:
        for trial in _drawn(made, count):
            value = trial.value()
            sound = value.dim() == 0 and bool(value.isfinite())
            subject.expect(sound, f"a finite scalar {trial.where}", value)


def _check_loss_input(subject: Subject) -> None:
    for trial in _drawn(subject.part.build()):
        with subject.left_alone(*trial.scores):
            trial.value()


def _check_repeat(subject: Subject) -> None:
    made = subject.part.build()
    for trial in () if isinstance(made, nn.Module) else _drawn(made):
        value, again = trial.value(), trial.value()
        expected = f"one value {trial.where}, or state in an nn.Module"
        subject.expect(torch.equal(value, again), expected, f"{value:g}, then {again:g}")


def _check_loss_saving(subject: Subject) -> None:
    made, twin = subject.part.build(), subject.part.build()
    for trial in _drawn(made):
        trial.value()
    if isinstance(made, nn.Module):
        twin.load_state_dict(made.state_dict())
    for ours, theirs in zip(_drawn(made), _drawn(twin), strict=True):
        a, b = ours.value(), theirs.value()
        subject.expect(torch.equal(a, b), "the same value from the same state_dict", f"{a:g} and {b:g}")


def _check_steps(subject: Subject) -> None:
    check_resumption(subject, SMALL, SPECS[0], **{subject.part.role: subject.part})


_STEPS = Check("steps", GOES_ON, _check_steps)
LOSSES = (
    leaves_the_process(_exercise_loss),
    Check("scalar", "gives each player a finite scalar, and says whether scores are log-odds", _check_scalar),
    Check("finite", "values and gradients are finite for scores of any size", _check_finite),
    Check("gradients", "each player gets a gradient at some scores", _check_slopes),
    Check("batches", "takes the scores of 1, 2, 3 and 7 samples", _check_loss_batches),
    Check("input", "leaves the scores as they are", _check_loss_input),
    Check("repeat", "gives one value for the same scores; a loss with state is an nn.Module", _check_repeat),
    Check("saving", "state_dict holds all that decides its value", _check_loss_saving),
    _STEPS,
)


class Smooth(nn.Module):
    """A discriminator with derivatives of every order."""

    def __init__(self, spec: DataSpec, patches: int) -> None:
        super().__init__()
        self.hidden, self.patches = nn.Linear(spec.features, 8), nn.Linear(8, patches)
        self.label = nn.Embedding(spec.classes or 1, 8)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        known = 0 if labels is None else self.label(labels)
        return self.patches(torch.tanh(self.hidden(x.flatten(1)) + known)).squeeze(1)


@dataclass(frozen=True)
class _Scene:
    """A discriminator and the samples on which a penalty is taken."""

    network: Smooth
    real: Tensor
    fake: Tensor
    labels: Tensor | None

    def penalty(self, subject: Subject) -> Any:
        """The penalty, whatever it is."""
        part = subject.part
        return part.factory(self.network, self.real, self.fake, self.labels, **part.options)


def _scenes(counts: Sequence[int] = (7,)) -> Iterator[_Scene]:
    """Vectors and pictures, labelled or not, one score a sample or patches."""
    for spec, patches, count in product(SPECS, (1, 3), counts):
        (real, labels), (fake, _) = draw(spec, count, seed=1), draw(spec, count, seed=2)
        yield _Scene(Smooth(spec, patches), real, fake, labels)


def _exercise_penalty(subject: Subject) -> None:
    for scene in _scenes():
        scene.penalty(subject)


def _check_value(subject: Subject) -> None:
    for scene in _scenes():
        _expect_scalar(subject, scene.penalty(subject))


def _expect_scalar(subject: Subject, value: Any) -> None:
    sound = isinstance(value, Tensor) and value.dim() == 0 and value.dtype == torch.float32
    subject.expect(sound and bool(value.isfinite()), "a finite scalar, float32", value)


def _check_penalty_gradients(subject: Subject) -> None:
    for scene in _scenes():
        value = scene.penalty(subject)
        subject.expect(value.requires_grad, "a value that depends on the weights", "a constant")
        found = torch.autograd.grad(value, list(scene.network.parameters()), allow_unused=True)
        gradients = [gradient for gradient in found if gradient is not None]
        finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
        subject.expect(finite, "finite gradients for the weights", "NaN or infinity")
        subject.expect(any(bool(g.any()) for g in gradients), "a gradient for the weights", "zeros")


def _check_penalty_batches(subject: Subject) -> None:
    for scene in _scenes(BATCHES):
        _expect_scalar(subject, scene.penalty(subject))


def _check_penalty_input(subject: Subject) -> None:
    for scene in _scenes():
        with subject.left_alone(scene.real, scene.fake, scene.labels):
            scene.penalty(subject)


def _check_leftovers(subject: Subject) -> None:
    for scene in _scenes():
        scene.penalty(subject)
        left = [name for name, parameter in scene.network.named_parameters() if parameter.grad is not None]
        subject.expect(not left, "no gradient left behind", f"some in {', '.join(left)}")


PENALTIES = (
    leaves_the_process(_exercise_penalty, NOISE),
    Check("scalar", "gives a finite float32 scalar, for vectors, pictures and patches", _check_value),
    Check("gradients", "the discriminator's weights get a finite gradient", _check_penalty_gradients),
    Check("batches", "takes 1, 2, 3 and 7 samples", _check_penalty_batches),
    Check("input", "leaves samples and labels as they are", _check_penalty_input),
    Check("leftovers", "leaves no gradient in the discriminator's weights", _check_leftovers),
    _STEPS,
)
