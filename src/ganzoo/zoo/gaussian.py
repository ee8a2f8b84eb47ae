"""The smallest GAN learns a one-dimensional Gaussian (Goodfellow et al., 2014, arXiv:1406.2661)."""

from torch import Tensor, nn

from ganzoo.layers import glorot_uniform, output_activation
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """One hidden layer of ReLU: z (N, latent) -> (N, *shape)."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 32) -> None:
        super().__init__()
        self.shape = spec.shape
        self.layers = nn.Sequential(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, spec.features),
            output_activation(spec.value_range),
        )
        glorot_uniform(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(nn.Module):
    """One hidden layer of ReLU: samples (N, *shape) -> scores (N,)."""

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(spec.features, width), nn.ReLU(), nn.Linear(width, 1))
        glorot_uniform(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).squeeze(1)


RECIPE = Recipe(
    generator=Part("gaussian"),
    discriminator=Part("gaussian"),
    loss=Part("smoothed-bce", real_target=0.9, fake_target=0.1, generator_target=0.9, average=True),
    d_optimizer=Part("rmsprop", lr=1e-3, decay=0.9, eps=1e-7),
    g_optimizer=Part("rmsprop", lr=5e-4, decay=0.9, eps=1e-7),
    game=Part("standard", first="discriminator", share="noise"),
    latent=16,
    latent_distribution="uniform",
    batch=333,
    order="sequential",
    last_batch="merge",
    epochs=1000,
    callback=(Part("health"), Part("curves"), Part("density", every_epochs=10), Part("samples")),
    paper="Goodfellow et al., 2014, arXiv:1406.2661",
)
