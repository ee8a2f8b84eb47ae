"""pix2pix: a U-Net from one picture of a pair to the other (Isola et al., 2016, arXiv:1611.07004)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.layers import Dropout, output_activation
from ganzoo.options import Count, NonNegativeFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_translation.halves import halves, init_normal


class Generator(nn.Module):
    """A U-Net: pictures (N, C, H, W) -> pictures of the same height and width (section 3.2.1).

    It halves height and width until a side is one pixel, eight times at most, and joins each size on the way
    up to what it was on the way down. width: filters of the first layer, then 2, 4 and 8 times as many.
    dropout: in the first three layers upwards; it is all the noise there is. Samples are made without it and
    with running statistics, where the paper keeps both as in training.
    """

    def __init__(
        self, spec: DataSpec, source: DataSpec, *, width: PositiveInt = 64, dropout: Probability = 0.5
    ) -> None:
        super().__init__()
        if not (spec.is_image and source.is_image and spec.shape[1:] == source.shape[1:]):
            what = f"{spec.shape_text} of {source.shape_text}"
            raise ValueError(f"it makes pictures of pictures of their size and the data are {what}")
        depth = min(int(math.log2(min(spec.shape[1:]))), 8)
        if depth < 1:
            raise ValueError(f"it makes pictures of two pixels and more and the data are {spec.shape_text}")
        sizes = [source.shape[0], *(width * min(2**index, 8) for index in range(depth))]
        self.down, self.up, self.after = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for index in range(depth):
            ends = index in (0, depth - 1)
            layer = nn.Sequential(nn.LeakyReLU(0.2) if index else nn.Identity())
            layer.append(nn.Conv2d(sizes[index], sizes[index + 1], 4, 2, 1, bias=ends))
            # The innermost may be a single pixel, of which batch norm would leave nothing.
            layer.append(nn.Identity() if ends else nn.BatchNorm2d(sizes[index + 1]))
            self.down.append(layer)
        for index in reversed(range(depth)):
            before = sizes[index + 1] * (1 if index == depth - 1 else 2)
            after = sizes[index] if index else spec.shape[0]
            self.up.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=index == 0))
            inner = nn.Sequential(nn.BatchNorm2d(after), Dropout(dropout if index > depth - 4 else 0.0))
            self.after.append(inner if index else output_activation(spec.value_range))
        init_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        passed = [x]
        for down in self.down:
            passed.append(down(passed[-1]))
        y = passed.pop()
        for up, after in zip(self.up, self.after, strict=True):
            skipped = passed.pop()
            y = after(up(torch.relu(y), list(skipped.shape[2:])))
            y = torch.cat((y, skipped), 1) if passed else y
        return y


class Pix2Pix:
    """The discriminator tells (x, y) from (x, G(x)); the generator also stays near y (equations 3 and 4).

    A sample is a source x and a target y, joined along channels. l1: weight of the absolute difference to the
    target. first: who moves first, on the same fakes; the popular script lets the generator.
    source_channels: how many channels are the source; 0 for half.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        l1: NonNegativeFloat = 100.0,
        first: Literal["discriminator", "generator"] = "discriminator",
        source_channels: Count = 0,
    ) -> None:
        if parts.recipe.augmentation:
            raise ValueError("it has no place for augmentations: leave them out")
        self.latent, self.spec = halves(parts.spec, source_channels)
        self.l1, self.channels = l1, parts.spec.shape[0]
        self.generator = parts.generator(self.spec, source=self.latent.spec)
        self.discriminator = parts.discriminator()
        self.players = {"generator": self.generator, "discriminator": self.discriminator}
        self.translate, self.contest = parts.caller(self.generator), Contest(parts, self.discriminator)
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.summary = self.contest.summary
        d_turn = parts.turn("d", [self.discriminator], self.d_loss, after=self.contest.constrain, repeats=1)
        g_turn = parts.turn("g", [self.generator], self.g_loss, repeats=1)
        self.turns = (d_turn, g_turn) if first == "discriminator" else (g_turn, d_turn)

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The discriminator tells real from made pairs."""
        return self.contest.d_loss(batch.real, self.pairs(batch).detach(), batch.labels)

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The generator makes pairs that look real and pictures near the target."""
        scores = self.contest.judge(self.pairs(batch), batch.labels)
        difference = (batch.shared["fakes"] - self.latent.target(batch.real)).abs().mean()
        loss = self.contest.g_loss(scores, lambda: batch.real, batch.labels) + self.l1 * difference
        return loss, {"fake_scores": scores, "l1": difference}

    def pairs(self, batch: Batch) -> Tensor:
        """(x, G(x)), the same for both turns of a step."""
        if "pairs" not in batch.shared:
            source, _ = self.latent.split(batch.real)
            batch.shared["fakes"] = self.translate(source, batch.labels)
            batch.shared["pairs"] = torch.cat((source, batch.shared["fakes"]), 1)
        return batch.shared["pairs"]

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's scores of source and target together, the mean over patches."""
        if samples.shape[1] != self.channels:
            what = f"a picture with what it is made of, {self.channels} channels"
            raise ValueError(f"pix2pix judges {what}, and got {samples.shape[1]}")
        return self.contest.judge(samples, labels).flatten(1).mean(1)


RECIPE = Recipe(
    generator=Part("pix2pix", width=16),
    discriminator=Part("patch", layers=1, width=16),
    loss=Part("bce", average=True),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("pix2pix"),
    batch=8,
    images=60_000,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1), Part("translations")),
    paper="Isola et al., 2016, arXiv:1611.07004",
)
