"""Histograms of classes."""

import math

import pytest
import torch

from ganzoo.metrics.classes import class_agreement, class_histogram, cluster_purity, stacked_modes


def test_the_divergence_computed_by_hand():
    real, fake = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 0, 0, 1])
    # A seventh sample is spread over the three classes.
    share = (2 + 1 / 3) / 7
    expected = 0.75 * math.log(0.75 / share) + 0.25 * math.log(0.25 / share)
    found = class_histogram(real, fake, 3)
    assert found == {"class_coverage": pytest.approx(2 / 3), "class_kl": pytest.approx(expected)}


def test_a_class_that_no_real_sample_has_costs_much_and_covers_nothing():
    found = class_histogram(torch.zeros(1000, dtype=torch.int64), torch.ones(1000, dtype=torch.int64), 2)
    assert found["class_coverage"] == 0
    assert 7 < found["class_kl"] < 8


def test_stacked_modes_of_equal_counts_are_uniform():
    assert stacked_modes(torch.arange(1000).repeat(3), 1000) == {"modes": 1000, "mode_kl": pytest.approx(0)}


def test_half_of_the_modes_cost_log_two():
    found = stacked_modes(torch.arange(500), 1000)
    assert found == {"modes": 500, "mode_kl": pytest.approx(math.log(2))}


def test_the_floor_of_uniform_triples_is_the_literatures():
    # (modes - 1) / (2 samples) to first order: 0.0192.
    source = torch.Generator().manual_seed(0)
    draws = [torch.randint(1000, (26_000,), generator=source) for _ in range(20)]
    floors = [stacked_modes(classes, 1000)["mode_kl"] for classes in draws]
    assert sum(floors) / len(floors) == pytest.approx(0.0193, abs=0.001)


def test_agreement_is_the_share_of_wishes_that_were_granted():
    asked, seen = torch.tensor([0, 1, 2, 2]), torch.tensor([0, 2, 2, 1])
    assert class_agreement(asked, seen) == {"class_agreement": 0.5}


def test_purity_does_not_mind_what_clusters_are_called():
    asked, seen = torch.tensor([0, 0, 1, 1, 1, 3]), torch.tensor([2, 2, 0, 0, 1, 2])
    assert cluster_purity(asked, seen, 4) == {"cluster_purity": pytest.approx(5 / 6)}
    assert cluster_purity(torch.arange(4), torch.zeros(4, dtype=torch.int64), 3) == {"cluster_purity": 1}
