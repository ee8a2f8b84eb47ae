"""PacGAN: D judges two samples at once, to see variety (Lin et al., 2017, arXiv:1712.04086)."""

from itertools import pairwise

from torch import Tensor, nn

from ganzoo.layers import output_activation
from ganzoo.options import LayerCount, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec

INIT_SD = 0.02


class Generator(nn.Module):
    """Hidden layers of batch norm and ReLU, made for mixtures of Gaussians: z (N, latent) -> (N, *shape)."""

    def __init__(
        self, spec: DataSpec, latent: int, *, width: PositiveInt = 400, depth: LayerCount = 4
    ) -> None:
        super().__init__()
        self.shape = spec.shape
        self.layers = nn.Sequential()
        for before, after in pairwise([latent] + [width] * depth):
            self.layers.extend([nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()])
        self.layers.extend([nn.Linear(width, spec.features), output_activation(spec.value_range)])
        init_normal(self)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(nn.Module):
    """Hidden layers of maxout, made for mixtures of Gaussians: samples (N, *shape) -> scores (N,).

    pieces: linear functions of which each unit takes the largest (Goodfellow et al., 2013, arXiv:1302.4389).
    """

    def __init__(
        self, spec: DataSpec, *, width: PositiveInt = 200, depth: LayerCount = 3, pieces: PositiveInt = 5
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for before, after in pairwise([spec.features] + [width] * depth):
            self.layers.append(Maxout(before, after, pieces))
        self.layers.append(nn.Linear(width, 1))
        init_normal(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).squeeze(1)


class Maxout(nn.Module):
    """The largest of some linear functions: (N, before) -> (N, after)."""

    def __init__(self, before: int, after: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(before, pieces * after)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (self.pieces, -1)).amax(1)


def init_normal(network: nn.Module) -> None:
    """Weights N(0, 0.02^2), biases zero, as the authors' code has it."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, INIT_SD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("dcgan"),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("standard", pack=2),
    latent=100,
    latent_distribution="uniform",
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Lin et al., 2017, arXiv:1712.04086",
)
