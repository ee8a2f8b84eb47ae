"""A plain multi-layer perceptron run long, for Fashion-MNIST (Goodfellow et al., 2014, arXiv:1406.2661)."""

from torch import Tensor, nn

from ganzoo.layers import output_activation
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Two hidden layers of ReLU: z (N, latent) -> (N, *shape)."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 256) -> None:
        super().__init__()
        self.shape = spec.shape
        self.layers = nn.Sequential(
            nn.Linear(latent, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, spec.features),
            output_activation(spec.value_range),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(nn.Module):
    """Two hidden layers of leaky ReLU: samples (N, *shape) -> scores (N,)."""

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 256, slope: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(spec.features, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).squeeze(1)


RECIPE = Recipe(
    generator=Part("fashion"),
    discriminator=Part("fashion"),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.9, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.9, 0.999)),
    game=Part("standard", first="discriminator", share="noise"),
    latent=64,
    batch=100,
    epochs=500,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=10, count=10)),
    paper="Goodfellow et al., 2014, arXiv:1406.2661",
)
