"""The way to a device: data that it cannot hold are sent a batch at a time, and nothing waits for it."""

from collections.abc import Callable

import torch
from torch import Tensor, cuda

from ganzoo.datasets.base import Samples

SHARE = 0.5  # of a GPU's free memory that data may take; the rest is for networks and activations
Position = tuple[int, int, int]  # an epoch, and from where to where in it
Stored = tuple[Tensor, Tensor | None]


def fits(samples: Samples, device: torch.device) -> bool:
    """Whether a device can hold all samples beside what is computed with them."""
    if device.type != "cuda":
        return True
    free, _ = cuda.mem_get_info(device)
    needed = samples.values.nbytes + (0 if samples.labels is None else samples.labels.nbytes)
    return needed <= SHARE * free


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; on its way there the processor goes on."""
    return pinned(tensor).to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def pinned(tensor: Tensor) -> Tensor:
    """A copy that a GPU can fetch by itself; torch keeps such memory, and until it is read, the copy."""
    return tensor.pin_memory()


class Courier:
    """Brings stored samples to a GPU, each batch while the one before it is computed with.

    gather: the samples of a position in the order, in the processor's memory.
    """

    def __init__(self, gather: Callable[[Position], Stored], device: torch.device) -> None:
        self.gather, self.device = gather, device
        self.lane: cuda.Stream = cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.ahead: tuple[Position, Stored] | None = None

    def bring(self, position: Position, following: Position | None) -> Stored:
        """The samples of a position, on the device; those of the following one set out."""
        if self.ahead is not None and self.ahead[0] == position:
            arriving = self.ahead[1]
        else:
            arriving = self._send(position)
        computing = cuda.current_stream(self.device)
        computing.wait_stream(self.lane)
        # New batches lie where old ones lay: those must have been computed with.
        self.lane.wait_stream(computing)
        self.ahead = None if following is None else (following, self._send(following))
        return arriving

    def _send(self, position: Position) -> Stored:
        values, labels = self.gather(position)
        with cuda.stream(self.lane):
            return send(values, self.device), None if labels is None else send(labels, self.device)
