"""The Wasserstein-1 distance."""

import math

import pytest
import torch
from scipy import stats

from ganzoo.metrics.wasserstein import wasserstein


def test_sorted_values_are_moved_onto_each_other():
    real, fake = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([[7.0], [0.0], [2.0]])
    assert wasserstein(real, fake)["wasserstein"] == pytest.approx((0 + 1 + 2) / 3)


def test_it_agrees_with_scipy_for_other_counts():
    real, fake = torch.randn(50, 1), torch.rand(33, 1)
    expected = stats.wasserstein_distance(real.flatten().double(), fake.flatten().double())
    assert wasserstein(real, fake)["wasserstein"] == pytest.approx(expected)


def test_a_shift_of_the_plane_costs_its_mean_projection():
    # The mean of |cos| over all directions is 2 / pi.
    real = torch.randn(200, 2)
    found = wasserstein(real, real + torch.tensor([3.0, 4.0]), directions=20_000)["wasserstein"]
    assert found == pytest.approx(5 * 2 / math.pi, rel=0.02)


def test_the_directions_are_always_the_same():
    real, fake = torch.randn(20, 3), torch.randn(20, 3)
    assert wasserstein(real, fake) == wasserstein(real, fake)
    assert wasserstein(real, real)["wasserstein"] == 0
