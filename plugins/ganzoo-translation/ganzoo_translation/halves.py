"""Samples of two pictures, joined along channels: the source first, then the target."""

from dataclasses import replace

from torch import nn

from ganzoo.engine.latent import Pictures
from ganzoo.spec import DataSpec


def halves(spec: DataSpec, source_channels: int = 0) -> tuple[Pictures, DataSpec]:
    """What a generator starts from, and what it makes; 0 for half of the channels.

    Raises ValueError where the data are not two pictures.
    """
    if not spec.is_image:
        raise ValueError(f"it makes pictures of pictures and the data are {spec.shape_text}")
    channels, height, width = spec.shape
    first = source_channels or channels // 2
    if not 0 < first < channels or (not source_channels and channels % 2):
        message = f"the data are {spec.shape_text}, not two pictures joined along channels"
        raise ValueError(f"{message}. Choose another data set, or set game.source_channels")
    source = replace(spec, shape=(first, height, width), classes=None)
    return Pictures(source), replace(spec, shape=(channels - first, height, width))


def init_normal(network: nn.Module) -> None:
    """Weights N(0, 0.02), those of batch norm N(1, 0.02), biases zero, as both papers' code has it."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
