"""The kernel distance."""

import pytest
import torch

from ganzoo.metrics import kernel as module
from ganzoo.metrics.kernel import kernel


def direct(real, fake):
    """The unbiased squared MMD as a double sum over pairs."""
    count, other, features = len(real), len(fake), real.shape[1]

    def k(x, y):
        return (float(x @ y) / features + 1) ** 3

    within = sum(k(real[i], real[j]) for i in range(count) for j in range(count) if i != j)
    within_other = sum(k(fake[i], fake[j]) for i in range(other) for j in range(other) if i != j)
    across = sum(k(x, y) for x in real for y in fake)
    first, second = within / (count * (count - 1)), within_other / (other * (other - 1))
    return first + second - 2 * across / (count * other)


def test_it_is_the_double_sum(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 3)
    real, fake = torch.randn(8, 3, dtype=torch.float64), torch.rand(7, 3, dtype=torch.float64)
    assert kernel(real, fake)["kernel"] == pytest.approx(direct(real, fake), rel=1e-12)


def test_samples_of_one_distribution_are_near_zero_on_either_side():
    values = [kernel(torch.randn(200, 4), torch.randn(200, 4))["kernel"] for _ in range(30)]
    assert min(values) < 0 < max(values)
    assert abs(sum(values) / len(values)) < 0.05


def test_it_agrees_with_torchmetrics():
    image = pytest.importorskip("torchmetrics.image.kid")
    real, fake = torch.randn(40, 5, dtype=torch.float64), torch.rand(40, 5, dtype=torch.float64)
    assert kernel(real, fake)["kernel"] == pytest.approx(image.poly_mmd(real, fake).item(), rel=1e-9)


def test_it_needs_two_samples():
    with pytest.raises(ValueError, match="two samples"):
        kernel(torch.zeros(1, 2), torch.zeros(3, 2))
