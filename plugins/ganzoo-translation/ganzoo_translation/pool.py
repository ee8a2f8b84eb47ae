"""Earlier fakes for a discriminator to learn from (Shrivastava et al., 2016, arXiv:1612.07828)."""

import torch
from torch import Tensor, nn

from ganzoo.engine.distributed import Group


class Pool(nn.Module):
    """So many pictures; a full pool gives an old one for every second new one, which takes its place.

    All ranks keep the same pool, of the fakes of the whole batch; the random numbers are those of the step.
    """

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.pictures: Tensor
        self.held: Tensor
        self.register_buffer("pictures", torch.zeros(size, *shape))
        self.register_buffer("held", torch.zeros((), dtype=torch.int64))

    def exchange(self, fakes: Tensor, group: Group) -> Tensor:
        """New fakes (N, *shape), every second of them exchanged for one of the pool once that is full."""
        if len(self.pictures) == 0:
            return fakes
        like, rows = fakes, slice(None) if group.rows is None else group.rows
        chances = group.draw(len(fakes), lambda n, source: _chances(n, like, source))
        chances, whole = group.whole(chances), group.whole(fakes)
        return torch.stack([self._one(*pair) for pair in zip(whole, chances, strict=True)])[rows]

    def _one(self, fake: Tensor, chance: Tensor) -> Tensor:
        # Without a question to the device: nothing waits for it.
        size = len(self.pictures)
        is_full = self.held >= size
        gives_old = is_full & (chance[0] > 0.5)
        place = torch.where(is_full, (chance[1] * size).long().clamp(max=size - 1), self.held)
        old = self.pictures.index_select(0, place[None])[0]
        kept = torch.where(gives_old | ~is_full, fake.to(old.dtype), old)
        self.pictures.index_copy_(0, place[None], kept[None])
        self.held.add_((~is_full).long())
        return torch.where(gives_old, old.to(fake.dtype), fake)


def _chances(count: int, like: Tensor, source: torch.Generator | None) -> Tensor:
    return torch.rand(count, 2, generator=source, device=like.device)
