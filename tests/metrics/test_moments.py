"""Mean, variance, skewness and kurtosis."""

import math

import pytest
import torch
from scipy import stats

from ganzoo.metrics.moments import moments


def test_the_values_are_those_computed_by_hand() -> None:
    # Mean 1; deviations -1, -1, -1, 3: variance 3, third moment 6, fourth moment 21.
    found = moments(torch.tensor([0.0, 0.0, 0.0, 4.0]), torch.tensor([-1.0, 1.0]))
    assert found["real_mean"] == 1
    assert found["real_variance"] == pytest.approx(3)
    assert found["real_skewness"] == pytest.approx(6 / 3**1.5)
    assert found["real_kurtosis"] == pytest.approx(21 / 9 - 3)
    assert (found["fake_mean"], found["fake_variance"]) == (0, 1)
    assert (found["fake_skewness"], found["fake_kurtosis"]) == pytest.approx((0, -2))


def test_they_agree_with_scipy() -> None:
    samples = torch.randn(300, 2) ** 3
    found, values = moments(samples, samples * 2), samples.double().flatten().numpy()
    assert found["real_variance"] == pytest.approx(values.var())
    assert found["real_skewness"] == pytest.approx(stats.skew(values))
    assert found["real_kurtosis"] == pytest.approx(stats.kurtosis(values))
    assert found["fake_kurtosis"] == pytest.approx(found["real_kurtosis"])


def test_samples_of_one_value_have_no_skewness() -> None:
    found = moments(torch.full((7,), 0.1), torch.zeros(1))
    assert found["real_variance"] == pytest.approx(0)
    assert math.isnan(found["real_skewness"])
    assert math.isnan(found["fake_kurtosis"])
