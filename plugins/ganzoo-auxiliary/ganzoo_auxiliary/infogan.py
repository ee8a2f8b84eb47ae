"""InfoGAN: codes that can be read back from a sample (Chen et al., 2016, arXiv:1606.03657)."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.errors import MisfitError
from ganzoo.options import Count, NonNegativeFloat, PositiveFloat, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_auxiliary.common import (
    accuracy,
    class_loss,
    conditional_generator,
    convolutions,
    draw_classes,
    featured,
)


class Discriminator(nn.Module):
    """Strided convolutions and a wide layer of features (appendix C.1): pictures (N, C, H, W) -> scores (N,).

    width: filters of the first layer; each layer after it has twice as many. feature_count: units of the wide
    layer.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32, feature_count: PositiveInt = 256) -> None:
        super().__init__()
        self.layers, size = convolutions(spec, width, kernel=4, slope=0.1)
        self.wide = nn.Linear(size, feature_count)
        self.rectify, self.feature_count = nn.LeakyReLU(0.1), feature_count
        self.score = nn.Linear(feature_count, 1)

    def features(self, x: Tensor) -> Tensor:
        """Features (N, feature_count)."""
        return self.rectify(self.wide(self.layers(x)))

    def judge(self, features: Tensor) -> Tensor:
        """Scores (N,)."""
        return self.score(features).squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features(x))


class Recogniser(nn.Module):
    """Q(c | x) on D's features: logits of the category, and a mean and a log-deviation of each other code."""

    def __init__(self, features: int, categories: int, continuous: int) -> None:
        super().__init__()
        self.sizes = [categories, continuous, continuous]
        # Without the batch norm of appendix C.1, which cannot learn from a batch of one.
        self.layers = nn.Sequential(
            nn.Linear(features, 128), nn.LeakyReLU(0.1), nn.Linear(128, categories + 2 * continuous)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, means, logs = self.layers(features).split(self.sizes, 1)
        return logits, means, logs


class Information:
    """A third turn makes codes readable from samples (Chen et al., 2016, arXiv:1606.03657, section 5).

    G's labels are the category, the last `continuous` numbers of its noise the other codes; the recipe's
    latent counts them. In the third turn G, D's features and a recogniser learn together to read both back.
    categories: how many labels there are to choose from. category_weight, continuous_weight: lambda of each.
    deviation: of the Gaussian that reads a continuous code, fitted as in section 6, or fixed, which is the
    squared error of a popular script. info_lr: of the third turn; none for G's.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        categories: PositiveInt = 10,
        continuous: Count = 2,
        category_weight: NonNegativeFloat = 1.0,
        continuous_weight: NonNegativeFloat = 0.1,
        deviation: Literal["fitted", "fixed"] = "fitted",
        info_lr: PositiveFloat | None = None,
    ) -> None:
        self.latent = parts.latent
        if continuous > self.latent.size:
            raise MisfitError(
                f"game.continuous is {continuous} and latent {self.latent.size}, which counts these codes. "
                f"Set latent={continuous + 1} or more."
            )
        self.spec = replace(parts.spec, classes=categories)
        self.categories, self.continuous = categories, continuous
        self.generator = conditional_generator(parts, self.spec)
        self.discriminator, self.trunk = featured(parts)
        count = self.trunk.feature_count
        self.recogniser = parts.player("recogniser", lambda: Recogniser(count, categories, continuous))
        self.players = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "recogniser": self.recogniser,
        }
        self.contest = Contest(parts, self.discriminator)
        self.view, self.score, self.summary = self.contest.view, self.contest.judge, self.contest.summary
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.generate, self.recognise = parts.caller(self.generator), parts.computing(self._recognise)
        self.weights, self.is_fitted = (category_weight, continuous_weight), deviation == "fitted"
        everyone, constrain = list(self.players.values()), self.contest.constrain
        self.turns = (
            parts.turn("d", [self.discriminator], self.d_loss, after=constrain, repeats=1),
            parts.turn("g", [self.generator], self.g_loss, repeats=1),
            parts.turn("info", everyone, self.info_loss, after=constrain, lr=info_lr, repeats=1),
        )

    def _recognise(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.recogniser(self.trunk.features(x))

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Fakes as D sees them, and the category (N,) and the other codes (N, continuous) of each."""
        noise = self.latent.draw(len(batch.real), batch.real)
        category = draw_classes(batch, self.categories)
        batch.shared["fakes"] = self.generate(noise, category)
        return self.view(batch.shared["fakes"]), category, noise[:, self.latent.size - self.continuous :]

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """D tells real from fake."""
        with torch.no_grad():
            fake, _, _ = self.fakes(batch)
        return self.contest.d_loss(self.view(batch.real), fake)

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """G makes fakes that are taken for real."""
        scores = self.score(self.fakes(batch)[0], None)
        return self.contest.g_loss(scores, lambda: self.view(batch.real)), {"fake_scores": scores}

    def info_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """Minus the lower bound of the mutual information of codes and samples, but for its constants."""
        fake, category, codes = self.fakes(batch)
        logits, means, logs = self.recognise(fake)
        loss = self.weights[0] * class_loss(logits, category)
        if self.continuous:
            loss = loss + self.weights[1] * self._code_loss(codes, means, logs)
        return loss, {"category": accuracy(logits, category)}

    def _code_loss(self, codes: Tensor, means: Tensor, logs: Tensor) -> Tensor:
        """-log Q of the continuous codes, summed over codes; or their squared error."""
        if not self.is_fitted:
            return (codes - means).square().mean()
        deviation = logs.exp() + 1e-3  # codes that are read without any error would drive it to zero
        return (0.5 * ((codes - means) / deviation).square() + deviation.log()).sum(1).mean()


RECIPE = Recipe(
    generator=Part("cdcgan"),
    discriminator=Part("infogan"),
    loss=Part("bce"),
    game=Part("information"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=1e-3, betas=(0.5, 0.999)),
    latent=64,
    latent_distribution="uniform",
    batch=64,
    epochs=20,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Chen et al., 2016, arXiv:1606.03657",
)
