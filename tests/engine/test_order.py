"""The order of the data: a permutation, random enough, the same from wherever it is asked for."""

from collections import Counter

import numpy as np
import pytest

from ganzoo.engine.order import Numbers, drawn, permuted


def positions(count: int) -> Numbers:
    return np.arange(count, dtype=np.uint64)


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 257, 1000, 10_007])
def test_every_sample_has_one_position(size: int) -> None:
    assert sorted(permuted(positions(size), size, "order", 3).tolist()) == list(range(size))


@pytest.mark.parametrize("choose", [permuted, drawn])
def test_a_part_is_as_it_is_in_the_whole(choose) -> None:
    whole = choose(positions(1000), 1000, 7)
    assert choose(positions(1000)[300:400], 1000, 7).tolist() == whole[300:400].tolist()
    assert choose(positions(1000), 1000, 8).tolist() != whole.tolist()


def test_a_huge_data_set_costs_no_more() -> None:
    rows = permuted(np.array([0, 1, 10**12 - 1], dtype=np.uint64), 10**12, 1)
    assert len(set(rows.tolist())) == 3
    assert all(0 <= row < 10**12 for row in rows.tolist())


@pytest.mark.parametrize("choose", [permuted, drawn])
def test_every_place_is_as_likely(choose) -> None:
    """Where the first and the last of 40 go, over 20,000 seeds: 500 times each place, give or take 22."""
    for position in (0, 39):
        at = np.array([position], dtype=np.uint64)
        counts = Counter(int(choose(at, 40, seed)[0]) for seed in range(20_000))
        assert len(counts) == 40
        chi_square = sum((count - 500) ** 2 / 500 for count in counts.values())
        assert chi_square < 85  # 39 degrees of freedom: exceeded once in 30,000


def test_neighbours_part() -> None:
    """Samples that lie side by side do not stay together: the distance is that of two random places."""
    rows = permuted(positions(50_000), 50_000, 5).astype(np.int64)
    assert np.corrcoef(rows[:-1], rows[1:])[0, 1] == pytest.approx(0, abs=0.02)
    assert np.abs(np.diff(rows)).mean() == pytest.approx(50_000 / 3, rel=0.02)


def test_drawing_with_replacement_repeats_some() -> None:
    """Of N draws out of N, N / e are never drawn."""
    missing = 20_000 - len(set(drawn(positions(20_000), 20_000, 2).tolist()))
    assert missing == pytest.approx(20_000 / np.e, rel=0.03)
