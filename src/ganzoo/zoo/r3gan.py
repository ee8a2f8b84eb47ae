"""R3GAN: relativistic loss, R1, R2 and no normalisation (Huang et al., 2024, arXiv:2501.05441)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.layers import doublings, output_activation
from ganzoo.options import LayerCount, PositiveInt
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec

SLOPE = 0.2
GROUP_WIDTH = 16


class Generator(nn.Module):
    """A learned basis, then residual blocks and doublings: z (N, latent) -> (N, C, H, W), any H and W.

    depth: residual blocks at each size. Pixels end in the data's range; the paper leaves them unbounded.
    """

    def __init__(
        self, spec: DataSpec, latent: int, *, width: PositiveInt = 64, depth: LayerCount = 2
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        steps = doublings(self.height, self.breadth, 4)
        start = (-(-self.height // 2**steps), -(-self.breadth // 2**steps))
        self.basis = nn.Parameter(torch.randn(width, *start))
        self.weigh = nn.Linear(latent, width, bias=False)
        self.layers = nn.Sequential(*blocks(width, depth, steps + 1))
        for _ in range(steps):
            self.layers.extend([Resample(up=True), *blocks(width, depth, steps + 1)])
        self.pixels = nn.Conv2d(width, channels, 1, bias=False)
        self.activation = output_activation(spec.value_range)
        for layer in (self.weigh, self.pixels):
            init_fan_in(layer, 1.0)

    def forward(self, z: Tensor) -> Tensor:
        x = self.layers(self.basis * self.weigh(z)[:, :, None, None])
        return self.activation(self.pixels(x))[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """The generator backwards: pictures (N, C, H, W) -> scores (N,).

    depth: residual blocks at each size.
    """

    def __init__(self, spec: DataSpec, *, width: PositiveInt = 64, depth: LayerCount = 2) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        channels, height, breadth = spec.shape
        steps = doublings(height, breadth, 4)
        self.pixels = nn.Conv2d(channels, width, 1, bias=False)
        self.layers = nn.Sequential(*blocks(width, depth, steps + 1))
        for _ in range(steps):
            self.layers.extend([Resample(up=False), *blocks(width, depth, steps + 1)])
            height, breadth = -(-height // 2), -(-breadth // 2)
        self.basis = nn.Conv2d(width, width, (height, breadth), groups=width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        for layer in (self.pixels, self.basis, self.score):
            init_fan_in(layer, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.basis(self.layers(self.pixels(x))).flatten(1)).squeeze(1)


def blocks(width: int, depth: int, sizes: int) -> list["Block"]:
    """The residual blocks of one size, scaled for depth * sizes of them in all."""
    return [Block(width, depth * sizes) for _ in range(depth)]


class Block(nn.Module):
    """An inverted bottleneck with a grouped convolution; it begins as the identity (section 3.3, Fix-up).

    total: residual blocks in the network, for the first weights.
    """

    def __init__(self, width: int, total: int) -> None:
        super().__init__()
        wide = 2 * width
        groups = math.gcd(wide, max(wide // GROUP_WIDTH, 1))
        widen, mix = nn.Conv2d(width, wide, 1), nn.Conv2d(wide, wide, 3, padding=1, groups=groups)
        narrow = nn.Conv2d(wide, width, 1, bias=False)
        gain = nn.init.calculate_gain("leaky_relu", SLOPE) * total**-0.25
        for layer, scale in ((widen, gain), (mix, gain), (narrow, 0.0)):
            init_fan_in(layer, scale)
        self.layers = nn.Sequential(widen, nn.LeakyReLU(SLOPE), mix, nn.LeakyReLU(SLOPE), narrow)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Resample(nn.Module):
    """Height and width doubled, or halved and rounded up, with the filter (1, 2, 1)."""

    def __init__(self, *, up: bool) -> None:
        super().__init__()
        self.up = up
        taps = torch.tensor([1.0, 2.0, 1.0]) / (2 if up else 4)
        self.register_buffer("filter", torch.outer(taps, taps)[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels, (height, width) = x.shape[1], x.shape[2:]
        weight = self.get_buffer("filter").to(x.dtype).expand(channels, 1, 3, 3)
        if not self.up:
            return F.conv2d(x, weight, stride=2, padding=1, groups=channels)
        return F.conv_transpose2d(x, weight, stride=2, groups=channels)[..., : 2 * height, : 2 * width]


def init_fan_in(layer: nn.Linear | nn.Conv2d, gain: float) -> None:
    """Weights N(0, gain^2 / inputs), biases zero."""
    nn.init.normal_(layer.weight, 0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


RECIPE = Recipe(
    generator=Part("r3gan"),
    discriminator=Part("r3gan"),
    loss=Part("relativistic", form="pairs"),
    penalty=(Part("r1", gamma=1.0), Part("r2", gamma=1.0)),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.99)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.99)),
    latent=64,
    batch=64,
    epochs=100,
    ema_half_life_images=50_000,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Huang et al., 2024, arXiv:2501.05441",
)
