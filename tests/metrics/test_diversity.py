"""The Vendi score."""

import pytest
import torch

from ganzoo.metrics.diversity import diversity


def test_samples_that_are_all_alike_count_as_one():
    assert diversity(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))["diversity"] == pytest.approx(1)


def test_orthogonal_samples_count_each():
    assert diversity(torch.eye(5) * 3)["diversity"] == pytest.approx(5)


def test_two_groups_of_orthogonal_samples_count_by_their_entropy():
    found = diversity(torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]]))["diversity"]
    shares = torch.tensor([0.75, 0.25])
    assert found == pytest.approx(torch.special.entr(shares).sum().exp().item(), rel=1e-6)


def test_it_is_that_of_the_matrix_of_all_pairs():
    x = torch.randn(30, 4, dtype=torch.float64)
    unit = x / x.norm(dim=1, keepdim=True)
    values = torch.linalg.eigvalsh(unit @ unit.T / 30).clamp_min(1e-300)
    assert diversity(x)["diversity"] == pytest.approx((-(values * values.log()).sum()).exp().item())
