"""The first GAN: two perceptrons and the log loss (Goodfellow et al., 2014, arXiv:1406.2661)."""

from itertools import pairwise

from torch import Tensor, nn

from ganzoo.layers import Dropout, output_activation, xavier_normal
from ganzoo.options import LayerCount, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Hidden layers of ReLU and dropout: z (N, latent) -> (N, *shape).

    bias_init: biases start uniform in this range, weights Xavier normal.
    """

    def __init__(
        self,
        spec: DataSpec,
        latent: int,
        *,
        width: PositiveInt = 256,
        depth: LayerCount = 2,
        dropout: Probability = 0.1,
        bias_init: tuple[float, float] = (0.1, 0.2),
    ) -> None:
        super().__init__()
        sizes = [latent] + [width] * depth
        self.shape = spec.shape
        self.layers = nn.Sequential()
        for before, after in pairwise(sizes):
            self.layers.extend([nn.Linear(before, after), nn.ReLU(), Dropout(dropout)])
        self.layers.extend([nn.Linear(width, spec.features), output_activation(spec.value_range)])
        xavier_normal(self, bias_init)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(nn.Module):
    """Hidden layers of leaky ReLU and dropout: samples (N, *shape) -> scores (N,)."""

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: PositiveInt = 256,
        depth: LayerCount = 2,
        slope: float = 0.01,
        dropout: Probability = 0.1,
        bias_init: tuple[float, float] = (0.1, 0.2),
    ) -> None:
        super().__init__()
        sizes = [spec.features] + [width] * depth
        self.layers = nn.Sequential()
        for before, after in pairwise(sizes):
            self.layers.extend([nn.Linear(before, after), nn.LeakyReLU(slope), Dropout(dropout)])
        self.layers.append(nn.Linear(width, 1))
        xavier_normal(self, bias_init)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).squeeze(1)


RECIPE = Recipe(
    generator=Part("vanilla"),
    discriminator=Part("vanilla"),
    loss=Part("paper"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.9, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.9, 0.999)),
    game=Part("standard", first="discriminator", share="nothing"),
    latent=100,
    batch=200,
    epochs=100,
    callback=(
        Part("health"),
        Part("curves"),
        Part("probabilities", every_epochs=1),
        Part("samples", every_epochs=10, count=16),
        Part("real-and-fake", count=16),
    ),
    paper="Goodfellow et al., 2014, arXiv:1406.2661",
)
