"""Drawing from a generator."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganzoo.engine import faults
from ganzoo.engine.calls import Score, call_with_labels, inference, takes
from ganzoo.engine.latent import Latent
from ganzoo.engine.seeds import derive, generator
from ganzoo.errors import UsageError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

CHUNK = 1000


@dataclass(frozen=True)
class Trained:
    """A trained generator, ready to sample from."""

    network: nn.Module
    spec: DataSpec
    latent: Latent
    part: Part

    @property
    def is_conditional(self) -> bool:
        """Whether samples can be asked for by label."""
        return takes(self.network.forward, "labels")

    def sample(self, count: int, labels: Sequence[int] | Tensor | None = None, seed: int = 0) -> Tensor:
        """Samples (count, *shape), float32: pictures in [-1, 1], vectors as they are.

        labels: one for each sample, or fewer, which are repeated in turn; without them a conditional
        generator goes through all classes. Raises UsageError for labels that do not exist or a generator that
        knows none, ResourceError and PluginError.
        """
        with faults.sampling(self.network, count):
            x = draw(self.network, self.latent, self.spec, count, labels, seed)
        if self.spec.value_range is None:
            return x
        low, high = self.spec.value_range
        return ((x - low) * (2 / (high - low)) - 1).clamp_(-1, 1)


def draw(
    network: nn.Module,
    latent: Latent,
    spec: DataSpec,
    count: int,
    labels: Sequence[int] | Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Samples (count, *shape) in inference mode, float32 on the processor, in the range of the training."""
    if count < 1:
        raise UsageError(f"{count} samples were asked for; ask for at least 1.")
    # The samples, what they are made of, and a copy while they are put together and scaled.
    faults.require_memory(
        4 * count * (3 * spec.features + latent.size), f"{count:,} samples", "Ask for fewer."
    )
    chosen = _labels(network, spec, count, labels)
    like = next(network.parameters(), torch.empty(0)).detach()
    z = latent.draw(count, torch.empty(0, dtype=like.dtype), generator(derive(seed, "samples"))).to(
        like.device
    )
    call = call_with_labels(network)
    with torch.no_grad(), inference(network):
        made = [_chunk(call, z, chosen, start) for start in range(0, count, CHUNK)]
    return torch.cat(made).float().cpu()


def _chunk(call: Score, z: Tensor, labels: Tensor | None, start: int) -> Tensor:
    rows = slice(start, start + CHUNK)
    return call(z[rows], None if labels is None else labels[rows].to(z.device))


def _labels(
    network: nn.Module, spec: DataSpec, count: int, labels: Sequence[int] | Tensor | None
) -> Tensor | None:
    if not takes(network.forward, "labels"):
        if labels is not None:
            raise UsageError(
                "labels were asked for, but this generator was trained without any. Leave them out."
            )
        return None
    classes = spec.classes or 0
    try:
        wanted = torch.arange(classes) if labels is None else torch.as_tensor(labels, dtype=torch.int64)
        wanted = wanted.flatten()
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        given = str(labels)[:60]
        raise UsageError(
            f"labels are {given}; they must be whole numbers from 0 to {classes - 1}."
        ) from error
    if wanted.numel() == 0 or wanted.min() < 0 or wanted.max() >= classes:
        raise UsageError(f"labels are {wanted.tolist()}; they must be whole numbers from 0 to {classes - 1}.")
    return wanted.repeat(-(-count // len(wanted)))[:count]
