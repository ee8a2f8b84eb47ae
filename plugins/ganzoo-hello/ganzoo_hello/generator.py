"""A generator of sines."""

import torch
from ganzoo.layers import output_activation
from ganzoo.options import PositiveInt
from ganzoo.spec import DataSpec
from torch import Tensor, nn


class Generator(nn.Module):
    """Two hidden layers of sines: z (N, latent) -> (N, *shape)."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 256) -> None:
        super().__init__()
        self.shape = spec.shape
        self.first = nn.Linear(latent, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, spec.features)
        self.squash = output_activation(spec.value_range)

    def forward(self, z: Tensor) -> Tensor:
        hidden = torch.sin(self.second(torch.sin(self.first(z))))
        return self.squash(self.last(hidden)).view(-1, *self.shape)
