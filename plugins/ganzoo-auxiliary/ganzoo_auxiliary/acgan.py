"""AC-GAN: D also tells the class (Odena, Olah and Shlens, 2016, arXiv:1610.09585)."""

from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.options import NonNegativeFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_auxiliary.common import (
    accuracy,
    class_loss,
    conditional_generator,
    convolutions,
    draw_classes,
    featured,
    labels_of,
)


class Discriminator(nn.Module):
    """Strided convolutions with batch norm and dropout: pictures (N, C, H, W) -> scores (N,).

    width: filters of the first layer; each layer after it has twice as many.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32, dropout: Probability = 0.25) -> None:
        super().__init__()
        self.layers, self.feature_count = convolutions(spec, width, kernel=5, slope=0.2, dropout=dropout)
        self.score = nn.Linear(self.feature_count, 1)

    def features(self, x: Tensor) -> Tensor:
        """Features (N, feature_count)."""
        return self.layers(x)

    def judge(self, features: Tensor) -> Tensor:
        """Scores (N,)."""
        return self.score(features).squeeze(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features(x))


class Auxiliary:
    """Both players also want the class to be seen (Odena et al., 2016, arXiv:1610.09585, equations 2 and 3).

    A third player, one linear layer on D's features, tells the class; it moves with D. Classes of fakes are
    drawn, all with the same probability. class_weight: of the class terms; class_of: the samples whose class
    D learns. softmax_twice: probabilities in the place of logits, as a popular script has it.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        class_weight: NonNegativeFloat = 1.0,
        class_of: Literal["both", "real"] = "both",
        softmax_twice: bool = False,
        g_every: PositiveInt = 1,
    ) -> None:
        self.generator = conditional_generator(parts)
        self.discriminator, self.trunk = featured(parts)
        self.spec, self.latent, self.classes = parts.spec, parts.latent, parts.spec.classes or 0
        self.classifier = parts.player(
            "classifier", lambda: nn.Linear(self.trunk.feature_count, self.classes)
        )
        self.players = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "classifier": self.classifier,
        }
        self.contest = Contest(parts, self.discriminator)
        self.view, self.score, self.summary = self.contest.view, self.contest.judge, self.contest.summary
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.generate, self.examine = parts.caller(self.generator), parts.computing(self._examine)
        self.class_weight, self.fakes_too, self.twice = class_weight, class_of == "both", softmax_twice
        d_players = [self.discriminator, self.classifier]
        self.turns = (
            parts.turn("d", d_players, self.d_loss, after=self.contest.constrain, repeats=1),
            parts.turn("g", [self.generator], self.g_loss, every=g_every, repeats=1),
        )

    def _examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and class logits (N, classes)."""
        features = self.trunk.features(x)
        return self.trunk.judge(features), self.classifier(features)

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Fakes, and the classes that they were made for."""
        noise = self.latent.draw(len(batch.real), batch.real)
        classes = draw_classes(batch, self.classes)
        batch.shared["fakes"] = self.generate(noise, classes)
        return self.view(batch.shared["fakes"]), classes

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """D tells real from fake, and the classes."""
        with torch.no_grad():
            fake, classes = self.fakes(batch)
        real, labels = self.view(batch.real), labels_of(batch)
        (real_scores, real_logits), (fake_scores, fake_logits) = self.examine(real), self.examine(fake)
        class_term = class_loss(real_logits, labels, self.twice)
        if self.fakes_too:
            class_term = class_term + class_loss(fake_logits, classes, self.twice)
        loss, stats = self.contest.d_loss(real, fake, scores=(real_scores, fake_scores))
        seen = accuracy(real_logits, labels)
        return loss + self.class_weight * class_term, {**stats, "real_class": seen}

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """G makes fakes that are taken for real, and for their class."""
        fake, classes = self.fakes(batch)
        scores, logits = self.examine(fake)
        loss = self.contest.g_loss(scores, lambda: self.view(batch.real))
        loss = loss + self.class_weight * class_loss(logits, classes, self.twice)
        return loss, {"fake_scores": scores, "fake_class": accuracy(logits, classes)}


RECIPE = Recipe(
    generator=Part("cdcgan"),
    discriminator=Part("acgan"),
    loss=Part("bce"),
    game=Part("auxiliary"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=100,
    batch=64,
    epochs=20,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Odena, Olah and Shlens, 2016, arXiv:1610.09585",
)
