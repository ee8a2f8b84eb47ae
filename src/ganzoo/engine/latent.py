"""What a generator starts from: noise, or pictures of which it makes others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from ganzoo.engine.distributed import Group
from ganzoo.engine.seeds import derive
from ganzoo.engine.seeds import generator as seeded
from ganzoo.spec import DataSpec


class Start(Protocol):
    """What a generator starts from.

    size: numbers that one sample starts from.
    """

    @property
    def size(self) -> int: ...

    def fixed(self, count: int, seed: int, like: Tensor, seen: Callable[[int], Tensor]) -> Tensor:
        """What `count` samples outside of training start from, on the device and in the type of `like`.

        seen: gives up to so many real samples as networks see them.
        """
        ...

    def target(self, samples: Tensor) -> Tensor:
        """The part of real samples that the generator should make."""
        ...

    def whole(self, made: Tensor, samples: Tensor) -> Tensor:
        """These samples with what was made in the place of that part."""
        ...


@dataclass(frozen=True)
class Latent:
    """A distribution of `size` independent numbers: normal is N(0, 1), uniform is U(-1, 1)."""

    size: int
    distribution: Literal["normal", "uniform"]
    group: Group = field(default_factory=Group, compare=False, repr=False)

    def draw(self, count: int, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Noise (count, size), on the device and in the type of `like`.

        Without a generator of its own it is part of the step: where several ranks share the batch, each draws
        that of the whole batch and keeps its rows.
        """
        if generator is None:
            return self.group.draw(count, lambda n, source: self._fill(n, like, source))
        return self._fill(count, like, generator)

    def fixed(self, count: int, seed: int, like: Tensor, seen: Callable[[int], Tensor]) -> Tensor:
        """Noise (count, size) from a seed, the same on every device."""
        noise = self.draw(count, torch.empty(0, dtype=like.dtype), seeded(derive(seed, "samples")))
        return noise.to(like.device)

    def target(self, samples: Tensor) -> Tensor:
        """The samples as they are."""
        return samples

    def whole(self, made: Tensor, samples: Tensor) -> Tensor:
        """What was made, as it is."""
        return made

    def _fill(self, count: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
        noise = torch.empty(count, self.size, device=like.device, dtype=like.dtype)
        if self.distribution == "normal":
            return noise.normal_(generator=generator)
        return noise.uniform_(-1, 1, generator=generator)


@dataclass(frozen=True)
class Pictures:
    """Pictures of a spec: the first channels of each sample, the others being what is to be made of them."""

    spec: DataSpec

    @property
    def size(self) -> int:
        """Numbers in one picture."""
        return self.spec.features

    def split(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Samples (N, C, H, W) as their pictures to start from and what is to be made of them."""
        return samples[:, : self.spec.shape[0]], samples[:, self.spec.shape[0] :]

    def fixed(self, count: int, seed: int, like: Tensor, seen: Callable[[int], Tensor]) -> Tensor:
        """Real pictures, again from the first where there are fewer than `count`, whatever the seed."""
        pictures = self.split(seen(count))[0].to(like)
        return pictures.repeat(-(-count // len(pictures)), 1, 1, 1)[:count]

    def target(self, samples: Tensor) -> Tensor:
        """The channels that are to be made."""
        return self.split(samples)[1]

    def whole(self, made: Tensor, samples: Tensor) -> Tensor:
        """The pictures that these samples start from, and after them the channels that were made."""
        return torch.cat((self.split(samples)[0].to(made), made), 1)
