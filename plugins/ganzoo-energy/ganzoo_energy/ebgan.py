"""EBGAN: an autoencoder that rebuilds real samples well (Zhao, Mathieu and LeCun, 2016, arXiv:1609.03126)."""

from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.engine.game import Batch, StandardGame, Stats
from ganzoo.engine.parts import Parts
from ganzoo.errors import MisfitError
from ganzoo.layers import SameConv2d, SameConvTranspose2d, doublings
from ganzoo.options import NonNegativeFloat, PositiveFloat, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_energy.energy import Autoencoder, Error, energy


class Discriminator(nn.Module):
    """A convolutional autoencoder: pictures (N, C, H, W) -> minus their reconstruction errors (N,).

    width: filters of the first layer; each layer after it has twice as many. codes: numbers that a picture is
    rebuilt from. error: of a picture, squared or absolute by pixel, or the length of section 2.3.
    target: what is rebuilt; fixed lets no gradient flow through it, as a popular script has it for G.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: PositiveInt = 32,
        codes: PositiveInt = 64,
        error: Error = "squared",
        target: Literal["moving", "fixed"] = "moving",
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it rebuilds pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        self.error, self.is_fixed = error, target == "fixed"
        steps = doublings(self.height, self.breadth, 4)
        filters = [channels, *(width * 2**step for step in range(steps))]
        self.start = (filters[-1], -(-self.height // 2**steps), -(-self.breadth // 2**steps))
        size = self.start[0] * self.start[1] * self.start[2]
        self.down, self.up = nn.Sequential(), nn.Sequential()
        for before, after in pairwise(filters):
            self.down.extend([SameConv2d(before, after, 4, 2), nn.LeakyReLU(0.2)])
        self.encode, self.decode = nn.Linear(size, codes), nn.Linear(codes, size)
        for before, after in pairwise(reversed(filters)):
            self.up.extend([nn.LeakyReLU(0.2), SameConvTranspose2d(before, after, 4, 2)])

    def examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and codes (N, codes)."""
        codes = self.encode(self.down(x).flatten(1))
        rebuilt = self.up(self.decode(codes).view(-1, *self.start))[..., : self.height, : self.breadth]
        return -energy(x.detach() if self.is_fixed else x, rebuilt, self.error), codes

    def forward(self, x: Tensor) -> Tensor:
        return self.examine(x)[0]


class Margin:
    """Energies of fakes are pushed up to a margin (Zhao et al., 2016, arXiv:1609.03126, equations 1 and 2).

    An energy is minus a score. hinge: of each sample's energy, or of the batch's mean, as a popular script
    has it.
    """

    probability: ClassVar[bool] = False

    def __init__(
        self, *, margin: PositiveFloat = 1.0, hinge: Literal["samples", "batch"] = "samples"
    ) -> None:
        self.margin, self.of_batch = margin, hinge == "batch"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E(x) + max(0, m - E(G(z)))."""
        return F.relu(self.margin + (fake.mean(0) if self.of_batch else fake)).mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """E(G(z))."""
        return -fake.mean()


class PullAway:
    """The standard game, whose generator also makes the codes of its samples differ (section 2.4).

    weight: of the pull-away term; power: of the cosines, 2 in the paper and 1 in a popular script. first,
    share and g_every: as in the standard game.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        weight: NonNegativeFloat = 0.1,
        power: Literal[1, 2] = 2,
        first: Literal["discriminator", "generator"] = "discriminator",
        share: Literal["nothing", "noise", "fakes"] = "nothing",
        g_every: PositiveInt = 1,
    ) -> None:
        self.base = StandardGame(parts, first=first, share=share, g_every=g_every)
        if not isinstance(self.base.discriminator, Autoencoder):
            raise MisfitError(
                f"{parts.resolved['game'][0].label} compares the codes of an autoencoder and "
                f"{parts.resolved['discriminator'][0].label} has none. Choose ebgan or began."
            )
        self.examine = parts.computing(self.base.discriminator.examine)
        self.weight, self.power = weight, power
        self.players, self.modules, self.generator = self.base.players, self.base.modules, self.base.generator
        self.spec, self.latent, self.probability = self.base.spec, self.base.latent, self.base.probability
        self.turns = tuple(replace(t, loss=self.g_loss) if t.name == "g" else t for t in self.base.turns)
        self.score, self.summary = self.base.score, self.base.summary

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The generator makes fakes of low energy whose codes point in different directions."""
        scores, codes = self.examine(self.base.view(self.base.fakes(batch)))
        loss = self.base.contest.g_loss(scores, lambda: self.base.view(batch.real))
        pull = pull_away(batch.group.whole(codes), self.power)
        return loss + self.weight * pull, {"fake_scores": scores, "pull_away": pull}


def pull_away(codes: Tensor, power: int = 2) -> Tensor:
    """The mean over pairs of different rows (N, F) of their cosine, or its square (section 2.4)."""
    unit = F.normalize(codes, dim=1)
    cosines = (unit @ unit.T).pow(power)
    count = len(codes)
    return (cosines.sum() - cosines.diagonal().sum()) / max(count * (count - 1), 1)


RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("ebgan"),
    # Far above the energy of digits rebuilt as their background, D pushes fakes up and rebuilds nothing.
    loss=Part("margin", margin=0.3),
    game=Part("pull-away"),
    d_optimizer=Part("adam", lr=1e-3, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=1e-3, betas=(0.5, 0.999)),
    latent=64,
    batch=64,
    last_batch="drop",
    epochs=20,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Zhao, Mathieu and LeCun, 2016, arXiv:1609.03126",
)
