"""Precision, recall, density and coverage."""

import pytest
import torch

from ganzoo.metrics import neighbours as module
from ganzoo.metrics.neighbours import density_coverage, precision_recall


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def naive(real, fake, k):
    """All four by loops over samples."""

    def distance(a, b):
        return float((a - b).double().square().sum().sqrt())

    def reaches(points):
        return [sorted(distance(p, q) for q in points)[k] for p in points]

    around_real, around_fake = reaches(real), reaches(fake)
    hits = [[distance(r, f) <= reach for f in fake] for r, reach in zip(real, around_real, strict=True)]
    others = [[distance(f, r) <= reach for r in real] for f, reach in zip(fake, around_fake, strict=True)]
    return {
        "precision": sum(any(row[i] for row in hits) for i in range(len(fake))) / len(fake),
        "recall": sum(any(row[i] for row in others) for i in range(len(real))) / len(real),
        "density": sum(map(sum, hits)) / (k * len(fake)),
        "coverage": sum(map(any, hits)) / len(real),
    }


def test_points_on_a_line():
    # The nearest neighbours of 0, 1, 3 are 1, 1 and 2 away; those of 0.5, 9, 10 are 8.5, 1 and 1 away.
    real, fake = column(0, 1, 3), column(0.5, 9, 10)
    found = precision_recall(real, fake, neighbours=1) | density_coverage(real, fake, neighbours=1)
    # 0.5 lies around 0 and 1; 9 and 10 around nothing. 0, 1 and 3 all lie around 0.5.
    assert found == pytest.approx({"precision": 1 / 3, "recall": 1, "density": 2 / 3, "coverage": 2 / 3})


@pytest.mark.parametrize("k", [1, 3, 5])
def test_they_are_those_of_the_naive_loop(monkeypatch, k):
    monkeypatch.setattr(module, "ROWS", 4)
    real, fake = torch.randn(17, 3), 0.5 + torch.randn(13, 3)
    found = precision_recall(real, fake, neighbours=k) | density_coverage(real, fake, neighbours=k)
    assert found == pytest.approx(naive(real, fake, k))


def test_copies_of_one_real_sample_are_precise_and_cover_little():
    real = torch.randn(100, 8)
    fake = real[:1].repeat(100, 1)
    assert precision_recall(real, fake) == {"precision": 1.0, "recall": 0.01}
    assert density_coverage(real, fake)["coverage"] < 0.3


def test_samples_far_away_find_nothing():
    real = torch.randn(20, 3)
    found = precision_recall(real, real + 1e3) | density_coverage(real, real + 1e3)
    assert set(found.values()) == {0.0}


def test_too_few_samples_for_the_neighbours():
    with pytest.raises(ValueError, match="3 neighbours need 4 samples"):
        precision_recall(torch.randn(3, 2), torch.randn(9, 2))
