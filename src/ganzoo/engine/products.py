"""Matrix products by the faster library.

torch multiplies float32 matrices with Intel's MKL, which uses half of the vector width of other makers'
processors. oneDNN, which torch brings too, uses all of it.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WORTH_IT = 2**20  # multiplications; below, the detour through Python costs more than it saves


@cache
def onednn_is_faster() -> bool:
    """Whether this processor has 512-bit vectors that MKL leaves alone."""
    has_both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    is_wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return has_both and is_wide and "GenuineIntel" not in _processor()


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return "GenuineIntel"  # unknown: leave things as they are


def hasten(network: nn.Module) -> nn.Module:
    """The network, its linear layers with faster products where there are any; weights and names stay."""
    if onednn_is_faster():
        for module in network.modules():
            if type(module) is nn.Linear:
                module.__class__ = Linear
    return network


class Linear(nn.Linear):
    """torch's layer with products by oneDNN, where they are float32, large, and on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        if not _is_fit(x, self.weight):
            return F.linear(x, self.weight, self.bias)
        # As a view the weight has a node that `Product.backward` can ask whether its gradient is wanted.
        return Product.apply(x, self.weight.view_as(self.weight), self.bias)


def _is_fit(x: Tensor, weight: Tensor) -> bool:
    is_plain = x.dim() == 2 and x.dtype == weight.dtype == torch.float32 and x.device.type == "cpu"
    return is_plain and x.numel() * len(weight) >= WORTH_IT and not torch.is_autocast_enabled("cpu")


class Product(torch.autograd.Function):
    """x (N, F) times the transpose of weight (M, F), plus a bias (M,) or None; twice differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        # Required by some later turn, perhaps, and not by this one.
        needs_weight = needs_weight and torch._C._will_engine_execute_node(ctx.next_functions[1][0])
        return (
            Product.apply(grad, weight.t(), None) if needs_x else None,
            Product.apply(grad.t(), x.t(), None) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
        )
