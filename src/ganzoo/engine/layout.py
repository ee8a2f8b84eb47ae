"""The order of pictures and kernels in memory: channels last where the device is made for it."""

import torch
from torch import Tensor, nn


def best(device: torch.device) -> torch.memory_format:
    """The order that a device's convolutions are made for; the processor's results keep their bits."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def laid_out(tensor: Tensor, layout: torch.memory_format) -> Tensor:
    """A tensor of four dimensions in this order, any other as it is."""
    return tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor


def lay_out(network: nn.Module, layout: torch.memory_format) -> nn.Module:
    """Put a network's own tensors into this order; their values and names stay as they are."""
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = laid_out(tensor.data, layout)
    return network
