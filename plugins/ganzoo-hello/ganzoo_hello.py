"""A generator of sines and the boundary-seeking loss, as a plugin of ganzoo."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganzoo.layers import output_activation
from ganzoo.options import PositiveInt
from ganzoo.spec import DataSpec


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


class BoundarySeeking:
    """G seeks the boundary where D is undecided (Hjelm et al., 2017, arXiv:1702.08431)."""

    probability = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z)))."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """Half the squared log-odds that D gives to fakes."""
        return 0.5 * fake.square().mean()
