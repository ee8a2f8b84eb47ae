"""The contract checks notice what is broken: each component here breaks one promise."""

import os
import random

import numpy as np
import pytest
import torch
from torch import nn

from engine import broken
from ganzoo import testing
from ganzoo.datasets.base import Samples
from ganzoo.hooks import hookimpl
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec
from ganzoo.testing import ContractError
from ganzoo.zoo.fashion import RECIPE


def refuses(check, component, words: str, **options) -> None:
    """A check raises ContractError with certain words."""
    with pytest.raises(ContractError, match=words):
        check(component, options)


# Generators and discriminators ------------------------------------------------------------------------------


class Sly(broken.Generator):
    """A sound generator that does something else as well."""

    def spoil(self, x):
        self.misbehave(x)
        return x

    def misbehave(self, x):
        raise NotImplementedError


class DrawsElsewhere(Sly):
    def misbehave(self, x):
        random.random()


class DrawsInNumpy(Sly):
    def misbehave(self, x):
        np.random.rand()


class ChangesDtype(Sly):
    def misbehave(self, x):
        torch.set_default_dtype(torch.float64)


class ChangesFolder(Sly):
    def misbehave(self, x):
        os.chdir("/")


class Detached(broken.Generator):
    def spoil(self, x):
        return x.detach()


class Unused(broken.Generator):
    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        self.spare = nn.Linear(1, 1)


class Forgetful(broken.Generator):
    """Keeps something that its state_dict does not have."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        self.gain = 1.0

    def spoil(self, x):
        if self.training:
            self.gain *= 0.5
        return self.gain * x


class Greedy(broken.Generator):
    def forward(self, z):
        return self.make(z.mul_(2))


class Single(broken.Generator):
    """Fixed to float32."""

    def spoil(self, x):
        return x.float()


class Uneven(broken.Generator):
    def spoil(self, x):
        return x[:2]


class Random(broken.Generator):
    """Draws its first weights from where no seed reaches."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        source = torch.Generator()
        source.seed()
        nn.init.normal_(self.linear.weight, generator=source)


class Pairs(broken.Generator):
    """Takes even batches only."""

    def spoil(self, x):
        if len(x) % 2:
            raise ValueError("it wants pairs")
        return x


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (broken.Flat, r"makes \(2, 784\).*expected"),
        (broken.Loud, "makes values in"),
        (broken.NotANumber, "NaN"),
        (broken.Pair, "tuple"),
        (broken.Whole, "int64"),
        (broken.refuses, "expected a network for some data, got refusals: .*Tuesday"),
        (broken.nothing, "expected a torch.nn.Module, got NoneType"),
        (DrawsElsewhere, "expected the process left alone, got a change of random"),
        (DrawsInNumpy, "got a change of numpy.random"),
        (Detached, "expected an output with a gradient"),
        (Unused, r"expected a finite gradient for every weight, got none for spare\.weight, spare\.bias"),
        (Forgetful, "the same output from the same state_dict"),
        (Greedy, "expected its input left alone"),
        (Single, "expected float64 from float64"),
        (Uneven, "expected 1 outputs for 1|expected 3 outputs for 3 samples, got 2"),
        (Random, "equal weights from equal noise"),
        (Pairs, "that it takes a batch of 3"),
    ],
)
def test_generators(component, words):
    refuses(testing.check_generator, component, words)


def test_a_change_of_the_default_dtype_is_noticed():
    try:
        refuses(testing.check_generator, ChangesDtype, "got a change of torch's default dtype")
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_change_of_the_working_directory_is_noticed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    refuses(testing.check_generator, ChangesFolder, "the working directory")


@pytest.mark.parametrize("component", [broken.Generator, broken.Normed, broken.Frozen])
def test_sound_generators(component):
    testing.check_generator(component)


def test_networks_are_tried_on_the_data_that_are_asked_for():
    odd = DataSpec((2, 5, 9), (0.0, 1.0), None, 8)
    with pytest.raises(ContractError, match=r"expected \(2, 2x5x9\)"):
        testing.check_generator(broken.Flat, {}, odd)
    testing.check_generator("dcgan", {"width": 2}, odd)


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (broken.Sigmoid, "raw scores, without a sigmoid"),
        (broken.Maps, r"\(2, 1, 1, 1\)"),
        (broken.Single, r"expected \(2,\)"),
        (broken.ScorePair, "tuple"),
        (broken.WholeScores, "int32"),
    ],
)
def test_discriminators(component, words):
    refuses(testing.check_discriminator, component, words)


