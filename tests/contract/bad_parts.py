"""Losses, penalties, data sets, metrics, optimizers and schedules that break one promise each."""

import os
import random

import click
import torch
from torch import nn

from engine import broken
from ganzoo.datasets.base import Samples
from ganzoo.spec import DataSpec

# Losses and penalties ---------------------------------------------------------------------------------------


class Rolling(broken.Loss):
    def spoil(self, values):
        random.random()
        return values.mean()


class Overflowing(broken.Loss):
    def spoil(self, values):
        return values.exp().mean()


class Blind(broken.Loss):
    """G's loss is flat at every score."""

    def generator(self, fake):
        return 0 * fake.mean()


class AtLeastTwo(broken.Loss):
    def spoil(self, values):
        return values.square().sum() / (values.numel() - 1)


class Shifting(broken.Loss):
    def discriminator(self, real, fake):
        with torch.no_grad():
            real.sub_(1)
        return (fake - real).mean()


class Counting(broken.Loss):
    calls = 0

    def spoil(self, values):
        self.calls += 1
        return values.mean() * self.calls


class Absent(nn.Module):
    """A loss with state that its state_dict does not have."""

    probability = False

    def __init__(self) -> None:
        super().__init__()
        self.count = 0.0

    def discriminator(self, real, fake):
        self.count += 1
        return (fake - real).mean() * self.count

    def generator(self, fake):
        return -fake.mean() * self.count


LOSSES = [
    ("process", Rolling, "Python's random numbers"),
    ("scalar", broken.Vector, "expected a scalar"),
    ("scalar", broken.Float, "float"),
    ("scalar", broken.NoGradient, "without a gradient"),
    ("scalar", broken.Silent, "probability"),
    ("finite", Overflowing, "expected a finite scalar for the discriminator at real scores -10000"),
    ("gradients", Blind, "expected a gradient for the generator at some scores"),
    ("batches", AtLeastTwo, "expected a finite scalar for the discriminator at 1 scores"),
    ("input", Shifting, "its input left alone"),
    ("repeat", Counting, "state in an nn.Module"),
    ("saving", Absent, "the same value from the same state_dict"),
    ("steps", Absent, r"the weights of \d steps after \d \+ \d"),
]


def reseeds(discriminator, real, fake, labels):
    torch.manual_seed(3)
    return discriminator(real, labels).square().mean()


def forgotten_graph(discriminator, real, fake, labels):
    x = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x, labels).sum(), x)
    return gradient.square().mean()


def undefined_root(discriminator, real, fake, labels):
    """The root of zero has no gradient."""
    return (0 * discriminator(real, labels)).square().mean().sqrt()


def spread(discriminator, real, fake, labels):
    """The variance of one sample is not a number."""
    scores = discriminator(real, labels).flatten()
    return (scores - scores.mean()).square().sum() / (len(real) - 1)


def left_behind(discriminator, real, fake, labels):
    discriminator(real, labels).sum().backward()
    return discriminator(real, labels).square().mean()


def moves_real(discriminator, real, fake, labels):
    return discriminator(real.add_(0.1), labels).square().mean()


def growing(discriminator, real, fake, labels):
    """Has a state that nobody saves."""
    growing.calls += 1
    return growing.calls * discriminator(real, labels).square().mean()


growing.calls = 0


def drift(discriminator, real, fake, labels, *, weight: float = 1e-3):
    """Sound: no gradient penalty at all."""
    return weight * discriminator(real, labels).square().mean()


PENALTIES = [
    ("process", reseeds, "torch's seed"),
    ("scalar", broken.penalty_vector, "expected a finite scalar"),
    ("scalar", broken.penalty_not_a_number, "expected a finite scalar"),
    ("scalar", broken.penalty_float, "expected a finite scalar"),
    ("gradients", forgotten_graph, "expected a value that depends on the weights"),
    ("gradients", undefined_root, "expected finite gradients|expected a gradient"),
    ("batches", spread, "expected a finite scalar"),
    ("input", moves_real, "its input left alone"),
    ("leftovers", left_behind, "no gradient left behind, got some in"),
    ("steps", growing, r"the weights of \d steps after \d \+ \d"),
]

