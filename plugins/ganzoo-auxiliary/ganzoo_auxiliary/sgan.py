"""SGAN: a classifier of K classes and fakes, from few labels (Odena, 2016, arXiv:1606.01583)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.order import permuted
from ganzoo.engine.parts import Parts
from ganzoo.errors import MisfitError
from ganzoo.options import NonNegativeFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_auxiliary.common import accuracy, classifying, convolutions, labels_of


class Discriminator(nn.Module):
    """Logits of K classes and of fakes: pictures (N, C, H, W) -> log-odds of being of any class (N,).

    width: filters of the first layer; each layer after it has twice as many. fake_output: an output of its
    own for fakes; without it their logit is zero (Salimans et al., 2016, arXiv:1606.03498, section 5).
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: PositiveInt = 32,
        dropout: Probability = 0.25,
        fake_output: bool = True,
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ValueError("it tells classes and the data have no labels")
        self.classes = spec.classes
        self.layers, size = convolutions(spec, width, kernel=5, slope=0.2, dropout=dropout)
        self.outputs = nn.Linear(size, self.classes + fake_output)

    def examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and class logits (N, classes)."""
        outputs = self.outputs(self.layers(x))
        logits, fake = outputs[:, : self.classes], outputs[:, self.classes :].sum(1)
        return logits.logsumexp(1) - fake, logits

    def forward(self, x: Tensor) -> Tensor:
        return self.examine(x)[0]


class SemiSupervised:
    """Of K + 1 classes, one is for fakes; few samples have labels (Odena, 2016, arXiv:1606.01583).

    With the loss `paper`, that of a real sample is the cross entropy of K + 1 classes: -log P(class, real)
    where the label is known and -log P(real) where it is not, as in Salimans et al. (2016, arXiv:1606.03498,
    section 5). labelled: how many of the data keep their labels, chosen by the seed; none for all.
    class_weight: of the cross entropy of known labels, a mean over those in the batch.
    """

    def __init__(
        self, parts: Parts, *, labelled: PositiveInt | None = None, class_weight: NonNegativeFloat = 1.0
    ) -> None:
        size = parts.spec.size
        if labelled is not None and labelled > size:
            raise MisfitError(f"game.labelled is {labelled} and the data are {size} samples. Set fewer.")
        self.generator, (self.discriminator, classifier) = parts.generator(), classifying(parts)
        self.players = {"generator": self.generator, "discriminator": self.discriminator}
        self.spec, self.latent, self.class_weight = parts.spec, parts.latent, class_weight
        self.known = labelled_rows(size, labelled or size, parts.seed).to(parts.device)
        self.contest = Contest(parts, self.discriminator)
        self.view, self.score, self.summary = self.contest.view, self.contest.judge, self.contest.summary
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.generate, self.examine = parts.caller(self.generator), parts.computing(classifier.examine)
        self.turns = (
            parts.turn("d", [self.discriminator], self.d_loss, after=self.contest.constrain),
            parts.turn("g", [self.generator], self.g_loss),
        )

    def fakes(self, batch: Batch) -> Tensor:
        """Fakes, as D sees them."""
        noise = self.latent.draw(len(batch.real), batch.real)
        batch.shared["fakes"] = self.generate(noise, batch.labels)
        return self.view(batch.shared["fakes"])

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """D tells real from fake, and the classes that are known."""
        with torch.no_grad():
            fake = self.fakes(batch)
        real, labels = self.view(batch.real), labels_of(batch)
        (real_scores, logits), (fake_scores, _) = self.examine(real), self.examine(fake)
        # A rank may have more labels than another: the mean is over those of all ranks.
        known = batch.group.whole(self.known[batch.indices].to(logits.dtype))
        errors = batch.group.whole(F.cross_entropy(logits, labels, reduction="none"))
        class_term = (known * errors).sum() / known.sum().clamp(min=1)
        loss, stats = self.contest.d_loss(real, fake, scores=(real_scores, fake_scores))
        return loss + self.class_weight * class_term, {**stats, "real_class": accuracy(logits, labels)}

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """G makes fakes that are taken for real, of whatever class."""
        scores, _ = self.examine(self.fakes(batch))
        return self.contest.g_loss(scores, lambda: self.view(batch.real)), {"fake_scores": scores}


def labelled_rows(size: int, count: int, seed: int) -> Tensor:
    """Which samples of a data set keep their labels, (size,) bool with `count` of them true."""
    rows = torch.zeros(size, dtype=torch.bool)
    chosen = permuted(np.arange(count, dtype=np.uint64), size, seed, "labelled")
    rows[torch.from_numpy(chosen.astype(np.int64))] = True
    return rows


RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("sgan"),
    loss=Part("paper"),
    game=Part("semi-supervised"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=100,
    batch=64,
    epochs=20,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Odena, 2016, arXiv:1606.01583; Salimans et al., 2016, arXiv:1606.03498",
)
