"""Layers and initialisations that several networks share."""

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
    """Dropout (Hinton et al., 2012, arXiv:1207.0580) whose masks cost a third of torch's on a processor.

    One 64-bit draw decides four elements, so the share dropped is p rounded to 1/65536; what is kept is
    divided by the true share kept, which leaves the expectation exact.
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
        draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        mask = draws.view(torch.int16)[: x.numel()].view(x.shape) < kept - 32768
        return x * mask.to(x.dtype).mul_(65536 / kept)

    def extra_repr(self) -> str:
        return f"p={self.p}"


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
        return y[..., : -self.extra, : -self.extra] if self.extra else y


def join_labels(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The rows of x (N, F) with their labels (N,) appended as one-hot vectors: (N, F + classes)."""
    return torch.cat((x, F.one_hot(labels, classes).to(x.dtype)), 1)


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
