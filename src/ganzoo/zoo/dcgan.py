"""DCGAN: strided convolutions and batch norm, in its Keras form (Radford et al., 2015, arXiv:1511.06434)."""

from torch import Tensor, nn

from ganzoo.layers import SameConv2d, SameConvTranspose2d, glorot_uniform, output_activation
from ganzoo.options import PositiveFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """Batch norm, ReLU and transposed convolution, four times: z (N, latent) -> (N, C, H, W), any H and W.

    width: filters of the last hidden layer; the layers have 4, 2 and 1 times as many.
    bn_momentum: the weight of the newest batch in the running statistics; Keras's 0.99 is 0.01 here.
    """

    def __init__(
        self,
        spec: DataSpec,
        latent: int,
        *,
        width: PositiveInt = 32,
        kernel: PositiveInt = 5,
        bn_momentum: Probability = 0.01,
        bn_eps: PositiveFloat = 1e-3,
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        self.start = (4 * width, -(-self.height // 4), -(-self.breadth // 4))
        self.project = nn.Linear(latent, self.start[0] * self.start[1] * self.start[2])
        self.layers = nn.Sequential()
        before = 4 * width
        for filters, stride in ((4 * width, 2), (2 * width, 2), (width, 1), (channels, 1)):
            norm = nn.BatchNorm2d(before, bn_eps, bn_momentum)
            self.layers.extend([norm, nn.ReLU(), SameConvTranspose2d(before, filters, kernel, stride)])
            before = filters
        self.layers.append(output_activation(spec.value_range))
        glorot_uniform(self)

    def forward(self, z: Tensor) -> Tensor:
        x = self.layers(self.project(z).view(-1, *self.start))  # sides are multiples of 4 here
        return x[..., : self.height, : self.breadth]


class Discriminator(nn.Module):
    """Leaky ReLU and strided convolution, four times: pictures (N, C, H, W) -> scores (N,).

    width: filters of the first layer; the others have 2, 4 and 8 times as many.
    """

    def __init__(
        self, spec: DataSpec, *, width: PositiveInt = 32, kernel: PositiveInt = 5, slope: float = 0.2
    ) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it judges pictures and the data are {spec.shape_text}")
        before, height, breadth = spec.shape
        self.layers = nn.Sequential()
        for filters, stride in ((width, 2), (2 * width, 2), (4 * width, 2), (8 * width, 1)):
            self.layers.extend([nn.LeakyReLU(slope), SameConv2d(before, filters, kernel, stride)])
            before, height, breadth = filters, -(-height // stride), -(-breadth // stride)
        self.score = nn.Linear(before * height * breadth, 1)
        glorot_uniform(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.layers(x).flatten(1)).squeeze(1)


RECIPE = Recipe(
    generator=Part("dcgan"),
    discriminator=Part("dcgan"),
    loss=Part("bce", average=True),
    d_optimizer=Part("rmsprop", lr=2e-4, decay=0.9, eps=1e-7),
    g_optimizer=Part("rmsprop", lr=1e-4, decay=0.9, eps=1e-7),
    d_schedule=Part("inverse-time", decay_per_image=6e-8 / 64),  # 6e-8 a step of 64 images
    g_schedule=Part("inverse-time", decay_per_image=3e-8 / 64),
    game=Part("standard", first="discriminator", share="nothing", d_turn_generator="eval"),
    latent=100,
    latent_distribution="uniform",
    value_range=(0.0, 1.0),
    batch=64,
    order="replacement",
    steps=100,
    record_every_steps=1,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=16)),
    paper="Radford et al., 2015, arXiv:1511.06434",
)
