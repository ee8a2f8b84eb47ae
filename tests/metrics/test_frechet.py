"""The Frechet distance."""

import math

import pytest
import torch
from scipy import linalg

from ganzoo.metrics.frechet import frechet, gaussian, square_root


def test_gaussians_on_the_line_have_the_closed_form():
    # (m1 - m2)^2 + (s1 - s2)^2, with the sample's own means and deviations.
    real, fake = torch.randn(400, 1, dtype=torch.float64), 3 + 2 * torch.randn(300, 1, dtype=torch.float64)
    expected = (real.mean() - fake.mean()) ** 2 + (real.std() - fake.std()) ** 2
    assert frechet(real, fake)["frechet"] == pytest.approx(expected.item(), rel=1e-9)


def test_covariances_that_commute_have_the_closed_form():
    x = torch.randn(500, 4, dtype=torch.float64)
    whitened = (x - x.mean(0)) @ torch.linalg.inv(square_root(gaussian(x)[1]))
    scales, others = torch.tensor([1.0, 2.0, 0.5, 3.0]).double(), torch.tensor([2.0, 2.0, 1.5, 0.1]).double()
    shift = torch.tensor([0.0, 1.0, -2.0, 0.5]).double()
    expected = shift.square().sum() + (scales - others).square().sum()
    found = frechet(whitened * scales, whitened * others + shift)["frechet"]
    assert found == pytest.approx(expected.item(), rel=1e-9)


def test_it_agrees_with_the_matrix_square_root_of_scipy():
    real, fake = torch.randn(200, 6) @ torch.randn(6, 6), torch.rand(150, 6) @ torch.randn(6, 6) + 1
    (m, a), (n, b) = gaussian(real), gaussian(fake)
    root = linalg.sqrtm((a @ b).numpy()).real
    expected = (m - n).square().sum() + a.trace() + b.trace() - 2 * root.trace()
    assert frechet(real, fake)["frechet"] == pytest.approx(expected.item(), rel=1e-6)


def test_equal_samples_are_at_no_distance_even_with_fewer_samples_than_features():
    samples = torch.randn(5, 40)
    assert frechet(samples, samples)["frechet"] == pytest.approx(0, abs=1e-5)


def test_constant_features_are_no_problem():
    assert frechet(torch.zeros(3, 2), torch.ones(3, 2))["frechet"] == pytest.approx(2)
    assert math.isfinite(frechet(torch.zeros(3, 2), torch.randn(3, 2))["frechet"])


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="two samples"):
        frechet(torch.zeros(1, 2), torch.zeros(3, 2))


def test_it_agrees_with_torchmetrics():
    image = pytest.importorskip("torchmetrics.image.fid")
    real, fake = torch.randn(100, 5, dtype=torch.float64), torch.rand(80, 5, dtype=torch.float64)
    expected = image._compute_fid(real.mean(0), real.T.cov(), fake.mean(0), fake.T.cov())
    assert frechet(real, fake)["frechet"] == pytest.approx(expected.item(), rel=1e-6)