@pytest.mark.parametrize("component", [broken.Discriminator, broken.Patches, broken.Mixing])
def test_sound_discriminators(component):
    testing.check_discriminator(component)


# Losses and penalties ---------------------------------------------------------------------------------------


class Overflowing(broken.Loss):
    def spoil(self, values):
        return values.exp().mean()


class Saturated(broken.Loss):
    def spoil(self, values):
        return (values.clamp(0.29, 0.31) * 1e30).mean()


class Counting(broken.Loss):
    calls = 0

    def spoil(self, values):
        self.calls += 1
        return values.mean() * self.calls


class Blind(broken.Loss):
    """G's loss is flat at every score that is tried."""

    def generator(self, fake):
        return (fake.clamp(-5, 5) * (fake.abs() < 5) * (fake != 0)).mean()


class Shifting(broken.Loss):
    def discriminator(self, real, fake):
        with torch.no_grad():
            real.sub_(1)
        return (fake - real).mean()


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (broken.Vector, "expected a scalar"),
        (broken.Float, "float"),
        (broken.NoGradient, "without a gradient"),
        (broken.Silent, "probability"),
        (Overflowing, "expected a finite scalar for the discriminator at real scores -10000"),
        (Counting, "state in an nn.Module"),
        (Blind, "expected a gradient for the generator at some scores"),
        (Shifting, "its input left alone"),
    ],
)
def test_losses(component, words):
    refuses(testing.check_loss, component, words)


def test_a_sound_loss():
    testing.check_loss(broken.Loss)


def forgotten_graph(discriminator, real, fake, labels):
    x = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x, labels).sum(), x)
    return gradient.square().mean()


def undefined_root(discriminator, real, fake, labels):
    """The root of zero has no gradient."""
    return (0 * discriminator(real, labels)).square().mean().sqrt()


def left_behind(discriminator, real, fake, labels):
    discriminator(real, labels).sum().backward()
    return discriminator(real, labels).square().mean()


def moves_real(discriminator, real, fake, labels):
    return discriminator(real.add_(0.1), labels).square().mean()


def drift(discriminator, real, fake, labels, *, weight: float = 1e-3):
    """Sound: no gradient penalty at all."""
    return weight * discriminator(real, labels).square().mean()


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (broken.penalty_vector, "expected a finite scalar"),
        (broken.penalty_not_a_number, "expected a finite scalar"),
        (broken.penalty_float, "expected a finite scalar"),
        (forgotten_graph, "expected a value that depends on the weights"),
        (undefined_root, "expected finite gradients|expected a gradient"),
        (left_behind, "no gradient left behind, got some in"),
        (moves_real, "its input left alone"),
    ],
)
def test_penalties(component, words):
    refuses(testing.check_penalty, component, words)


def test_a_sound_penalty():
    testing.check_penalty(drift)
    testing.check_penalty(drift, {"weight": 2.0})


# Data and the rest ------------------------------------------------------------------------------------------


class Data:
    """A sound data set; the others promise or load something else."""

    spec = DataSpec((2,), (0.0, 1.0), 3, 6)

    def load(self, split):
        return self.samples() if split == "train" else None

    def samples(self):
        return Samples(torch.linspace(0, 1, 12).view(6, 2), torch.tensor([0, 1, 2, 0, 1, 2]))


def data(**changes):
    """A factory of a data set with other attributes."""
    made = type("Changed", (Data,), changes)

    def factory(folders):
        return made()

    return factory


