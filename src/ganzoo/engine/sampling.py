"""Drawing from a generator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganzoo.engine import faults
from ganzoo.engine.calls import Score, call_with_labels, inference, takes
from ganzoo.engine.latent import Pictures, Start
from ganzoo.errors import UsageError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

CHUNK = 1000


@dataclass(frozen=True)
class Trained:
    """A trained generator, ready to sample from."""

    network: nn.Module
    spec: DataSpec
    latent: Start
    part: Part

    @property
    def is_conditional(self) -> bool:
        """Whether samples can be asked for by label."""
        return takes(self.network.forward, "labels")

    @property
    def source(self) -> DataSpec:
        """The pictures that the generator starts from. Raises UsageError where it starts from noise."""
        if isinstance(self.latent, Pictures):
            return self.latent.spec
        raise UsageError("this generator starts from noise, not from pictures: leave the input out.")

    def sample(self, count: int, labels: Sequence[int] | Tensor | None = None, seed: int = 0) -> Tensor:
        """Samples (count, *shape), float32: pictures in [-1, 1], vectors as they are.

        labels: one for each sample, or fewer, which are repeated in turn; without them a conditional
        generator goes through all classes. Raises UsageError for labels that do not exist or a generator that
        knows none, ResourceError and PluginError.
        """
        with faults.sampling(self.network, count):
            z = start(self.network, self.latent, self.spec, count, seed, _nothing_seen)
            x = draw(self.network, self.spec, z, labels)
        return unified(x, self.spec)

    def translate(self, pictures: Tensor, labels: Sequence[int] | Tensor | None = None) -> Tensor:
        """What the generator makes of pictures (N, C, H, W) in [-1, 1]: as many samples, as from `sample`.

        Raises UsageError for a generator that starts from noise, and for pictures of another shape or range.
        """
        source = self.source
        if pictures.shape[1:] != source.shape or len(pictures) == 0 or not pictures.is_floating_point():
            got = f"{'x'.join(map(str, pictures.shape))} {str(pictures.dtype).removeprefix('torch.')}"
            raise UsageError(f"the input is {got}; it must be float pictures Nx{source.shape_text}.")
        if not (pictures.abs() <= 1).all():
            raise UsageError("the input has values outside of [-1, 1]; scale it: black is -1 and white is 1.")
        low, high = source.value_range or (-1.0, 1.0)
        with faults.sampling(self.network, len(pictures)):
            require_memory(self.spec, source.features, len(pictures))
            z = low + (pictures.to(_like(self.network)) + 1) * ((high - low) / 2)
            x = draw(self.network, self.spec, z, labels)
        return unified(x, self.spec)


def unified(samples: Tensor, spec: DataSpec) -> Tensor:
    """Samples of bounded values in [-1, 1], cut off there, whatever range `spec` has; others as they are."""
    if spec.value_range is None:
        return samples
    low, high = spec.value_range
    return ((samples - low) * (2 / (high - low)) - 1).clamp_(-1, 1)


def _nothing_seen(count: int) -> Tensor:
    raise UsageError(
        "this generator makes pictures of pictures: give it some, with --input or with translate(pictures)."
    )


def start(
    network: nn.Module, latent: Start, spec: DataSpec, count: int, seed: int, seen: Callable[[int], Tensor]
) -> Tensor:
    """What `count` samples start from. Raises UsageError and ResourceError."""
    if count < 1:
        raise UsageError(f"{count} samples were asked for; ask for at least 1.")
    require_memory(spec, latent.size, count)
    return latent.fixed(count, seed, _like(network), seen)


def require_memory(spec: DataSpec, start_size: int, count: int) -> None:
    """Raise ResourceError where so many samples do not fit."""
    # The samples, what they are made of, and a copy while they are put together and scaled.
    needed = 4 * count * (3 * spec.features + start_size)
    faults.require_memory(needed, f"{count:,} samples", "Ask for fewer.")


def draw(
    network: nn.Module, spec: DataSpec, z: Tensor, labels: Sequence[int] | Tensor | None = None
) -> Tensor:
    """Samples (N, *shape) from what they start from, float32, in the range of the training."""
    return infer(network, z, _labels(network, spec, len(z), labels))


def infer(network: nn.Module, x: Tensor, labels: Tensor | None = None) -> Tensor:
    """What a network makes of inputs (N, ...), in inference mode; float32 on the processor."""
    call, x = call_with_labels(network), x.to(_like(network))
    with torch.no_grad(), inference(network):
        made = [_chunk(call, x, labels, start) for start in range(0, len(x), CHUNK)]
    return torch.cat(made).float().cpu()


def _like(network: nn.Module) -> Tensor:
    return next(network.parameters(), torch.empty(0)).detach()


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
