"""Components that break their promise, each in one way: typed as `engine.broken:Flat`."""

import torch
from torch import Tensor, nn

from ganzoo.layers import output_activation
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """A sound generator; the others spoil what it makes."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__()
        self.shape, self.squash = spec.shape, output_activation(spec.value_range)
        self.linear = nn.Linear(latent, spec.features)

    def make(self, z: Tensor) -> Tensor:
        return self.squash(self.linear(z)).view(-1, *self.shape)

    def forward(self, z: Tensor) -> Tensor:
        return self.spoil(self.make(z))

    def spoil(self, x: Tensor) -> object:
        return x


class Flat(Generator):
    def spoil(self, x):
        return x.flatten(1)


class Coarse(Generator):
    def spoil(self, x):
        return x[..., ::2, ::2]


class Grown(Generator):
    def spoil(self, x):
        return torch.cat((x, x))


class Whole(Generator):
    def spoil(self, x):
        return (100 * x).long()


class Loud(Generator):
    def spoil(self, x):
        return 3 * x


class NotANumber(Generator):
    def spoil(self, x):
        return x.clone().index_fill_(0, torch.tensor([1]), float("nan"))


class Pair(Generator):
    def spoil(self, x):
        return x, x


class Raises(Generator):
    def spoil(self, x):
        raise KeyError("colour")


class Normed(Generator):
    """Learns in batches of two and more only."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        self.norm = nn.BatchNorm1d(latent)

    def forward(self, z: Tensor) -> Tensor:
        return self.make(self.norm(z))


class Conditional(Generator):
    """Takes labels and does not say that it needs them."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.make(z) + 0 * labels.view(-1, *[1] * len(self.shape))


class Frozen(Generator):
    """Has a weight that does not learn, as a pretrained part would."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__(spec, latent)
        self.scale = nn.Parameter(torch.full((1,), 0.5), requires_grad=False)

    def spoil(self, x):
        return self.scale * x


def refuses(spec: DataSpec, latent: int) -> nn.Module:
    raise ValueError("it wants a Tuesday")


def nothing(spec: DataSpec, latent: int) -> None:
    return None


class Discriminator(nn.Module):
    """A sound discriminator; the others spoil its scores."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.linear = nn.Linear(spec.features, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.spoil(self.linear(x.flatten(1)).squeeze(1))

    def spoil(self, scores: Tensor) -> object:
        return scores


class Sigmoid(Discriminator):
    def spoil(self, scores):
        return scores.sigmoid()


class Maps(Discriminator):
    def spoil(self, scores):
        return scores.view(-1, 1, 1, 1)


class Single(Discriminator):
    def spoil(self, scores):
        return scores.mean()


class ScorePair(Discriminator):
    def spoil(self, scores):
        return scores, None


class ScoreNotANumber(Discriminator):
    def spoil(self, scores):
        return scores * float("inf")


class WholeScores(Discriminator):
    def spoil(self, scores):
        return scores.round().int()


class Patches(Discriminator):
    """Sound: a score for each third of the sample."""

    def spoil(self, scores):
        return torch.stack((scores, 2 * scores, -scores), 1)


class Mixing(Discriminator):
    """Sound: looks at the batch as a whole."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.norm = nn.BatchNorm1d(spec.features)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(x.flatten(1))).squeeze(1)


class Loss:
    """A sound loss; the others spoil its values."""

    probability = False

    def discriminator(self, real: Tensor, fake: Tensor) -> object:
        return self.spoil(fake - real)

    def generator(self, fake: Tensor) -> object:
        return self.spoil(-fake)

    def spoil(self, values: Tensor) -> object:
        return values.mean()


class Vector(Loss):
    def spoil(self, values):
        return values


class Float(Loss):
    def spoil(self, values):
        return values.mean().item()


class NoGradient(Loss):
    def spoil(self, values):
        return values.mean().detach()


class LossNotANumber(Loss):
    def spoil(self, values):
        return values.mean() * float("nan")


class LossRaises(Loss):
    def spoil(self, values):
        raise ZeroDivisionError("the mean of nothing")


class Silent(Loss):
    """Does not say whether scores are log-odds."""

    probability = None


def penalty_vector(discriminator, real, fake, labels):
    return discriminator(real, labels)


def penalty_not_a_number(discriminator, real, fake, labels):
    return discriminator(real, labels).mean() * float("nan")


def penalty_float(discriminator, real, fake, labels):
    return 1.0


def unlabelled(folders, *, size: int = 8):
    """Promises labels and loads none."""
    from standin import Standin

    class Dataset:
        spec = DataSpec((2,), None, 3, size)

        def load(self, split):
            return Standin(DataSpec((2,), None, None, size)).load(split)

    return Dataset()


def mislabelled(folders, *, size: int = 8):
    """Loads a label that it has not promised."""
    from standin import Standin

    class Dataset:
        spec = DataSpec((2,), None, 3, size)

        def load(self, split):
            found = Standin(self.spec).load(split)
            found.labels[0] = 3
            return found

    return Dataset()


def shorter(folders, *, size: int = 9, lost: int = 1):
    """Loads fewer samples than it promised, as where pictures were skipped."""
    from standin import Standin

    class Dataset:
        spec = DataSpec((2,), None, None, size)

        def load(self, split):
            return Standin(DataSpec((2,), None, None, size - lost)).load(split)

    return Dataset()


class Counter(nn.Module):
    """A sound loss with state: how often D's loss was asked for."""

    probability = False

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        self.count += 1
        return (fake - real).mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -fake.mean()
