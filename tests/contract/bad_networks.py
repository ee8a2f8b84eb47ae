"""Networks that break one promise each, and the check that notices."""

import os
import random
import warnings

import numpy as np
import torch
from torch import nn

from engine import broken
from ganzoo.spec import DataSpec


class Sly(broken.Generator):
    """A sound generator that does something else as well."""

    def spoil(self, x):
        self.misbehave()
        return x

    def misbehave(self):
        raise NotImplementedError


class DrawsElsewhere(Sly):
    def misbehave(self):
        random.random()


class DrawsInNumpy(Sly):
    def misbehave(self):
        np.random.rand()


class Reseeds(Sly):
    def misbehave(self):
        torch.manual_seed(7)


class ChangesDtype(Sly):
    def misbehave(self):
        torch.set_default_dtype(torch.float64)


class ChangesThreads(Sly):
    def misbehave(self):
        torch.set_num_threads(torch.get_num_threads() + 1)


class StopsGradients(Sly):
    def misbehave(self):
        torch.set_grad_enabled(False)


class ChangesFolder(Sly):
    def misbehave(self):
        os.chdir("/")


class ChangesEnvironment(Sly):
    def misbehave(self):
        os.environ["OMP_NUM_THREADS"] = "64"


class SilencesWarnings(Sly):
    def misbehave(self):
        warnings.simplefilter("ignore")


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


class Strided(broken.Generator):
    """Counts on the order of what a convolution leaves in memory."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        self.filter = (
            nn.Conv2d(spec.shape[0], spec.shape[0], 3, padding=1) if spec.is_image else nn.Identity()
        )

    def make(self, z):
        x = self.linear(z).view(-1, *self.shape)
        return self.squash(self.filter(x).view(len(z), -1)).view(-1, *self.shape)


class Open(broken.Generator):
    """Within the range only as long as its weights are small."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        low, high = spec.value_range or (0.0, 0.0)
        self.middle = (low + high) / 2
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, z):
        return self.middle + self.linear(z).view(-1, *self.shape)


class Conditional(broken.Generator):
    def forward(self, z, labels):
        return self.make(z) + 0 * labels.view(-1, *[1] * len(self.shape))


GENERATORS = [
    ("process", DrawsElsewhere, "the process left alone, got a change of Python's random numbers"),
    ("process", DrawsInNumpy, "numpy's random numbers"),
    ("process", Reseeds, "torch's seed"),
    ("process", ChangesDtype, "torch's default dtype"),
    ("process", ChangesThreads, "torch's number of threads"),
    ("process", StopsGradients, "torch's gradient mode"),
    ("process", ChangesFolder, "the working directory"),
    ("process", ChangesEnvironment, "the environment"),
    ("process", SilencesWarnings, "the warnings filters"),
    ("fits", broken.refuses, "expected a network for some data, got refusals: .*Tuesday"),
    ("fits", broken.nothing, "expected a torch.nn.Module, got NoneType"),
    ("shape", broken.Flat, r"makes \(2, 784\).*expected"),
    ("shape", broken.NotANumber, "NaN"),
    ("shape", broken.Pair, "tuple"),
    ("shape", broken.Whole, "int64"),
    ("range", broken.Loud, "makes values in"),
    ("range", Open, "makes values in"),
    ("gradients", Detached, "expected an output with a gradient"),
    ("gradients", Unused, r"finite gradient for every weight, got none for spare\.weight, spare\.bias"),
    ("batches", Uneven, "expected 3 outputs for 3 samples, got 2"),
    ("batches", Pairs, "that it takes a batch of 3"),
    ("input", Greedy, "expected its input left alone"),
    ("seed", Random, "equal weights from equal noise"),
    ("saving", Forgetful, "the same output from the same state_dict"),
    ("float64", Single, "expected float64 from float64"),
    ("layout", Strided, "fails in the check layout: RuntimeError: view size is not compatible"),
    ("steps", Forgetful, r"the weights of \d steps after \d \+ \d, got others in generator"),
]
SOUND_GENERATORS = [broken.Generator, broken.Normed, broken.Frozen, Conditional]


class Tanh(broken.Discriminator):
    def spoil(self, scores):
        return scores.tanh()


class DrawsInTraining(broken.Discriminator):
    def spoil(self, scores):
        return scores + 0 * random.random()


class SpareWeight(broken.Discriminator):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.spare = nn.Parameter(torch.zeros(3))


class Halves(broken.Discriminator):
    def spoil(self, scores):
        return scores[: max(2, len(scores) // 2)]


class Noisy(broken.Discriminator):
    """Adds noise to the samples themselves."""

    def forward(self, x):
        return super().forward(x.add_(0.1))


class Elsewhere(broken.Discriminator):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        source = torch.Generator()
        source.seed()
        nn.init.normal_(self.linear.weight, generator=source)


class Fading(broken.Discriminator):
    """Its scores fade with the batches that it has seen."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.seen = 0

    def spoil(self, scores):
        self.seen += self.training
        return scores / (1 + self.seen)


class Half(broken.Discriminator):
    def spoil(self, scores):
        return scores.float()


class Raw(broken.Discriminator):
    """Looks at memory instead of pixels."""

    def forward(self, x):
        return super().forward(x.as_strided(x.shape, x.new_empty(x.shape, device="meta").stride()))


def picky(spec):
    raise ValueError("it wants another Tuesday")


DISCRIMINATORS = [
    ("process", DrawsInTraining, "Python's random numbers"),
    ("fits", picky, "Tuesday"),
    ("shape", broken.Maps, r"\(2, 1, 1, 1\)"),
    ("shape", broken.Single, r"expected \(2,\)"),
    ("shape", broken.ScorePair, "tuple"),
    ("shape", broken.WholeScores, "int32"),
    ("raw", broken.Sigmoid, "raw scores, without a sigmoid"),
    ("raw", Tanh, "scores of any size, got none beyond 1"),
    ("gradients", SpareWeight, "none for spare"),
    ("batches", Halves, "expected 3 outputs for 3 samples, got 2"),
    ("input", Noisy, "expected its input left alone"),
    ("seed", Elsewhere, "equal weights from equal noise"),
    ("saving", Fading, "the same output from the same state_dict"),
    ("float64", Half, "expected float64 from float64"),
    ("layout", Raw, "the same output where channels are last in memory, got another"),
    ("steps", Fading, r"the weights of \d steps after \d \+ \d, got others in"),
]
SOUND_DISCRIMINATORS = [broken.Discriminator, broken.Patches, broken.Mixing]
