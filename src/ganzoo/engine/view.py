"""What the discriminator sees of samples: augmented, and several side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from ganzoo.engine.distributed import Group


class Augmentation(Protocol):
    """A module that changes samples (N, *shape) at random, and is told the scores that D gave real ones."""

    def __call__(self, samples: Tensor) -> Tensor:
        """Samples of the same shape, differentiable."""
        ...

    def observe(self, real_scores: Tensor) -> None:
        """Take note of D's scores of real samples, once in each of its turns."""
        ...


@dataclass(frozen=True)
class View:
    """Samples as the discriminator sees them.

    modules: augmentations by name, applied in their order. size: so many samples are joined along channels or
    features. group: the ranks that share the batch.
    """

    modules: Mapping[str, Any]  # each an Augmentation and an nn.Module
    size: int
    group: Group = field(default_factory=Group)

    def __call__(self, samples: Tensor) -> Tensor:
        for augment in self.modules.values():
            samples = augment(samples)
        return self.pack(samples)

    def observe(self, real_scores: Tensor) -> None:
        """Tell the augmentations how each real sample was judged, those of all ranks: they adapt alike."""
        if self.modules:
            scores = self.group.whole(real_scores.detach()).repeat_interleave(self.size, 0)
            for augmentation in self.modules.values():
                augmentation.observe(scores)

    def pack(self, samples: Tensor) -> Tensor:
        """Samples (N, C, ...) joined to (N // size, size * C, ...); a rest is left out."""
        if self.size == 1:
            return samples
        whole = len(samples) // self.size
        return samples[: whole * self.size].reshape(whole, *packed_shape(samples.shape[1:], self.size))


def packed_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The shape of so many samples joined along channels or features."""
    return (size * shape[0], *shape[1:])
