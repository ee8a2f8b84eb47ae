"""Optimizers: `(parameters, **options) -> torch.optim.Optimizer`.

They are torch's own. Only the decorators of two methods are taken off, which import torch's compiler in order
to tell it something: 1.6 s before the first step of every run, compiled or not.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import Parameter

from ganzoo.options import Bounds, NonNegativeFloat, PositiveFloat, Probability

LATE = torch.tensor(1e9)  # a step after which Adam corrects nothing
Beta = Annotated[float, Bounds(0, 0.999999)]


def _bare(method: Callable[..., Any]) -> Any:
    return torch.no_grad()(getattr(method, "__wrapped__", method))


class _AdamW(torch.optim.AdamW):
    step = _bare(torch.optim.AdamW.step)
    add_param_group = _bare(torch.optim.AdamW.add_param_group)


class _RMSprop(torch.optim.RMSprop):
    add_param_group = _bare(torch.optim.RMSprop.add_param_group)
    _step = _bare(torch.optim.RMSprop.step)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """torch's step, or on the processor and without momentum the same by its fused kernel of Adam."""
        if any(group["momentum"] or group["params"][0].device.type != "cpu" for group in self.param_groups):
            return self._step()
        for group in self.param_groups:
            lists: list[list[Tensor]] = [[] for _ in range(6)]
            self._init_group(group, *lists)  # type: ignore[no-untyped-call]
            weights, gradients, squares, _, _, steps = lists
            torch._foreach_add_(steps, 1)
            rates = {name: group[name] for name in ("lr", "eps", "weight_decay", "maximize")}
            late = [LATE] * len(steps)
            rates |= {"beta1": 0.0, "beta2": group["alpha"], "amsgrad": False}
            # Without momentum the first moment is the gradient itself; late steps are not corrected.
            torch._fused_adam_(weights, gradients, gradients, squares, [], late, **rates)
        return None


class _SGD(torch.optim.SGD):
    step = _bare(torch.optim.SGD.step)
    add_param_group = _bare(torch.optim.SGD.add_param_group)


def adam(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 2e-4,
    betas: tuple[Beta, Beta] = (0.9, 0.999),
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba, 2014, arXiv:1412.6980).

    weight_decay: decoupled from the gradient (Loshchilov and Hutter, 2017, arXiv:1711.05101).
    """
    return _AdamW(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def rmsprop(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 1e-3,
    decay: Beta = 0.9,
    eps: PositiveFloat = 1e-7,
    momentum: Probability = 0.0,
) -> torch.optim.Optimizer:
    """RMSprop as Keras has it, eps outside the root: lr * g / (sqrt(v) + eps) (Tieleman and Hinton, 2012)."""
    return _RMSprop(parameters, lr=lr, alpha=decay, eps=eps, momentum=momentum, foreach=True)


def sgd(
    parameters: Iterable[Parameter],
    *,
    lr: PositiveFloat = 1e-2,
    momentum: Probability = 0.0,
    weight_decay: NonNegativeFloat = 0.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with heavy-ball momentum (Polyak, 1964)."""
    return _SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=True)
