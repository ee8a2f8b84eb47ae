"""SNGAN: residual blocks, and D spectrally normalised (Miyato et al., 2018, arXiv:1802.05957)."""

import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.layers import ResidualFeatures, ResidualUp, doublings, glorot_uniform, output_activation
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Residual blocks that double the size from 4 to 7 on: z (N, latent) -> (N, C, H, W), any H and W."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 64) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        steps = doublings(self.height, self.breadth, 4)
        self.start = (width, -(-self.height // 2**steps), -(-self.breadth // 2**steps))
        self.project = nn.Linear(latent, width * self.start[1] * self.start[2])
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        glorot_uniform(self)
        self.blocks = nn.Sequential(*(ResidualUp(width, width) for _ in range(steps)))
        self.norm = nn.BatchNorm2d(width)
        self.activation = output_activation(spec.value_range)

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.project(z).view(-1, *self.start))
        x = self.activation(self.last(F.relu(self.norm(x))))
        return x[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Residual blocks without normalisation, summed over places: pictures (N, C, H, W) -> scores (N,)."""

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 64) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        self.score = nn.Linear(width, 1)
        glorot_uniform(self)
        self.features = ResidualFeatures(spec.shape, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.features(x)).squeeze(1)


RECIPE = Recipe(
    generator=Part("sngan"),
    discriminator=Part("sngan"),
    loss=Part("hinge"),
    constraint=(Part("spectral-norm"),),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.9)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.9)),
    d_schedule=Part("linear", hold=0.0),
    g_schedule=Part("linear", hold=0.0),
    game=Part("standard", g_every=5),
    latent=128,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Miyato et al., 2018, arXiv:1802.05957",
)
