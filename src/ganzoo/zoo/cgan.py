"""A conditional GAN: the label joins noise and image (Mirza and Osindero, 2014, arXiv:1411.1784)."""

from torch import Tensor, nn

from ganzoo.layers import Dropout, join_labels, output_activation
from ganzoo.options import PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec


class Generator(nn.Module):
    """One hidden layer: z (N, latent) and labels (N,) -> (N, *shape). Needs labelled data."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 512, slope: float = 0.2) -> None:
        super().__init__()
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        self.shape, self.classes = spec.shape, spec.classes
        self.layers = nn.Sequential(
            nn.Linear(latent + self.classes, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, spec.features),
            output_activation(spec.value_range),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.layers(join_labels(z, labels, self.classes)).view(-1, *self.shape)


class Discriminator(nn.Module):
    """One hidden layer, dropout: samples (N, *shape) and labels (N,) -> scores (N,). Needs labelled data."""

    def __init__(
        self, spec: DataSpec, *, width: PositiveInt = 512, slope: float = 0.2, dropout: Probability = 0.3
    ) -> None:
        super().__init__()
        if spec.classes is None:
            raise ValueError("it is conditional and the data have no labels")
        self.classes = spec.classes
        self.layers = nn.Sequential(
            nn.Linear(spec.features + self.classes, width),
            nn.LeakyReLU(slope),
            Dropout(dropout),
            nn.Linear(width, 1),
        )

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.layers(join_labels(x.flatten(1), labels, self.classes)).squeeze(1)


RECIPE = Recipe(
    generator=Part("cgan"),
    discriminator=Part("cgan"),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=1e-3, betas=(0.9, 0.999)),
    g_optimizer=Part("adam", lr=1e-3, betas=(0.9, 0.999)),
    game=Part("standard", first="discriminator", share="nothing"),
    latent=128,
    batch=100,
    epochs=200,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Mirza and Osindero, 2014, arXiv:1411.1784",
)
