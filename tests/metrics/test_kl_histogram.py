"""The divergence between histograms."""

import math

import pytest
import torch

from ganzoo.metrics.kl_histogram import SMALL, histograms, kl_histogram


def test_equal_samples_have_no_divergence() -> None:
    samples = torch.randn(500, 1)
    assert kl_histogram(samples, samples) == {"kl": 0.0}


def test_the_value_is_the_one_computed_by_hand() -> None:
    # Values 0 and 100 fall into the first and the last of 100 bins.
    real = torch.tensor([0.0, 0.0, 0.0, 100.0])
    fake = torch.tensor([0.0, 100.0])
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert kl_histogram(real, fake)["kl"] == pytest.approx(expected, abs=1e-6)


def test_it_is_not_symmetric() -> None:
    real, fake = torch.tensor([0.0, 0.0, 0.0, 100.0]), torch.tensor([0.0, 100.0])
    assert kl_histogram(real, fake)["kl"] != pytest.approx(kl_histogram(fake, real)["kl"], abs=1e-3)


def test_the_edges_span_the_real_values_and_the_last_bin_includes_its_end() -> None:
    edges, real, fake = histograms(torch.tensor([-1.0, 1.0]), torch.tensor([1.0, 0.999, -1.0]))
    assert (edges[0], edges[-1], len(edges)) == (-1.0, 1.0, 101)
    assert (real[0], real[-1]) == (1, 1)
    assert (fake[0], fake[-1]) == (1, 2)


def test_fakes_beyond_the_real_values_are_not_counted() -> None:
    real, inside = torch.linspace(0, 1, 200), torch.rand(100)
    beyond = torch.tensor([-3.0, 2.0, float("inf"), float("nan")])
    assert kl_histogram(real, torch.cat((inside, beyond))) == kl_histogram(real, inside)


def test_no_fake_within_the_range_gives_a_large_finite_number() -> None:
    assert kl_histogram(torch.tensor([0.0, 1.0]), torch.tensor([5.0]))["kl"] == pytest.approx(
        math.log(0.5 / SMALL), rel=1e-6
    )


@pytest.mark.parametrize("value", [0.0, 3.0, -1e20])
def test_real_samples_of_one_value_are_no_problem(value: float) -> None:
    constant = torch.full((10,), value)
    assert kl_histogram(constant, constant)["kl"] == 0.0
    assert kl_histogram(constant, constant * 3 + 5)["kl"] > 10


def test_all_values_of_a_sample_are_taken_together() -> None:
    real, fake = torch.rand(8, 3, 4, 4), torch.rand(8, 3, 4, 4)
    assert kl_histogram(real, fake) == kl_histogram(real.flatten(), fake.flatten())
