"""CycleGAN: two generators that turn each other round, without pairs (Zhu et al., 2017, arXiv:1703.10593)."""

from dataclasses import replace
from typing import Annotated

import torch
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.layers import output_activation
from ganzoo.options import Bounds, Count, NonNegativeFloat, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_translation.halves import halves, init_normal
from ganzoo_translation.pool import Pool


class Reflected(nn.Conv2d):
    """A convolution that continues pictures by their mirror image; bias: only where no norm follows.

    Put together from slices: the gradient of torch's own padding is added up in no fixed order on a GPU.
    """

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool = False) -> None:
        super().__init__(before, after, kernel, bias=bias)
        self.margin = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        for axis in (2, 3):
            size, margin = x.shape[axis], self.margin
            start, end = x.narrow(axis, 1, margin), x.narrow(axis, size - margin - 1, margin)
            x = torch.cat((start.flip(axis), x, end.flip(axis)), axis)
        return super().forward(x)


class Residual(nn.Module):
    """Two convolutions with instance norm beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Reflected(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            Reflected(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    """A residual network: pictures (N, C, H, W) -> pictures of the same height and width (section 4).

    width: filters at full size; 2 and 4 times as many at half and a quarter. blocks: at a quarter.
    """

    def __init__(
        self,
        spec: DataSpec,
        source: DataSpec,
        *,
        width: PositiveInt = 64,
        blocks: Annotated[int, Bounds(0, 100)] = 9,
    ) -> None:
        super().__init__()
        if not (spec.is_image and source.is_image and spec.shape[1:] == source.shape[1:]):
            what = f"{spec.shape_text} of {source.shape_text}"
            raise ValueError(f"it makes pictures of pictures of their size and the data are {what}")
        if min(spec.shape[1:]) < 8:
            raise ValueError(f"it makes pictures of 8 pixels and more and the data are {spec.shape_text}")
        self.start = nn.Sequential(Reflected(source.shape[0], width, 7), nn.InstanceNorm2d(width), nn.ReLU())
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n, 2 * n, 3, 2, 1, bias=False), nn.InstanceNorm2d(2 * n), nn.ReLU())
            for n in (width, 2 * width)
        )
        self.middle = nn.Sequential(*(Residual(4 * width) for _ in range(blocks)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * n, n, 3, 2, 1, bias=False) for n in (2 * width, width))
        self.norm = nn.ModuleList(nn.Sequential(nn.InstanceNorm2d(n), nn.ReLU()) for n in (2 * width, width))
        self.end = nn.Sequential(
            Reflected(width, spec.shape[0], 7, bias=True), output_activation(spec.value_range)
        )
        init_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        y = self.start(x)
        sizes = []
        for down in self.down:
            sizes.append(list(y.shape[2:]))
            y = down(y)
        y = self.middle(y)
        for up, norm in zip(self.up, self.norm, strict=True):
            y = norm(up(y, sizes.pop()))
        return self.end(y)


class CycleGAN:
    """Two generators G: X to Y and F: Y to X, two discriminators, and back again (equations 1 to 3).

    A sample is a picture of X and one of Y, joined along channels; no term sees which belong together. The
    generators move first. cycle: weight of |F(G(x)) - x| + |G(F(y)) - y| (equation 2); identity: of
    |G(y) - y| + |F(x) - x|, which the paper adds where colours are to stay (section 5.2). adversarial: weight
    of the generators' own loss; 2 undoes the half of `least-squares`, which the paper has for discriminators
    only. pool: how many earlier fakes the discriminators also learn from (section 4), 0 for none.
    source_channels: how many channels are X; 0 for half. A popular script halves all three terms of the
    generators, of which Adam takes no notice.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        cycle: NonNegativeFloat = 10.0,
        identity: NonNegativeFloat = 0.0,
        adversarial: NonNegativeFloat = 1.0,
        pool: Count = 50,
        source_channels: Count = 0,
    ) -> None:
        if parts.recipe.augmentation:
            raise ValueError("it has no place for augmentations: leave them out")
        self.latent, self.spec = halves(parts.spec, source_channels)
        source = self.latent.spec
        if identity and source.shape != self.spec.shape:
            message = (
                f"pictures of {source.shape_text} and {self.spec.shape_text} have no identity between them"
            )
            raise ValueError(f"{message}: set game.identity=0")
        self.cycle, self.identity, self.adversarial = cycle, identity, adversarial
        self.generator = parts.generator(self.spec, source=source)
        self.backward = parts.generator(source, "backward", source=self.spec)
        judges = {"discriminator": self.spec, "backward_discriminator": source}
        sides = {name: replace(parts, spec=spec) for name, spec in judges.items()}
        self.judges = {name: side.discriminator(name=name) for name, side in sides.items()}
        self.players = {"generator": self.generator, "backward": self.backward, **self.judges}
        loss = parts.loss()
        self.contests = {name: Contest(sides[name], judge, loss=loss) for name, judge in self.judges.items()}
        self.pools = {
            name: Pool(pool, spec.shape).to(parts.device, parts.dtype) for name, spec in judges.items()
        }
        of_y = self.contests["discriminator"]
        self.modules = {**of_y.modules, **{f"{name}_pool": each for name, each in self.pools.items()}}
        self.probability, self.summary = of_y.probability, of_y.summary
        self.forth, self.back = parts.caller(self.generator), parts.caller(self.backward)
        self.turns = (
            parts.turn("g", [self.generator, self.backward], self.g_loss, repeats=1),
            parts.turn("d", list(self.judges.values()), self.d_loss, after=self.constrain, repeats=1),
        )

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """Both generators deceive, come back to where they began, and leave what is there already."""
        x, y = self.latent.split(batch.real)
        fake_y, fake_x = self.forth(x, None), self.back(y, None)
        batch.shared |= {"fakes": fake_y, "backward_fakes": fake_x}
        deceived, scores = self.deception("discriminator", y, fake_y)
        deceived = deceived + self.deception("backward_discriminator", x, fake_x)[0]
        cycle = distance(self.back(fake_y, None), x) + distance(self.forth(fake_x, None), y)
        loss = self.adversarial * deceived + self.cycle * cycle
        stats = {"fake_scores": scores, "cycle": cycle}
        if self.identity:
            stats["identity"] = distance(self.forth(y, None), y) + distance(self.back(x, None), x)
            loss = loss + self.identity * stats["identity"]
        return loss, stats

    def deception(self, name: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """What a generator loses to a discriminator, and the scores of its pictures."""
        scores = self.contests[name].judge(fake, None)
        return self.contests[name].g_loss(scores, lambda: real), scores

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """Each discriminator tells pictures of its side from new and earlier fakes."""
        x, y = self.latent.split(batch.real)
        loss, stats = self.told_apart("discriminator", y, batch.shared["fakes"], batch)
        other, _ = self.told_apart("backward_discriminator", x, batch.shared["backward_fakes"], batch)
        return loss + other, stats

    def told_apart(self, name: str, real: Tensor, fake: Tensor, batch: Batch) -> tuple[Tensor, Stats]:
        """A discriminator's loss and scores."""
        return self.contests[name].d_loss(real, self.pools[name].exchange(fake.detach(), batch.group))

    def constrain(self) -> None:
        """What the recipe's constraints do after the discriminators' moves."""
        for contest in self.contests.values():
            contest.constrain()

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The scores of pictures of Y, or of those in samples of X and Y; the mean over patches."""
        y = samples if samples.shape[1:] == self.spec.shape else self.latent.target(samples)
        return self.contests["discriminator"].judge(y, None).flatten(1).mean(1)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """The mean absolute difference."""
    return (a - b).abs().mean()


# On two cores; the paper has width 64 and 9 blocks, patches of 70 pixels (layers=3) and one picture a step.
RECIPE = Recipe(
    generator=Part("cyclegan", width=16, blocks=3),
    discriminator=Part("patch", layers=1, width=16, norm="instance"),
    loss=Part("least-squares"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    d_schedule=Part("linear", hold=0.5),
    g_schedule=Part("linear", hold=0.5),
    game=Part("cyclegan", adversarial=2.0),
    batch=4,
    images=20_000,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1), Part("translations")),
    paper="Zhu et al., 2017, arXiv:1703.10593",
)
