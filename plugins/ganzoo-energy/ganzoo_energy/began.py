"""BEGAN: an autoencoder in equilibrium with its generator (Berthelot et al., 2017, arXiv:1703.10717)."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ganzoo.layers import doublings, output_activation
from ganzoo.options import PositiveFloat, PositiveInt, Probability
from ganzoo.recipe import Part, Recipe
from ganzoo.spec import DataSpec
from ganzoo_energy.energy import Error, energy


class Generator(nn.Module):
    """The decoder of figure 1, squashed into the data's range: z (N, latent) -> (N, C, H, W), any H and W."""

    def __init__(self, spec: DataSpec, latent: int, *, width: PositiveInt = 32) -> None:
        super().__init__()
        self.decode = Decoder(spec, latent, width)
        self.squash = output_activation(spec.value_range)

    def forward(self, z: Tensor) -> Tensor:
        return self.squash(self.decode(z))


class Discriminator(nn.Module):
    """The autoencoder of figure 1: pictures (N, C, H, W) -> minus their reconstruction errors (N,).

    width: filters; the encoder has as many more after each halving. codes: numbers that a picture is rebuilt
    from. error: absolute or squared by pixel, the paper's eta of 1 or 2.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        width: PositiveInt = 32,
        codes: PositiveInt = 64,
        error: Error = "absolute",
    ) -> None:
        super().__init__()
        self.error = error
        self.decode = Decoder(spec, codes, width)
        steps, (channels, height, breadth) = self.decode.steps, spec.shape
        self.encode = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ELU())
        for step in range(1, steps + 1):
            inside = nn.Conv2d(step * width, step * width, 3, padding=1)
            down = nn.Conv2d(step * width, (step + 1) * width, 3, stride=2, padding=1)
            self.encode.extend([inside, nn.ELU(), down, nn.ELU()])
        size = (steps + 1) * width * -(-height // 2**steps) * -(-breadth // 2**steps)
        self.encode.extend([nn.Flatten(), nn.Linear(size, codes)])

    def examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and codes (N, codes)."""
        codes = self.encode(x)
        return -energy(x, self.decode(codes), self.error), codes

    def forward(self, x: Tensor) -> Tensor:
        return self.examine(x)[0]


class Decoder(nn.Module):
    """Two convolutions at each size, doubled from 4 to 7 on: codes (N, F) -> (N, C, H, W), unbounded."""

    def __init__(self, spec: DataSpec, codes: int, width: int) -> None:
        super().__init__()
        if not spec.is_image:
            raise ValueError(f"it makes pictures and the data are {spec.shape_text}")
        channels, self.height, self.breadth = spec.shape
        self.steps = doublings(self.height, self.breadth, 4)
        self.start = (width, -(-self.height // 2**self.steps), -(-self.breadth // 2**self.steps))
        self.project = nn.Linear(codes, width * self.start[1] * self.start[2])
        self.layers = nn.Sequential()
        for step in range(self.steps + 1):
            self.layers.extend([nn.Upsample(scale_factor=2.0)] if step else [])
            for _ in range(2):
                self.layers.extend([nn.Conv2d(width, width, 3, padding=1), nn.ELU()])
        self.layers.append(nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, codes: Tensor) -> Tensor:
        x = self.layers(self.project(codes).view(-1, *self.start))
        return x[..., : self.height, : self.breadth]


class Equilibrium(nn.Module):
    """Energies in balance: E(G(z)) = gamma E(x) (Berthelot et al., 2017, arXiv:1703.10717, section 3.4).

    An energy is minus a score. gamma: how diverse the fakes are to be; k_lr: how fast k follows the balance
    (lambda_k). follow: the fakes that k is balanced with, those of G's turn as in the paper, or those of D's
    as in a popular script, which also sets gamma to 0.75.
    """

    probability: ClassVar[bool] = False
    k: Tensor
    real_energy: Tensor

    def __init__(
        self,
        *,
        gamma: Probability = 0.5,
        k_lr: PositiveFloat = 1e-3,
        follow: Literal["generator", "discriminator"] = "generator",
    ) -> None:
        super().__init__()
        self.gamma, self.k_lr, self.follow = gamma, k_lr, follow
        self.register_buffer("k", torch.zeros(()))
        self.register_buffer("real_energy", torch.zeros(()))  # of D's newest turn

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """E(x) - k E(G(z))."""
        real_energy, fake_energy = -real.mean(), -fake.mean()
        loss = real_energy - self.k.clone() * fake_energy  # the copy stays as it is when k moves
        self.real_energy.copy_(real_energy.detach())
        if self.follow == "discriminator":
            self._move(fake_energy.detach())
        return loss

    def generator(self, fake: Tensor) -> Tensor:
        """E(G(z))."""
        fake_energy = -fake.mean()
        if self.follow == "generator":
            self._move(fake_energy.detach())
        return fake_energy

    def report(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """k, and the convergence measure of section 3.4.1, E(x) + |gamma E(x) - E(G(z))|, by D's fakes."""
        real_energy, fake_energy = -real.mean(), -fake.mean()
        convergence = real_energy + (self.gamma * real_energy - fake_energy).abs()
        return {"k": self.k.clone(), "convergence": convergence}

    def _move(self, fake_energy: Tensor) -> None:
        """k + lambda_k (gamma E(x) - E(G(z))), kept within 0 and 1."""
        self.k.add_(self.k_lr * (self.gamma * self.real_energy - fake_energy)).clamp_(0, 1)


RECIPE = Recipe(
    generator=Part("began"),
    discriminator=Part("began"),
    loss=Part("equilibrium"),
    d_optimizer=Part("adam", lr=1e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=1e-4, betas=(0.5, 0.999)),
    latent=64,
    latent_distribution="uniform",
    batch=16,
    epochs=20,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Berthelot et al., 2017, arXiv:1703.10717",
)