@pytest.mark.parametrize(
    ("component", "words"),
    [
        (data(spec=(2,)), "tuple for its spec"),
        (data(spec=DataSpec((2,), (1.0, 0.0), 3, 6)), "ascending range"),
        (data(samples=lambda self: None), "training samples, got 0"),
        (data(samples=lambda self: Samples(torch.zeros(6, 3), torch.zeros(6).long())), "loads samples of 3"),
        (data(samples=lambda self: Samples(torch.full((6, 2), 9.0), torch.zeros(6).long())), "loads values"),
        (data(samples=lambda self: Samples(torch.zeros(6, 2))), "3 classes and loads no labels"),
        (data(samples=lambda self: Samples(torch.zeros(6, 2), torch.zeros(6))), "int64"),
        (
            data(samples=lambda self: Samples(torch.zeros(7, 2), torch.zeros(7).long())),
            "6 training samples, got 7",
        ),
        (
            data(samples=lambda self: Samples(torch.rand(6, 2), torch.zeros(6).long())),
            "the same samples again",
        ),
    ],
)
def test_data_sets(component, words):
    refuses(testing.check_dataset, component, words)


def test_labels_that_were_not_promised_are_an_error_of_the_data():
    testing.check_dataset(data())
    mislabelled = data(samples=lambda self: Samples(torch.zeros(6, 2), torch.full((6,), 3)))
    testing.check_dataset(mislabelled)  # what a user's files hold is no fault of the component


def flat(real, fake):
    return 1.0


def tensors(real, fake):
    return {"mean": real.mean()}


def noisy(real, fake):
    return {"noise": torch.rand(()).item()}


def picky(real, fake):
    """Sound: measures colour pictures only."""
    if real.dim() != 4 or real.shape[1] != 3:
        raise ValueError("it measures colour pictures")
    return {"red": real[:, 0].mean().item()}


@pytest.mark.parametrize(
    ("component", "words"),
    [(flat, "{name: number}"), (tensors, "{name: number}"), (noisy, "the same numbers")],
)
def test_metrics(component, words):
    refuses(testing.check_metric, component, words)


def test_a_sound_metric():
    testing.check_metric(picky)


def uphill(parameters, *, lr: float = 0.1):
    return torch.optim.SGD(parameters, lr=lr, maximize=True)


def nameless(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def no_optimizer(parameters, *, lr: float = 0.1):
    return object()


@pytest.mark.parametrize(
    ("component", "words"),
    [(uphill, "fall below 10"), (nameless, "an option lr"), (no_optimizer, "torch.optim.Optimizer")],
)
def test_optimizers(component, words):
    refuses(testing.check_optimizer, component, words)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (lambda images, total: -1.0, "a factor >= 0|one factor >= 0"),
        (lambda images, total: float("nan"), "finite"),
        (lambda images, total: random.Random().random(), "one factor"),
        (3, "expected a function"),
    ],
)
def test_schedules(factor, words):
    def schedule():
        return factor

    refuses(testing.check_schedule, schedule, words)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (lambda: RECIPE, "expected a ganzoo.recipe.Recipe, got function"),
        (
            RECIPE.with_part("generator", Part("cgan")).with_part("discriminator", Part("dcgan", slope=0.1)),
            None,
        ),
    ],
)
def test_recipes(recipe, words):
    if words is None:
        testing.check_recipe(recipe)
    else:
        refuses(testing.check_recipe, recipe, words)


def test_a_recipe_that_fits_nothing():
    odd = RECIPE.with_part("generator", Part("fashion")).with_part("discriminator", Part("cgan"))
    refuses(testing.check_recipe, odd, "that it fits some data")


class Meddling:
    """Changes weights."""

    @hookimpl
    def step_end(self, run):
        with torch.no_grad():
            next(run.game.generator.parameters()).mul_(1.01)


class Misspelt:
    @hookimpl
    def step_ended(self, run):
        """No such hook."""


class Hookless:
    """Implements nothing."""


class Steady:
    """Sound: counts steps, and keeps the count."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def step_end(self):
        self.count += 1

    @hookimpl
    def checkpoint_save(self):
        return {"count": self.count}


@pytest.mark.parametrize(
    ("component", "words"),
    [(Meddling, "the weights without it"), (Misspelt, "step_ended"), (Hookless, "a hook at least")],
)
def test_callbacks(component, words):
    refuses(testing.check_callback, component, words)


def test_a_sound_callback():
    testing.check_callback(Steady)


def test_commands():
    import click

    def listing():
        """Print something."""

    testing.check_command(click.command(listing))
    refuses(testing.check_command, listing, "a click.Command, got function")
    refuses(testing.check_command, click.command(lambda: None), "a docstring")
