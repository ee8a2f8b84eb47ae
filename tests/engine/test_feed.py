"""The feed: every order and remainder, a pure function of seed and step, values in the networks' range."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ganzoo.engine.feed
from ganzoo.datasets.base import Samples
from ganzoo.engine.feed import Feed, epoch_borders, scaling, smallest_batch
from ganzoo.errors import DataError
from ganzoo.spec import DataSpec
from ganzoo.zoo.vanilla import RECIPE

ORDERS = ["shuffled", "sequential", "replacement"]
REMAINDERS = ["keep", "drop", "merge"]


def recipe(batch: int, order: str = "shuffled", last_batch: str = "keep"):
    return replace(RECIPE, batch=batch, order=order, last_batch=last_batch)


def numbered(size: int, batch: int, order: str = "shuffled", last_batch: str = "keep", seed: int = 0) -> Feed:
    """A feed of the numbers 0, 1, 2, ..., each labelled with its last digit."""
    numbers = torch.arange(size, dtype=torch.float32).view(size, 1)
    spec = DataSpec((1,), None, 10, size)
    samples = Samples(numbers, torch.arange(size) % 10)
    return Feed(samples, spec, spec, recipe(batch, order, last_batch), seed, torch.empty(0))


def epoch(feed: Feed, number: int = 0) -> list[list[int]]:
    """The numbers in each batch of an epoch."""
    steps = len(feed.borders) - 1
    return [feed.batch(number * steps + i)[0].flatten().int().tolist() for i in range(steps)]


@pytest.mark.parametrize(
    ("size", "batch", "last_batch", "sizes"),
    [
        (10, 5, "keep", [5, 5]),
        (10, 5, "drop", [5, 5]),
        (10, 5, "merge", [5, 5]),
        (11, 5, "keep", [5, 5, 1]),
        (11, 5, "drop", [5, 5]),
        (11, 5, "merge", [5, 6]),
        (9, 5, "merge", [9]),
        (5, 5, "merge", [5]),
        (1, 1, "keep", [1]),
        (1000, 333, "merge", [333, 333, 334]),
    ],
)
@pytest.mark.parametrize("order", ["shuffled", "sequential"])
def test_sizes_of_batches(size, batch, last_batch, sizes, order):
    assert [len(numbers) for numbers in epoch(numbered(size, batch, order, last_batch))] == sizes
    assert smallest_batch(recipe(batch, order, last_batch), size) == min(sizes)


@pytest.mark.parametrize("last_batch", REMAINDERS)
@pytest.mark.parametrize(("size", "batch", "count"), [(10, 5, 2), (11, 5, 3), (3, 5, 1)])
def test_batches_drawn_with_replacement_are_all_full(size, batch, count, last_batch):
    drawn = epoch(numbered(size, batch, "replacement", last_batch))
    assert [len(numbers) for numbers in drawn] == [batch] * count
    assert set(itertools.chain(*drawn)) <= set(range(size))


@pytest.mark.parametrize("last_batch", ["keep", "merge"])
@pytest.mark.parametrize("order", ["shuffled", "sequential"])
@pytest.mark.parametrize("size", [10, 11, 37])
def test_an_epoch_covers_each_sample_once(size, order, last_batch):
    for number in range(3):
        drawn = list(itertools.chain(*epoch(numbered(size, 5, order, last_batch), number)))
        assert sorted(drawn) == list(range(size))


def test_dropping_leaves_out_other_samples_each_epoch():
    feed = numbered(11, 5, "shuffled", "drop")
    left = [set(range(11)) - set(itertools.chain(*epoch(feed, number))) for number in range(20)]
    assert all(len(numbers) == 1 for numbers in left)
    assert len(set.union(*left)) > 3


def test_sequential_is_the_order_of_the_data():
    feed = numbered(7, 3, "sequential")
    assert epoch(feed, 0) == epoch(feed, 5) == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("order", ["shuffled", "replacement"])
def test_epochs_and_seeds_differ(order):
    first = epoch(numbered(50, 10, order))
    assert first != epoch(numbered(50, 10, order), 1)
    assert first != epoch(numbered(50, 10, order, seed=1))
    assert first == epoch(numbered(50, 10, order))


@pytest.mark.parametrize("order", ORDERS)
def test_a_batch_depends_on_seed_and_step_alone(order):
    in_order, at_random = numbered(23, 4, order), numbered(23, 4, order)
    steps = range(18)
    expected = [in_order.batch(step) for step in steps]
    torch.manual_seed(99)
    for step in torch.randperm(18, generator=torch.Generator().manual_seed(0)).tolist():
        values, labels = at_random.batch(step)
        assert torch.equal(values, expected[step][0])
        assert torch.equal(labels, expected[step][1])


@pytest.mark.parametrize("order", ORDERS)
def test_the_feed_leaves_torch_s_generator_alone(order):
    feed, before = numbered(23, 4, order), torch.get_rng_state()
    feed.batch(0)
    feed.batch(17)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("order", ORDERS)
def test_labels_stay_with_their_samples(order):
    feed = numbered(23, 4, order)
    for step in range(12):
        values, labels = feed.batch(step)
        assert labels.tolist() == [number % 10 for number in values.flatten().int().tolist()]
        assert labels.dtype == torch.int64


def test_unlabelled_data_have_no_labels():
    spec = DataSpec((1,), None, None, 4)
    feed = Feed(Samples(torch.zeros(4, 1)), spec, spec, recipe(2), 0, torch.empty(0))
    assert feed.batch(0)[1] is None


@pytest.mark.parametrize("order", ["shuffled", "sequential"])
@pytest.mark.parametrize("last_batch", REMAINDERS)
@pytest.mark.parametrize("size", [0, 1, 4])
def test_fewer_samples_than_a_batch_are_an_error_with_the_numbers(size, order, last_batch):
    with pytest.raises(DataError) as caught:
        epoch_borders(recipe(5, order, last_batch), size)
    assert caught.value.exit_code == 3
    assert f"has {size} samples and a batch takes 5" in str(caught.value)
    assert f"Set batch to {size or 1} or less" in str(caught.value)


def test_drawing_with_replacement_needs_one_sample():
    assert epoch_borders(recipe(5, "replacement"), 1) == [0, 5]
    with pytest.raises(DataError):
        epoch_borders(recipe(5, "replacement"), 0)


@given(
    size=st.integers(1, 300),
    batch=st.integers(1, 40),
    order=st.sampled_from(["shuffled", "sequential"]),
    last_batch=st.sampled_from(REMAINDERS),
)
def test_borders_are_batches_and_at_most_one_remainder(size, batch, order, last_batch):
    if batch > size:
        return
    borders = epoch_borders(recipe(batch, order, last_batch), size)
    sizes = [end - start for start, end in itertools.pairwise(borders)]
    assert borders[0] == 0
    assert sizes[:-1] == [batch] * (len(sizes) - 1)
    assert borders[-1] == (size - size % batch if last_batch == "drop" else size)
    assert {
        "keep": 0 < sizes[-1] <= batch,
        "drop": sizes[-1] == batch,
        "merge": batch <= sizes[-1] < 2 * batch,
    }[last_batch]


PIXELS = DataSpec((1, 16, 16), (0, 255), None, 1)


def scaled(
    target: tuple[float, float], dtype: torch.dtype, stored: torch.Tensor | None = None
) -> torch.Tensor:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16) if stored is None else stored
    source = PIXELS if stored is None else replace(PIXELS, value_range=(0.0, 1.0))
    feed = Feed(
        Samples(values),
        source,
        replace(PIXELS, value_range=target),
        recipe(1, "sequential"),
        0,
        torch.empty(0, dtype=dtype),
    )
    return feed.batch(0)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("target", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-3.0, 5.0)])
def test_pixels_are_scaled_to_the_networks_range(target, dtype):
    low, high = target
    x = scaled(target, dtype)
    assert x.dtype == dtype
    expected = low + (high - low) * torch.arange(256, dtype=torch.float64) / 255
    room = 1e-6 if dtype == torch.float32 else 1e-14
    torch.testing.assert_close(x.flatten().double(), expected, rtol=room, atol=room * (high - low))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("target", [(-1.0, 1.0), (0.0, 1.0)])
def test_fractions_are_scaled_to_the_networks_range(target, dtype):
    stored = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    x = scaled(target, dtype, stored)
    assert x.dtype == dtype
    low, high = target
    torch.testing.assert_close(x, (low + (high - low) * stored).to(dtype), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_unbounded_values_are_left_as_they_are(dtype):
    spec = DataSpec((2,), None, None, 1)
    stored = torch.tensor([[-1e6, 0.1]])
    feed = Feed(Samples(stored), spec, spec, recipe(1), 0, torch.empty(0, dtype=dtype))
    assert torch.equal(feed.batch(0)[0], stored.to(dtype))


def test_scaling_of_equal_ranges_is_none():
    assert scaling(PIXELS, PIXELS) == (1.0, 0.0)


def test_stored_samples_are_not_changed():
    stored = torch.arange(12, dtype=torch.uint8).view(3, 1, 2, 2)
    spec = DataSpec((1, 2, 2), (0, 255), None, 3)
    feed = Feed(
        Samples(stored),
        spec,
        replace(spec, value_range=(-1.0, 1.0)),
        recipe(1, "sequential"),
        0,
        torch.empty(0),
    )
    feed.batch(0)
    assert stored.flatten().tolist() == list(range(12))


@pytest.mark.parametrize("order", ["shuffled", "replacement"])
def test_a_batch_may_span_blocks_of_the_order(monkeypatch, order):
    whole = epoch(numbered(23, 4, order))
    monkeypatch.setattr(ganzoo.engine.feed, "BLOCK", 3)
    assert epoch(numbered(23, 4, order)) == whole


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("part", [None, slice(1, 3)])
def test_indices_say_where_the_samples_are(order, part):
    feed = numbered(11, 4, order, "merge", seed=3)
    for step in range(5):
        values, labels = feed.batch(step, part)
        indices = feed.indices(step, part)
        assert indices.tolist() == values.flatten().int().tolist()
        assert (indices % 10).tolist() == labels.tolist()
