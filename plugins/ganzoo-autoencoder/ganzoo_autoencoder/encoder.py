"""The encoder of both GANs."""

from torch import Tensor, nn

from ganzoo.spec import DataSpec


class Encoder(nn.Module):
    """Two hidden layers of leaky ReLU: samples (N, *shape) -> latents (N, latent)."""

    def __init__(self, spec: DataSpec, latent: int, width: int, slope: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(spec.features, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, width),
            nn.LeakyReLU(slope),
            nn.Linear(width, latent),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(1))
