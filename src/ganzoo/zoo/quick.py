"""Quick: a perceptron against a small convolution, for good digits in a minute on a processor."""

from itertools import pairwise

from torch import Tensor, nn

from ganzoo.layers import output_activation
from ganzoo.options import LayerCount, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Hidden layers of leaky ReLU: z (N, latent) -> (N, *shape)."""

    def __init__(
        self, spec: DataSpec, latent: int, *, width: PositiveInt = 512, depth: LayerCount = 2, slope: float = 0.2
    ) -> None:
        super().__init__()
        self.shape = spec.shape
        self.layers = nn.Sequential()
        for before, after in pairwise([latent] + [width] * depth):
            self.layers.extend([nn.Linear(before, after), nn.LeakyReLU(slope)])
        self.layers.extend([nn.Linear(width, spec.features), output_activation(spec.value_range)])

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class ConvGenerator(nn.Module):
    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 32, hidden: int = 256, slope: float = 0.2) -> None:
        super().__init__()
        channels, self.height, self.breadth = spec.shape
        start = (2 * width, -(-self.height // 4), -(-self.breadth // 4))
        n = start[0] * start[1] * start[2]
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden), nn.LeakyReLU(slope), nn.Linear(hidden, n), nn.LeakyReLU(slope), nn.Unflatten(1, start),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.LeakyReLU(slope),
            nn.ConvTranspose2d(width, channels, 4, 2, 1), output_activation(spec.value_range),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Two strided convolutions and a hidden layer: pictures (N, C, H, W) -> scores (N,)."""

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 16, hidden: int = 128, slope: float = 0.2) -> None:
        super().__init__()
        channels, height, breadth = spec.shape
        height, breadth = -(-height // 4), -(-breadth // 4)
        act = nn.LeakyReLU(slope)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1), act, nn.Conv2d(width, 2 * width, 4, 2, 1), act, nn.Flatten(),
            nn.Linear(2 * width * height * breadth, hidden), act, nn.Linear(hidden, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


RECIPE = Recipe(
    generator=Part("quick"),
    discriminator=Part("quick"),
    loss=Part("relativistic", form="pairs"),
    penalty=(Part("r1", gamma=1.0), Part("r2", gamma=1.0)),
    d_optimizer=Part("adam", lr=1e-3, betas=(0.0, 0.99)),
    g_optimizer=Part("adam", lr=1e-3, betas=(0.0, 0.99)),
    game=Part("standard", first="discriminator", share="fakes"),
    latent=64,
    batch=64,
    epochs=20,
    ema_half_life_images=10_000,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Huang et al., 2024, arXiv:2501.05441",
)
