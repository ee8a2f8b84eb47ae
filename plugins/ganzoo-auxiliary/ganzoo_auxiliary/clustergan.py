"""ClusterGAN: an encoder finds the cluster of a sample (Mukherjee et al., 2019, arXiv:1809.03627)."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from ganzoo.engine.contest import Contest
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.layers import SameConvTranspose2d, doublings, join_labels, output_activation
from ganzoo.options import NonNegativeFloat, PositiveFloat, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_auxiliary.common import accuracy, class_loss, conditional_generator, convolutions, draw_classes


class Generator(nn.Module):
    """Faint noise and a one-hot cluster: z (N, latent) and labels (N,) -> (N, C, H, W).

    spread: the standard deviation of the noise beside the cluster's 1 (section 3); z itself is N(0, 1).
    width: filters of the last hidden layer; each layer before it has twice as many.
    """

    def __init__(
        self, spec: DataSpec, latent: int, *, width: PositiveInt = 32, spread: PositiveFloat = 0.1
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        if spec.classes is None:
            raise ValueError("it makes samples of clusters and the data have no labels")
        channels, self.height, self.breadth = spec.shape
        self.clusters, self.spread = spec.classes, spread
        steps = doublings(self.height, self.breadth, 4)
        before = width * 2 ** (steps - 1)
        self.start = (before, -(-self.height // 2**steps), -(-self.breadth // 2**steps))
        size = self.start[0] * self.start[1] * self.start[2]
        self.project = nn.Sequential(
            nn.Linear(latent + self.clusters, size), nn.BatchNorm1d(size), nn.LeakyReLU(0.2)
        )
        self.layers = nn.Sequential()
        for _ in range(steps - 1):
            after = before // 2
            upward = SameConvTranspose2d(before, after, 4, 2)
            self.layers.extend([upward, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)])
            before = after
        self.layers.extend([SameConvTranspose2d(before, channels, 4, 2), output_activation(spec.value_range)])

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.project(join_labels(self.spread * z, labels, self.clusters))
        return self.layers(x.view(-1, *self.start))[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Strided convolutions without normalisation: pictures (N, C, H, W) -> scores (N,).

    width: filters of the first layer; each layer after it has twice as many.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32) -> None:
        super().__init__()
        self.layers = with_outputs(spec, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


class Encoder(nn.Module):
    """Strided convolutions: pictures (N, C, H, W) -> noise (N, latent) and cluster logits (N, clusters)."""

    def __init__(self, spec: DataSpec, latent: int, clusters: int, width: int) -> None:
        super().__init__()
        self.sizes, self.layers = [latent, clusters], with_outputs(spec, width, latent + clusters)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        noise, logits = self.layers(x).split(self.sizes, 1)
        return noise, logits


def with_outputs(spec: DataSpec, width: int, outputs: int) -> nn.Sequential:
    """Convolutions without normalisation, and a linear layer. Raises ValueError for data without pictures."""
    layers, size = convolutions(spec, width, kernel=4, slope=0.2, batch_norm=False)
    return layers.append(nn.Linear(size, outputs))


class Clustering:
    """G and an encoder, which reads noise and cluster back, learn together (section 3, the joint objective).

    clusters: how many. noise_weight: of the squared error of the noise, read back in units of its own
    deviation: the paper's 10 for the noise as G sees it is 10 * 0.1^2 here. cluster_weight: of the cross
    entropy of the cluster. encoder_width: filters of its first layer. g_every: D moves so many times for each
    move of G.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        clusters: PositiveInt = 10,
        noise_weight: NonNegativeFloat = 0.1,
        cluster_weight: NonNegativeFloat = 10.0,
        encoder_width: PositiveInt = 32,
        g_every: PositiveInt = 5,
    ) -> None:
        self.latent, self.clusters, self.spec = parts.latent, clusters, replace(parts.spec, classes=clusters)
        self.generator, self.discriminator = conditional_generator(parts, self.spec), parts.discriminator()
        self.encoder = parts.player(
            "encoder", lambda: Encoder(parts.spec, self.latent.size, clusters, encoder_width)
        )
        self.players = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "encoder": self.encoder,
        }
        self.contest = Contest(parts, self.discriminator)
        self.view, self.score, self.summary = self.contest.view, self.contest.judge, self.contest.summary
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.generate, self.encode = parts.caller(self.generator), parts.computing(self.encoder)
        self.weights = noise_weight, cluster_weight
        self.turns = (
            parts.turn("d", [self.discriminator], self.d_loss, after=self.contest.constrain, repeats=1),
            parts.turn("g", [self.generator, self.encoder], self.g_loss, every=g_every, repeats=1),
        )

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Fakes, and the noise and the cluster that each was made of."""
        noise = self.latent.draw(len(batch.real), batch.real)
        cluster = draw_classes(batch, self.clusters)
        batch.shared["fakes"] = self.generate(noise, cluster)
        return batch.shared["fakes"], noise, cluster

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """D tells real from fake."""
        with torch.no_grad():
            fake = self.view(self.fakes(batch)[0])
        return self.contest.d_loss(self.view(batch.real), fake)

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """G makes fakes that are taken for real, from which the encoder reads noise and cluster back."""
        fake, noise, cluster = self.fakes(batch)
        scores = self.score(self.view(fake), None)
        read, logits = self.encode(fake)
        noise_loss, cluster_loss = (read - noise).square().mean(), class_loss(logits, cluster)
        loss = self.contest.g_loss(scores, lambda: self.view(batch.real))
        loss = loss + self.weights[0] * noise_loss + self.weights[1] * cluster_loss
        return loss, {"fake_scores": scores, "noise_error": noise_loss, "cluster": accuracy(logits, cluster)}


RECIPE = Recipe(
    generator=Part("clustergan"),
    discriminator=Part("clustergan"),
    loss=Part("wasserstein"),
    penalty=(Part("wgan-gp"),),
    game=Part("clustering"),
    d_optimizer=Part("adam", lr=1e-4, betas=(0.5, 0.9)),
    g_optimizer=Part("adam", lr=1e-4, betas=(0.5, 0.9)),
    latent=30,
    batch=64,
    last_batch="drop",
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Mukherjee et al., 2019, arXiv:1809.03627",
)
