"""Linear layers with products by oneDNN: the same numbers, and no product that nobody wants."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.engine import products

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


@pytest.fixture(autouse=True)
def faster(monkeypatch):
    """As on a processor where it pays, for layers of any size."""
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(products, "WORTH_IT", 0)


class Count(TorchDispatchMode):
    """Counts oneDNN's products."""

    products = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.products += "_linear_pointwise" in str(function)
        return function(*args, **(kwargs or {}))


def network(bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 30, bias), nn.Tanh(), nn.Linear(30, 8), nn.Tanh(), nn.Linear(8, 1))


def with_penalty(network: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """Gradients of a loss that has a gradient of the scores in it."""
    x = x.detach().requires_grad_(True)
    scores = network(x)
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    loss = scores.square().mean() + slope.square().sum()
    return torch.autograd.grad(loss, [p for p in network.parameters() if p.requires_grad])


@pytest.mark.parametrize("rows", [1, 3, 16])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_twice(rows, bias):
    plain = network(bias).double()
    fast = products.hasten(network(bias))
    x = torch.randn(rows, 20)
    with Count() as count:
        assert torch.allclose(fast(x).double(), plain(x.double()), atol=1e-5)
    assert count.products == 3
    for ours, theirs in zip(with_penalty(fast, x), with_penalty(plain, x.double()), strict=True):
        assert torch.allclose(ours.double(), theirs, atol=1e-5)


def test_gradients_of_weights_are_computed_only_where_they_are_asked_for():
    fast, x = products.hasten(network()), torch.randn(4, 20, requires_grad=True)
    loss = fast(x).sum()
    with Count() as count:
        torch.autograd.grad(loss, x)
    assert count.products == 3
    loss = fast(x.detach()).sum()
    with Count() as count:
        torch.autograd.grad(loss, list(fast.parameters()))
    assert count.products == 3 + 2  # the first layer's input has no gradient


def test_names_weights_and_other_types_stay_as_they_were():
    plain = network()
    fast = products.hasten(copy.deepcopy(plain))
    assert list(fast.state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 3, 20)
    assert torch.equal(fast(x), plain(x))
    assert torch.equal(fast.double()(x.double()), plain.double()(x.double()))


def test_lower_precision_is_left_to_torch():
    fast, x = products.hasten(network()), torch.randn(4, 20)
    with Count() as count, torch.autocast("cpu", torch.bfloat16):
        assert fast(x).dtype == torch.bfloat16
    assert count.products == 0


def test_small_layers_are_left_to_torch(monkeypatch):
    monkeypatch.setattr(products, "WORTH_IT", 4 * 20 * 30 + 1)
    fast = products.hasten(network())
    with Count() as count:
        fast(torch.randn(4, 20))
    assert count.products == 0
    with Count() as count:
        fast(torch.randn(5, 20))
    assert count.products == 1


def test_where_it_does_not_pay_nothing_changes(monkeypatch):
    monkeypatch.setattr(products, "onednn_is_faster", lambda: False)
    assert {type(module) for module in products.hasten(network())} == {nn.Linear, nn.Tanh}
