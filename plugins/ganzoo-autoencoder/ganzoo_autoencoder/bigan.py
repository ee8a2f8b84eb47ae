"""BiGAN: an encoder learns to turn the generator round (Donahue et al., 2016, arXiv:1605.09782)."""

from dataclasses import replace

import torch
from torch import Tensor

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_autoencoder.encoder import Encoder


class BiGAN:
    """The discriminator tells (x, E(x)) from (G(z), z); the other two deceive it together (equation 3).

    Equally ALI (Dumoulin et al., 2016, arXiv:1606.00704) with an encoder that draws nothing. The recipe's
    discriminator judges vectors, a sample's values followed by its latent. Generator and encoder minimise the
    discriminator's loss with real and fake exchanged, so that gradients do not vanish (section 3.5). width,
    slope: of the encoder.
    """

    def __init__(self, parts: Parts, *, width: PositiveInt = 1024, slope: float = 0.2) -> None:
        if parts.recipe.augmentation:
            raise ValueError("its discriminator judges samples with their latents: leave augmentations out")
        self.spec, self.latent = parts.spec, parts.latent
        size = self.spec.features + self.latent.size
        pairs = replace(parts, spec=DataSpec((size,), None, self.spec.classes, self.spec.size))
        self.generator, self.discriminator = parts.generator(), pairs.discriminator()
        self.encoder = parts.player("encoder", lambda: Encoder(self.spec, self.latent.size, width, slope))
        self.players = {
            "encoder": self.encoder,
            "generator": self.generator,
            "discriminator": self.discriminator,
        }
        self.encode, self.generate = parts.caller(self.encoder), parts.caller(self.generator)
        self.contest = Contest(pairs, self.discriminator)
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.summary = self.contest.summary
        self.turns = (
            parts.turn("d", [self.discriminator], self.d_loss, after=self.contest.constrain, repeats=1),
            parts.turn("g", [self.encoder, self.generator], self.g_loss, repeats=1),
        )

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The discriminator tells encoded from generated pairs."""
        encoded, generated = self.pairs(batch)
        return self.contest.d_loss(encoded.detach(), generated.detach(), batch.labels)

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """Encoder and generator make each pair look like the other kind."""
        real_scores, fake_scores = self.contest.judge_both(*self.pairs(batch), batch.labels)
        return self.contest.loss.discriminator(fake_scores, real_scores), {"fake_scores": fake_scores}

    def pairs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(x, E(x)) and (G(z), z) as vectors, the same in both turns of a step."""
        if "encoded" not in batch.shared:
            noise = self.latent.draw(len(batch.real), batch.real)
            batch.shared["fakes"] = self.generate(noise, batch.labels)
            batch.shared["encoded"] = join(batch.real, self.encode(batch.real, batch.labels))
            batch.shared["generated"] = join(batch.shared["fakes"], noise)
        return batch.shared["encoded"], batch.shared["generated"]

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's scores of samples with their encodings."""
        return self.contest.judge(join(samples, self.encode(samples, labels)), labels)


def join(samples: Tensor, latents: Tensor) -> Tensor:
    """Samples (N, *shape) and latents (N, latent) as vectors (N, features + latent)."""
    return torch.cat((samples.flatten(1), latents), 1)


RECIPE = Recipe(
    generator=Part("fashion", width=1024),
    discriminator=Part("fashion", width=1024),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("bigan"),
    latent=50,
    latent_distribution="uniform",
    batch=128,
    epochs=100,
    last_batch="drop",
    callback=(
        Part("health"),
        Part("curves"),
        Part("samples", every_epochs=5),
        Part("reconstructions"),
        Part("interpolations"),
    ),
    paper="Donahue et al., 2016, arXiv:1605.09782",
)
