"""Quick: small convolutions, for good 28 x 28 pictures in a minute on a processor (arXiv:2501.05441)."""

from torch import Tensor, nn

from ganzoo.layers import SameConv2d, output_activation
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Two hidden layers, then two transposed convolutions: z (N, latent) -> (N, C, H, W), any H and W.

    width: filters at half the height and width; there are twice as many at a quarter.
    """

    def __init__(
        self,
        spec: DataSpec,
        latent: int,
        *,
        width: PositiveInt = 32,
        hidden: PositiveInt = 256,
        slope: float = 0.2,
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        start = (2 * width, -(-self.height // 4), -(-self.breadth // 4))
        self.layers = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.LeakyReLU(slope),
            nn.Linear(hidden, start[0] * start[1] * start[2]),
            nn.LeakyReLU(slope),
            nn.Unflatten(1, start),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.LeakyReLU(slope),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
            output_activation(spec.value_range),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Two strided convolutions and a hidden layer: pictures (N, C, H, W) -> scores (N,).

    width: filters of the first convolution; the second has twice as many.
    """

    def __init__(
        self, spec: DataSpec, *, width: PositiveInt = 16, hidden: PositiveInt = 128, slope: float = 0.2
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        channels, height, breadth = spec.shape
        places = -(-height // 4) * -(-breadth // 4)
        self.layers = nn.Sequential(
            SameConv2d(channels, width, 4, 2),
            nn.LeakyReLU(slope),
            SameConv2d(width, 2 * width, 4, 2),
            nn.LeakyReLU(slope),
            nn.Flatten(),
            nn.Linear(2 * width * places, hidden),
            nn.LeakyReLU(slope),
            nn.Linear(hidden, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


RECIPE = Recipe(
    generator=Part("quick"),
    discriminator=Part("quick"),
    loss=Part("relativistic", form="pairs"),
    penalty=(Part("r1", gamma=1.0), Part("r2", gamma=1.0)),
    d_optimizer=Part("adam", lr=2e-3, betas=(0.0, 0.99)),
    g_optimizer=Part("adam", lr=2e-3, betas=(0.0, 0.99)),
    game=Part("standard", first="discriminator", share="fakes", penalty_every=4),
    latent=64,
    batch=64,
    epochs=10,
    ema_half_life_images=10_000,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Huang et al., 2024, arXiv:2501.05441",
)
