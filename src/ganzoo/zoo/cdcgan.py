"""A conditional DCGAN: labels as further channels (Mirza and Osindero, 2014, arXiv:1411.1784)."""

import torch
from torch import Tensor, nn

from ganzoo.layers import SameConv2d, SameConvTranspose2d, doublings, join_labels, one_hot, output_activation
from ganzoo.options import PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Transposed convolutions and batch norm: z (N, latent) and labels (N,) -> (N, C, H, W).

    width: filters of the last hidden layer; each layer before it has twice as many.
    """

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 32) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        channels, self.height, self.breadth = spec.shape
        self.classes, steps = spec.classes, doublings(self.height, self.breadth, 4)
        before = width * 2 ** (steps - 1)
        self.start = (before, -(-self.height // 2**steps), -(-self.breadth // 2**steps))
        self.project = nn.Linear(latent + self.classes, self.start[0] * self.start[1] * self.start[2])
        self.layers = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU())
        for _ in range(steps - 1):
            after = before // 2
            upward = SameConvTranspose2d(before, after, 5, 2)
            self.layers.extend([upward, nn.BatchNorm2d(after), nn.ReLU()])
            before = after
        self.layers.extend([SameConvTranspose2d(before, channels, 5, 2), output_activation(spec.value_range)])
        init_small(self)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.layers(self.project(join_labels(z, labels, self.classes)).view(-1, *self.start))
        return x[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Strided convolutions and batch norm: pictures (N, C, H, W) and labels (N,) -> scores (N,).

    A label is one plane of ones among as many planes as there are classes. width: filters of the first
    layer; each layer after it has twice as many.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 32, slope: float = 0.2) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        channels, height, breadth = spec.shape
        self.classes, before, after = spec.classes, channels + spec.classes, width
        self.layers = nn.Sequential()
        for step in range(doublings(height, breadth, 4)):
            self.layers.append(SameConv2d(before, after, 5, 2))
            self.layers.extend([nn.BatchNorm2d(after)] if step else [])
            self.layers.append(nn.LeakyReLU(slope))
            before, after, height, breadth = after, 2 * after, -(-height // 2), -(-breadth // 2)
        self.score = nn.Linear(before * height * breadth, 1)
        init_small(self)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        planes = one_hot(labels, self.classes, x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.score(self.layers(torch.cat((x, planes), 1)).flatten(1)).squeeze(1)


def init_small(network: nn.Module) -> None:
    """Weights N(0, 0.02), biases zero (Radford et al., 2015, arXiv:1511.06434, section 4)."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


RECIPE = Recipe(
    generator=Part("cdcgan"),
    discriminator=Part("cdcgan"),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=100,
    batch=64,
    epochs=50,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Mirza and Osindero, 2014, arXiv:1411.1784; Radford et al., 2015, arXiv:1511.06434",
)
