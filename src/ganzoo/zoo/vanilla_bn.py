"""A deeper perceptron with batch norm, a popular script's (Goodfellow et al., 2014, arXiv:1406.2661)."""

from torch import Tensor, nn

from ganzoo.layers import output_activation
from ganzoo.options import PositiveFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Layers that double in width, batch norm from the second: z (N, latent) -> (N, *shape).

    bn_eps: 0.8, as its author wrote it (meaning, perhaps, the momentum).
    """

    def __init__(
        self,
        spec: DataSpec,
        latent: int,
        *,
        width: PositiveInt = 128,
        slope: float = 0.2,
        bn_eps: PositiveFloat = 0.8,
        bn_momentum: Probability = 0.1,
    ) -> None:
        super().__init__()
        self.shape = spec.shape
        self.layers = nn.Sequential(nn.Linear(latent, width), nn.LeakyReLU(slope))
        for before in (width, 2 * width, 4 * width):
            after = 2 * before
            norm = nn.BatchNorm1d(after, bn_eps, bn_momentum)
            self.layers.extend([nn.Linear(before, after), norm, nn.LeakyReLU(slope)])
        self.layers.extend([nn.Linear(8 * width, spec.features), output_activation(spec.value_range)])

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z).view(-1, *self.shape)


class Discriminator(nn.Module):
    """Two hidden layers of leaky ReLU, the second half as wide: samples (N, *shape) -> scores (N,)."""

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 512, slope: float = 0.2) -> None:
        super().__init__()
        half = max(width // 2, 1)
        self.layers = nn.Sequential(
            nn.Linear(spec.features, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, half),
            nn.LeakyReLU(slope),
            nn.Linear(half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1)).squeeze(1)


RECIPE = Recipe(
    generator=Part("vanilla-bn"),
    discriminator=Part("vanilla-bn"),
    loss=Part("bce", average=True),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("standard", first="generator", share="fakes"),
    latent=100,
    batch=64,
    epochs=200,
    record_every_steps=1,
    callback=(
        Part("health"),
        Part("curves"),
        Part("samples", every_steps=400, count=25, of="batch", stretch=True),
    ),
    paper="Goodfellow et al., 2014, arXiv:1406.2661",
)
