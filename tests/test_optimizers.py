"""The optimizers against the formulas of their sources."""

import pytest
import torch

from ganzoo.optimizers import adam, rmsprop, sgd

START = [1.0, -2.0, 0.5]


def course(make, steps: int = 20, **options) -> list[torch.Tensor]:
    """Weights after each step on a bumpy loss."""
    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer, seen = make([w], **options), []
    for _ in range(steps):
        optimizer.zero_grad()
        bumpy(w).backward()
        optimizer.step()
        seen.append(w.detach().clone())
    return seen


def bumpy(w: torch.Tensor) -> torch.Tensor:
    return (w**2 * torch.tensor([1.0, 10.0, 1e-3])).sum() + (3 * w).sin().sum()


def gradient(w: torch.Tensor) -> torch.Tensor:
    w = w.clone().requires_grad_()
    return torch.autograd.grad(bumpy(w), w)[0]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_rmsprop_is_that_of_keras(momentum):
    w, mean_square, velocity, expected = torch.tensor(START).double(), 0.0, 0.0, []
    for _ in range(20):
        g = gradient(w)
        mean_square = 0.8 * mean_square + 0.2 * g**2
        velocity = momentum * velocity + 0.01 * g / (mean_square**0.5 + 1e-3)
        w = w - velocity
        expected.append(w)
    assert_same(course(rmsprop, lr=0.01, decay=0.8, eps=1e-3, momentum=momentum), expected)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.999), (0.0, 0.9)])
def test_adam_is_torch_s(betas):
    expected = course(torch.optim.Adam, lr=0.05, betas=betas, eps=1e-6)
    assert_same(course(adam, lr=0.05, betas=betas, eps=1e-6), expected)


def test_adam_follows_the_formula():
    w, m, v, expected = torch.tensor(START).double(), 0.0, 0.0, []
    for t in range(1, 21):
        g = gradient(w)
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g**2
        w = w - 0.05 * (m / (1 - 0.5**t)) / ((v / (1 - 0.9**t)) ** 0.5 + 1e-8)
        expected.append(w)
    assert_same(course(adam, lr=0.05, betas=(0.5, 0.9)), expected)


def test_adam_s_weight_decay_is_decoupled():
    decayed, plain = course(adam, steps=1, lr=0.05, weight_decay=0.1)[0], course(adam, steps=1, lr=0.05)[0]
    torch.testing.assert_close(plain - decayed, 0.05 * 0.1 * torch.tensor(START).double())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_heavy_ball(momentum):
    w, velocity, expected = torch.tensor(START).double(), 0.0, []
    for _ in range(20):
        velocity = momentum * velocity + gradient(w) + 0.01 * w
        w = w - 0.02 * velocity
        expected.append(w)
    assert_same(course(sgd, lr=0.02, momentum=momentum, weight_decay=0.01), expected)


def test_defaults_are_the_sources():
    w = [torch.zeros(1, requires_grad=True)]
    assert adam(w).param_groups[0]["betas"] == (0.9, 0.999)
    assert adam(w).param_groups[0]["eps"] == 1e-8
    assert rmsprop(w).param_groups[0]["alpha"] == 0.9
    assert rmsprop(w).param_groups[0]["eps"] == 1e-7
