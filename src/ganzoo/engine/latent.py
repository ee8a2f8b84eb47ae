"""The numbers that a generator starts from."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Latent:
    """A distribution of `size` independent numbers: normal is N(0, 1), uniform is U(-1, 1)."""

    size: int
    distribution: Literal["normal", "uniform"]

    def draw(self, count: int, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Noise (count, size), on the device and in the type of `like`."""
        noise = torch.empty(count, self.size, device=like.device, dtype=like.dtype)
        if self.distribution == "normal":
            return noise.normal_(generator=generator)
        return noise.uniform_(-1, 1, generator=generator)
