"""AAE: a discriminator makes an autoencoder's latents normal (Makhzani et al., 2015, arXiv:1511.05644)."""

from dataclasses import replace
from typing import Literal

from torch import Tensor

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.options import PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_autoencoder.encoder import Encoder


class AdversarialAutoencoder:
    """Encoder and decoder reconstruct; the encoder also passes its latents off as noise (section 2).

    The recipe's generator is the decoder, and its discriminator judges latents: noise is real, encodings are
    fake. phases: separate is the paper's, reconstruction, then discriminator, then encoder, each with an
    optimizer of its own; joint minimises (1 - adversarial) reconstruction + adversarial deception in one turn
    before the discriminator's, as a popular script does. distance: squared (the paper's) or absolute (the
    script's), the mean over all values. width, slope: of the encoder.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        phases: Literal["separate", "joint"] = "separate",
        adversarial: Probability = 0.001,
        distance: Literal["squared", "absolute"] = "squared",
        width: PositiveInt = 1000,
        slope: float = 0.0,
    ) -> None:
        if parts.recipe.augmentation:
            raise ValueError("its discriminator judges latents: leave augmentations out")
        self.spec, self.latent = parts.spec, parts.latent
        self.adversarial, self.is_squared = adversarial, distance == "squared"
        codes = replace(parts, spec=DataSpec((self.latent.size,), None, parts.spec.classes, parts.spec.size))
        self.generator, self.discriminator = parts.generator(), codes.discriminator()
        self.encoder = parts.player("encoder", lambda: Encoder(self.spec, self.latent.size, width, slope))
        self.players = {
            "encoder": self.encoder,
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        self.encode, self.decode = parts.caller(self.encoder), parts.caller(self.generator)
        self.contest = Contest(codes, self.discriminator)
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.summary, self.is_joint = self.contest.summary, phases == "joint"
        both = [self.encoder, self.generator]
        d_turn = parts.turn("d", [self.discriminator], self.d_loss, after=self.contest.constrain, repeats=1)
        if self.is_joint:
            self.turns = (parts.turn("g", both, self.joint_loss, repeats=1), d_turn)
        else:
            rebuild = parts.turn("rebuild", both, self.rebuild_loss, repeats=1)
            self.turns = (rebuild, d_turn, parts.turn("g", [self.encoder], self.g_loss, repeats=1))

    def rebuild_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """How far decoded encodings are from the samples."""
        difference = self.decode(self.codes(batch), batch.labels) - batch.real
        loss = difference.square().mean() if self.is_squared else difference.abs().mean()
        return loss, {"reconstruction": loss}

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The discriminator tells noise from encodings."""
        codes = self.codes(batch).detach()
        return self.contest.d_loss(self.noise(codes), codes, batch.labels)

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The encoder makes latents that the discriminator takes for noise."""
        codes = self.codes(batch)
        scores = self.contest.judge(codes, batch.labels)
        loss = self.contest.g_loss(scores, lambda: self.noise(codes), batch.labels)
        return loss, {"fake_scores": scores}

    def noise(self, codes: Tensor) -> Tensor:
        """As much noise as there are encodings."""
        return self.latent.draw(len(codes), codes)

    def joint_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """Reconstruction and deception in one."""
        rebuilt, how_far = self.rebuild_loss(batch)
        deceived, scores = self.g_loss(batch)
        return (1 - self.adversarial) * rebuilt + self.adversarial * deceived, how_far | scores

    def codes(self, batch: Batch) -> Tensor:
        """Encodings of the batch; where both phases are one turn, those made before it, for the next too."""
        if not self.is_joint:
            return self.encode(batch.real, batch.labels)
        if "codes" not in batch.shared:
            batch.shared["codes"] = self.encode(batch.real, batch.labels)
        return batch.shared["codes"]

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's scores of the samples' encodings: high where they look like noise."""
        return self.contest.judge(self.encode(samples, labels), labels)


RECIPE = Recipe(
    generator=Part("fashion", width=1000),
    discriminator=Part("fashion", width=1000, slope=0.0),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("aae"),
    latent=8,
    value_range=(0.0, 1.0),
    batch=100,
    epochs=50,
    callback=(
        Part("health"),
        Part("curves"),
        Part("samples", every_epochs=5),
        Part("reconstructions"),
        Part("interpolations"),
    ),
    paper="Makhzani et al., 2015, arXiv:1511.05644",
)