# Constraints and augmentations ------------------------------------------------------------------------------


def forgets_the_move(discriminator):
    """It gives nothing to call."""


def breaks_scores(discriminator):
    """Weights become infinite after a move."""
    return lambda: [weight.data.fill_(torch.inf) for weight in discriminator.parameters()]


def hidden_state(discriminator):
    """What it divides by is in no state_dict."""
    scale = torch.rand(()) + 0.5
    discriminator.hidden.register_forward_hook(lambda module, inputs, output: output * scale)
    return lambda: None


def gambles(discriminator):
    """It draws from Python's random numbers."""
    return lambda: random.random() and None


CONSTRAINTS = [
    ("process", gambles, "Python's random numbers"),
    ("move", forgets_the_move, "something to call after each move"),
    ("move", breaks_scores, "finite scores after a move"),
    ("state", hidden_state, "equal scores from an equal state_dict"),
]


class Shifted(nn.Module):
    """A sound augmentation, to be spoilt."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()

    def forward(self, x):
        return x + torch.rand(len(x), *[1] * (x.dim() - 1))

    def observe(self, real_scores):
        pass


class Cropped(Shifted):
    def forward(self, x):
        return x[..., :-1]


class Detached(Shifted):
    def forward(self, x):
        return x.detach() * 2


class Centred(Shifted):
    def forward(self, x):
        with torch.no_grad():
            x -= x.mean()
        return x * 2


class Forgetful(Shifted):
    def observe(self, real_scores):
        self.shift = 1.0 + getattr(self, "shift", 0.0)

    def forward(self, x):
        return x + getattr(self, "shift", 0.0)


class Deaf(nn.Module):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__()

    def forward(self, x):
        return x


class Gambling(Shifted):
    def forward(self, x):
        return x + random.random()


AUGMENTATIONS = [
    ("process", Gambling, "Python's random numbers"),
    ("gradient", Centred, "its input left alone"),
    ("shapes", Cropped, "expected the same shape"),
    ("shapes", Detached, "cuts the gradient"),
    ("shapes", Deaf, "with a method observe"),
    ("state", Forgetful, "the same from the same state_dict and noise"),
]

# Data sets and metrics --------------------------------------------------------------------------------------


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


def loading(*samples):
    """A data set that loads these samples."""
    return data(samples=lambda self: Samples(*samples))


def counted(self):
    return DataSpec((2,), (0.0, 1.0), 3, random.Random().randrange(10**9))


def rolling(self):
    torch.rand(1)
    return Data.samples(self)


def unsorted(self):
    return Samples(torch.linspace(0, 1, 12).view(6, 2), torch.randint(3, (6,)))


ZEROS, CLASSES = torch.zeros(6, 2), torch.zeros(6).long()
DATASETS = [
    ("process", data(samples=rolling), "torch's random numbers"),
    ("spec", data(spec=(2,)), "tuple for its spec"),
    ("spec", data(spec=DataSpec((2,), (1.0, 0.0), 3, 6)), "ascending range"),
    ("spec", data(spec=property(counted)), "one spec"),
    ("samples", data(samples=lambda self: None), "training samples, got none"),
    ("samples", loading(torch.zeros(6, 3), CLASSES), "loads samples of 3"),
    ("samples", loading(torch.full((6, 2), 9.0), CLASSES), "loads values"),
    ("samples", loading(ZEROS), "3 classes and loads no labels"),
    ("samples", loading(ZEROS, torch.zeros(6)), "int64"),
    ("size", loading(torch.zeros(7, 2), torch.zeros(7).long()), "6 training samples, got 7"),
    ("size", loading(torch.zeros(0, 2), torch.zeros(0).long()), "6 training samples, got 0"),
    ("repeat", data(samples=lambda self: Samples(torch.rand(6, 2), CLASSES)), "the same samples again"),
    ("repeat", data(samples=unsorted), "the same samples again"),
    ("test split", data(load=lambda self, split: Samples(torch.zeros(6, 9), CLASSES)), "loads samples of 9"),
]


def flat(real, fake):
    return 1.0


def tensors(real, fake):
    return {"mean": real.mean()}


def noisy(real, fake):
    return {"noise": random.Random().random()}


def draws(real, fake):
    return {"noise": 0 * torch.rand(()).item()}


def centres(real, fake):
    fake -= fake.mean(0)
    return {"deviation": fake.std().item()}


def first(real, fake):
    return {"first": fake[0].mean().item()}


def curious(real, pictures):
    return {"mean": 0.0}


def never(real, fake):
    raise ValueError("it measures nothing")


def picky(real, fake):
    """Sound: measures colour pictures only."""
    if real.dim() != 4 or real.shape[1] != 3:
        raise ValueError("it measures colour pictures")
    return {"red": real[:, 0].mean().item()}


METRICS = [
    ("process", draws, "torch's random numbers"),
    (
        "fits",
        never,
        "that it measures some samples, got refusals: metric never cannot be used here: it measures nothing",
    ),
    ("numbers", flat, "{name: number}"),
    ("numbers", tensors, "{name: number}"),
    ("numbers", curious, "asks for 'pictures'"),
    ("repeat", noisy, "the same numbers"),
    ("order", first, "the same in any order"),
    ("input", centres, "its input left alone"),
]

# Optimizers, schedules and commands -------------------------------------------------------------------------


def tidy(parameters, *, lr: float = 0.1):
    os.environ["LR"] = str(lr)
    return torch.optim.SGD(parameters, lr=lr)


def uphill(parameters, *, lr: float = 0.1):
    return torch.optim.SGD(parameters, lr=lr, maximize=True)


def nameless(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def no_optimizer(parameters, *, lr: float = 0.1):
    return object()


class Tired(torch.optim.SGD):
    """Takes smaller and smaller steps and does not save how many there were."""

    count = 0

    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            group["lr"] = 0.1 / self.count
        return super().step()


class Listing(torch.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["history"] = ["a step"]
        return super().step()


def tired(parameters, *, lr: float = 0.1):
    return Tired(parameters, lr=lr)


def listing(parameters, *, lr: float = 0.1):
    return Listing(parameters, lr=lr)


OPTIMIZERS = [
    ("process", tidy, "the environment"),
    ("rate", nameless, "an option lr"),
    ("descent", uphill, "fall below 10"),
    ("descent", no_optimizer, "torch.optim.Optimizer"),
    ("saving", listing, "tensors and numbers as its state"),
    ("steps", tired, r"the weights of \d steps after \d \+ \d"),
]


def schedule(factor):
    """A schedule that gives this factor."""

    def made():
        return factor

    return made


def thoughtless(images, total):
    random.random()
    return 1.0


class Halving:
    """Halves the rate at every call, wherever the run is."""

    def __init__(self) -> None:
        self.factor = 2.0

    def __call__(self, images: int, total: int) -> float:
        self.factor /= 2
        return self.factor


SCHEDULES = [
    ("process", schedule(thoughtless), "Python's random numbers"),
    ("factor", schedule(lambda images, total: -1.0), "one factor >= 0"),
    ("factor", schedule(lambda images, total: float("nan")), "finite"),
    ("factor", schedule(3), "expected a function"),
    ("repeat", schedule(lambda images, total: random.Random().random()), "one factor after 0 of 1 images"),
    ("steps", Halving, r"the weights of \d steps after \d \+ \d"),
]


def plain():
    """Print something."""


class Chatty(click.Command):
    def format_help(self, ctx, formatter):
        os.environ["COLUMNS"] = "40"
        super().format_help(ctx, formatter)


run = click.command("run")(plain)
run.__qualname__ = "run"
COMMANDS = [
    ("process", click.command(cls=Chatty)(plain), "the environment"),
    ("command", plain, "a click.Command, got function"),
    ("command", click.command(lambda: None), "a docstring"),
    ("name", run, "own commands leave free, got 'run'"),
    ("light", "teeth/heavy", "torch is imported in the command"),
]
SOUND_COMMANDS = [click.command("sound")(plain)]
