"""Modes of mixtures of Gaussians."""

import math

import pytest
import torch

from ganzoo.datasets.base import DataFolders, Modes
from ganzoo.datasets.mixtures import grid, ring
from ganzoo.metrics.mixture_modes import mixture_modes

PAIR = Modes(torch.tensor([[0.0, 0.0], [10.0, 0.0]]), 1.0)


def test_the_numbers_computed_by_hand():
    fake = torch.tensor([[0.0, 2.9], [0.5, 0.0], [0.0, -1.0], [10.0, 1.0], [0.0, 3.1], [5.0, 0.0]])
    found = mixture_modes(fake, PAIR)
    kl = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert found == {"modes": 2, "mode_kl": pytest.approx(kl), "high_quality": pytest.approx(4 / 6)}


def test_nothing_near_any_mode():
    found = mixture_modes(torch.full((5, 2), 100.0), PAIR)
    assert (found["modes"], found["high_quality"]) == (0, 0)
    assert math.isnan(found["mode_kl"])


@pytest.mark.parametrize(("make", "count"), [(ring, 8), (grid, 25)])
def test_a_perfect_sampler(make, count):
    dataset = make(DataFolders(download=False))
    found = mixture_modes(dataset.load("train").values, dataset.modes)
    # 1 - exp(-9 / 2) of a round Gaussian lies within three standard deviations.
    assert found["high_quality"] == pytest.approx(0.9889, abs=0.001)
    assert found["modes"] == count
    assert found["mode_kl"] < 0.001
