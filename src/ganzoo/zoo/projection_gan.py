"""A conditional GAN by projection of the label (Miyato and Koyama, 2018, arXiv:1802.05637)."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganzoo.layers import (
    ResidualFeatures,
    ResidualUp,
    SelfAttention,
    doublings,
    glorot_uniform,
    output_activation,
)
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Residual blocks whose batch norm knows the label: z (N, latent) and labels (N,) -> (N, C, H, W).

    attention: self-attention before the last block. spectral_norm: of all layers, as SAGAN has it.
    """

    def __init__(
        self,
        spec: DataSpec,
        latent: int,
        *,
        width: PositiveInt = 64,
        attention: bool = False,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        channels, self.height, self.breadth = spec.shape
        steps = doublings(self.height, self.breadth, 4)
        self.start = (width, -(-self.height // 2**steps), -(-self.breadth // 2**steps))
        self.project = nn.Linear(latent, width * self.start[1] * self.start[2])
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        glorot_uniform(self)
        self.blocks = nn.ModuleList(ResidualUp(width, width, spec.classes) for _ in range(steps))
        self.attention = SelfAttention(width) if attention else nn.Identity()
        self.norm = nn.BatchNorm2d(width)
        self.activation = output_activation(spec.value_range)
        if spectral_norm:
            for layer in [each for each in self.modules() if isinstance(each, nn.Linear | nn.Conv2d)]:
                parametrizations.spectral_norm(layer)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.project(z).view(-1, *self.start)
        for block in self.blocks[:-1]:
            x = block(x, labels)
        x = self.blocks[-1](self.attention(x), labels)
        x = self.activation(self.last(F.relu(self.norm(x))))
        return x[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Residual blocks; the label is a direction in their features: pictures, labels (N,) -> scores (N,).

    attention: self-attention after the first block.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 64, attention: bool = False) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        self.score, self.direction = nn.Linear(width, 1), nn.Embedding(spec.classes, width)
        glorot_uniform(self)
        nn.init.xavier_uniform_(self.direction.weight)
        self.features = ResidualFeatures(spec.shape, width, attention=attention)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        features = self.features(x)  # (N, width)
        return self.score(features).squeeze(1) + (self.direction(labels) * features).sum(1)


RECIPE = Recipe(
    generator=Part("projection-gan"),
    discriminator=Part("projection-gan"),
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
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Miyato and Koyama, 2018, arXiv:1802.05637",
)
