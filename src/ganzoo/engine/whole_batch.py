"""What looks at several samples of a batch at once, told those of all ranks: batch norm and some losses."""

import functools
from collections.abc import Callable, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.engine.calls import takes
from ganzoo.engine.distributed import Group
from ganzoo.engine.seeds import generator

# Layers of other classes may compute something else under this name; they keep the samples of their rank.
NORMS: Mapping[type[nn.Module], tuple[int, ...]] = MappingProxyType(
    {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}
)


class WholeBatchNorm(_BatchNorm):
    """Batch norm (Ioffe and Szegedy, 2015, arXiv:1502.03167) over the batch of all ranks.

    torch's own SyncBatchNorm needs a GPU and has no second derivative, which penalties take.
    """

    def __init__(self, layer: _BatchNorm, group: Group, dimensions: tuple[int, ...]) -> None:
        options = (layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        super().__init__(layer.num_features, *options)
        self.group, self.dimensions = group, dimensions
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked
        self.train(layer.training)

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() not in self.dimensions:
            raise ValueError(f"batch norm got {x.dim()} dimensions; expected {self.dimensions}")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.group.rows is None:
            return super().forward(x)
        self._check_input_dim(x)
        wide = x if x.dtype == torch.float64 else x.float()
        mean, variance = self._moments(wide)
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        shape = (1, -1) + (1,) * (x.dim() - 2)
        y = (wide - mean.view(shape)) * scale.view(shape)
        return (y if self.bias is None else y + self.bias.view(shape)).to(x.dtype)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) of each channel over all ranks; the running ones follow them."""
        axes = [axis for axis in range(x.dim()) if axis != 1]
        count = torch.full((1,), x.numel() // x.shape[1], dtype=x.dtype, device=x.device)
        mine = torch.cat((count, x.mean(axes), x.var(axes, correction=0)))
        counts, means, variances = torch.split(self.group.stack(mine), [1, x.shape[1], x.shape[1]], 1)
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        variance = (counts * (variances + (means - mean).square())).sum(0) / total
        self._follow(mean.detach(), (variance * total / (total - 1)).detach())
        return mean, variance

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)


def with_whole_batch_norm(network: nn.Module, group: Group) -> nn.Module:
    """The network with its batch norms over the batch of all ranks; names and weights stay as they are."""
    if group.size == 1:
        return network
    made: dict[nn.Module, nn.Module] = {}
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, _BatchNorm) and type(child) in NORMS:
                if child not in made:
                    made[child] = WholeBatchNorm(child, group, NORMS[type(child)])
                parent.add_module(name, made[child])
    return network


def with_whole_scores(loss: Any, group: Group) -> Any:
    """The loss, told the scores of all ranks, unless the mean over ranks is the same."""
    if group.size > 1 and not is_mean(loss):
        for player in ("discriminator", "generator"):
            object.__setattr__(loss, player, _told_all(getattr(loss, player), group))
    return loss


def is_mean(loss: Any) -> bool:
    """Whether both players' losses are means over samples and the loss keeps nothing in mind."""
    if isinstance(loss, nn.Module) and loss.state_dict():
        return False
    trial = deepcopy(loss)
    real, fake = torch.randn(2, 5, dtype=torch.float64, generator=generator(0))
    both = takes(trial.generator, "real")
    for losses in (trial.discriminator, lambda a, b: trial.generator(b, a) if both else trial.generator(b)):
        whole, parts = losses(real, fake), (losses(real[:2], fake[:2]), losses(real[2:], fake[2:]))
        if not torch.allclose(whole, 0.4 * parts[0] + 0.6 * parts[1]):
            return False
    return True


def _told_all(loss: Callable[..., Tensor], group: Group) -> Callable[..., Tensor]:
    @functools.wraps(loss)
    def told_all(*scores: Tensor) -> Tensor:
        return loss(*map(group.whole, scores))

    return told_all
