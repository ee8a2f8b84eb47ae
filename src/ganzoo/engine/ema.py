"""The average of a network's weights over the images seen (Karras et al., 2017, arXiv:1710.10196)."""

from copy import deepcopy

import torch
from torch import Tensor, nn


class Average:
    """A copy of a network that follows its weights with a half-life in real images; buffers are copied."""

    def __init__(self, network: nn.Module, half_life_images: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.half_life_images = half_life_images
        self.mine: list[Tensor] = list(self.network.parameters())
        self.theirs: list[Tensor] = list(network.parameters())
        self.buffers = list(zip(self.network.buffers(), network.buffers(), strict=True))

    @torch.no_grad()
    def update(self, images: int) -> None:
        """Follow the network after a step that saw so many real images."""
        weight = 1 - 0.5 ** (images / self.half_life_images)
        for mine, theirs in zip(self.mine, self.theirs, strict=True):
            mine.lerp_(theirs, weight)
        for mine, theirs in self.buffers:
            mine.copy_(theirs)
