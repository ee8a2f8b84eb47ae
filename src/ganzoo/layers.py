"""Layers and initialisations that several networks share."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def output_activation(value_range: tuple[float, float] | None) -> nn.Module:
    """The activation that fills a range: tanh for (-1, 1), sigmoid for (0, 1), none for unbounded values."""
    if value_range is None:
        return nn.Identity()
    if value_range == (-1.0, 1.0):
        return nn.Tanh()
    if value_range == (0.0, 1.0):
        return nn.Sigmoid()
    return ScaledSigmoid(*value_range)


class ScaledSigmoid(nn.Module):
    """A sigmoid stretched to (low, high)."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * torch.sigmoid(x)


class Dropout(nn.Module):
    """Dropout (Hinton et al., 2012, arXiv:1207.0580) whose masks cost a fifth of torch's on a processor.

    Two random bytes decide an element, so the share dropped is p rounded to 1/65536; what is kept is divided
    by the true share kept, which leaves the expectation exact.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and less than 1, not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        kept = max(round((1 - self.p) * 65536), 1)
        if kept == 65536:
            return x
        mask = torch.lt(random_numbers(x), kept - 32768, out=torch.empty_like(x, requires_grad=False))
        return x * mask.mul_(65536 / kept)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def random_numbers(like: Tensor) -> Tensor:
    """Random int16 of all values, in the shape of `like`: four from each draw of torch's generator."""
    draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    return draws.view(torch.int16)[: like.numel()].view(like.shape)


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: ceil(size / stride) out, more of it at the end."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (self._padding(size) for size in x.shape[-2:])
        if top == bottom and left == right:
            return F.conv2d(x, self.weight, self.bias, self.stride, (top, left))
        return super().forward(F.pad(x, (left, right, top, bottom)))

    def _padding(self, size: int) -> tuple[int, int]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with TensorFlow's "same" padding: size * stride out, cropped as it pads."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int) -> None:
        total = max(kernel - stride, 0)
        super().__init__(in_channels, out_channels, kernel, stride, total // 2, max(stride - kernel, 0))
        self.extra = total % 2

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        y = super().forward(x, output_size)
        if not self.extra:
            return y
        # Whole in memory: batch norm is several times slower on a view.
        return y[..., : -self.extra, : -self.extra].contiguous(memory_format=torch.channels_last)


class ConditionalBatchNorm2d(nn.Module):
    """Batch norm with a scale and a shift for each class (Dumoulin et al., 2016, arXiv:1610.07629)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.shift = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.norm(x) * self.scale(labels)[:, :, None, None] + self.shift(labels)[:, :, None, None]


class ResidualUp(nn.Module):
    """A residual block that doubles height and width (Miyato et al., 2018, arXiv:1802.05957, figure 8).

    classes: batch norm has a scale and a shift for each; the block is then called with labels (N,).
    """

    def __init__(self, before: int, after: int, classes: int | None = None) -> None:
        super().__init__()
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(n) if classes is None else ConditionalBatchNorm2d(n, classes)
            for n in (before, after)
        )
        self.first, self.second = (
            nn.Conv2d(before, after, 3, padding=1),
            nn.Conv2d(after, after, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(before, after, 1)
        init_residual(self.first, self.second, self.shortcut)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        given = () if labels is None else (labels,)
        y = self.first(F.interpolate(F.relu(self.norms[0](x, *given)), scale_factor=2.0))
        y = self.second(F.relu(self.norms[1](y, *given)))
        return y + F.interpolate(self.shortcut(x), scale_factor=2.0)  # a 1 x 1 convolution may come first


class ResidualDown(nn.Module):
    """A residual block without normalisation (Miyato et al., 2018, arXiv:1802.05957, figure 8).

    halve: mean-pool height and width, rounded up. first: the block begins with pixels, so without a ReLU.
    """

    def __init__(self, before: int, after: int, *, halve: bool, first: bool = False) -> None:
        super().__init__()
        self.halve, self.is_first = halve, first
        self.first, self.second = (
            nn.Conv2d(before, after, 3, padding=1),
            nn.Conv2d(after, after, 3, padding=1),
        )
        changes = halve or before != after
        self.shortcut = nn.Conv2d(before, after, 1) if changes else nn.Identity()
        init_residual(self.first, self.second, self.shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.relu(self.first(x if self.is_first else F.relu(x))))
        y = y + self.shortcut(x)
        return F.avg_pool2d(y, 2, ceil_mode=True) if self.halve else y


class ResidualFeatures(nn.Module):
    """Residual blocks without normalisation, summed over places: pictures (N, C, H, W) -> (N, width).

    Height and width are halved down to sides of 8 to 15, twice at least (Miyato et al., 2018,
    arXiv:1802.05957, table 4). attention: self-attention after the first block.
    """

    def __init__(self, shape: tuple[int, ...], width: int, *, attention: bool = False) -> None:
        super().__init__()
        channels, height, breadth = shape
        halvings = max(2, doublings(height, breadth, 8))
        self.blocks = nn.Sequential(
            ResidualDown(channels, width, halve=True, first=True),
            SelfAttention(width) if attention else nn.Identity(),
            *(ResidualDown(width, width, halve=True) for _ in range(halvings - 1)),
            *(ResidualDown(width, width, halve=False) for _ in range(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.blocks(x)).sum((2, 3))


def init_residual(first: nn.Module, second: nn.Module, shortcut: nn.Module) -> None:
    """Weights Glorot uniform, those of the two main layers times the root of 2, biases zero."""
    for layer, gain in ((first, 2**0.5), (second, 2**0.5), (shortcut, 1.0)):
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.xavier_uniform_(layer.weight, gain)
            nn.init.zeros_(layer.bias)


class SelfAttention(nn.Module):
    """Each place looks at all others of a picture (Zhang et al., 2018, arXiv:1805.08318, section 3).

    Keys and values are max-pooled by two, as the authors' code has it; the layer begins as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key = (nn.Conv2d(channels, few, 1, bias=False) for _ in range(2))
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.out = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)  # (N, C / 8, HW)
        key, value = (F.max_pool2d(f(x), 2, ceil_mode=True).flatten(2) for f in (self.key, self.value))
        weights = (query.transpose(1, 2) @ key).softmax(2)  # (N, HW, HW / 4)
        seen = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.out(seen)


def doublings(height: int, width: int, smallest: int) -> int:
    """How often the smaller side may be halved until it is nearly `smallest`; once at least."""
    return max(1, math.floor(math.log2(max(min(height, width) / smallest, 1))))


def one_hot(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """Labels (N,) from 0 on as rows (N, classes) of the type of `like`; none is looked at: nothing waits."""
    return (labels[:, None] == torch.arange(classes, device=labels.device)).to(like.dtype)


def join_labels(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The rows of x (N, F) with their labels (N,) appended as one-hot vectors: (N, F + classes)."""
    return torch.cat((x, one_hot(labels, classes, x)), 1)


def xavier_normal(network: nn.Module, bias: tuple[float, float]) -> None:
    """Weight matrices Xavier normal (Glorot and Bengio, 2010), biases uniform in the given range."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, *bias)


def glorot_uniform(network: nn.Module) -> None:
    """Weights uniform as Keras draws them (Glorot and Bengio, 2010), biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
