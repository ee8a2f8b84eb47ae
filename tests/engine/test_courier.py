"""Data that a GPU cannot hold: a batch is brought while the one before it is computed with.

The GPU is a stand-in: its memory is that of the processor, its lanes and copies are noted in their order.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from engine.small import ready, weights
from engine.test_feed import ORDERS, numbered
from ganzoo.datasets.base import Samples
from ganzoo.engine import courier, feed
from ganzoo.engine.courier import Courier, fits

CPU = torch.device("cpu")


class Lanes:
    """What torch.cuda is asked for here."""

    def __init__(self):
        self.log, self.inside = [], None
        self.computing = Lane(self, "computing")

    def Stream(self, device):
        return Lane(self, "lane")

    def current_stream(self, device):
        return self.computing

    @contextmanager
    def stream(self, lane):
        self.inside = lane.name
        yield
        self.inside = None


class Lane:
    def __init__(self, lanes, name):
        self.lanes, self.name = lanes, name

    def wait_stream(self, other):
        self.lanes.log.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def lanes(monkeypatch):
    """A stand-in GPU that can hold no data."""
    made = Lanes()

    def send(tensor, device):
        made.log.append(f"{made.inside} brings {len(tensor)}")
        return tensor.clone()

    monkeypatch.setattr(courier, "cuda", made)
    monkeypatch.setattr(courier, "send", send)
    monkeypatch.setattr(feed, "fits", lambda samples, device: False)
    return made


@pytest.mark.parametrize("last_batch", ["keep", "drop", "merge"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("part", [None, slice(1, 3)])
def test_what_is_brought_is_what_would_have_been_there(lanes, monkeypatch, order, last_batch, part):
    """Over several epochs, in order, and after a leap to another step."""
    brought = numbered(23, 4, order, last_batch)
    assert isinstance(brought.courier, Courier)
    monkeypatch.setattr(feed, "fits", lambda samples, device: True)
    there = numbered(23, 4, order, last_batch)
    assert there.courier is None
    for step in [*range(15), 40, 41, 3, 4]:
        for mine, other in zip(brought.batch(step, part), there.batch(step, part), strict=True):
            assert torch.equal(mine, other)
        assert torch.equal(brought.indices(step, part), there.indices(step, part))


def test_each_batch_sets_out_a_step_before_it_is_needed(lanes):
    bringing = numbered(23, 4, "shuffled")
    bringing.batch(0)
    arrives = ["computing waits for lane", "lane waits for computing"]
    assert lanes.log == ["lane brings 4", "lane brings 4", *arrives, "lane brings 4", "lane brings 4"]
    for step in range(1, 13):  # the last batch of an epoch has three; nothing is different at its end
        lanes.log.clear()
        bringing.batch(step)
        size = 3 if (step + 1) % 6 == 5 else 4
        assert lanes.log == [*arrives, f"lane brings {size}", f"lane brings {size}"]


def test_a_run_learns_the_same(lanes, monkeypatch, tmp_path):
    runs = [ready(tmp_path / name, record_every_steps=2) for name in ("brought", "there")]
    for run in runs:
        run.directory.mkdir()
    assert runs[0].feed.courier is not None
    monkeypatch.setattr(feed, "fits", lambda samples, device: True)
    assert runs[1].feed.courier is None
    for run in runs:
        for _ in range(6):
            run.play()
    brought, there = map(weights, runs)
    assert all(torch.equal(brought[name], value) for name, value in there.items())


@pytest.mark.parametrize(("free", "held"), [(2 * 2**20, True), (2 * 2**20 - 1, False)])
def test_data_may_take_half_of_what_is_free(monkeypatch, free, held):
    samples = Samples(torch.zeros(2**20 - 2**13, dtype=torch.uint8).view(1024, -1), torch.zeros(1024).long())
    assert samples.values.nbytes + samples.labels.nbytes == 2**20
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * 2**30))
    assert fits(samples, torch.device("cuda", 0)) is held
    assert fits(replace(samples), CPU)


def test_only_what_goes_to_a_gpu_is_pinned(monkeypatch):
    def refuse(tensor):
        raise AssertionError("pinned")

    monkeypatch.setattr(courier, "pinned", refuse)
    x = torch.ones(3)
    assert courier.send(x, CPU) is x
    assert courier.send(x, torch.device("meta")).is_meta
    with pytest.raises(AssertionError, match="pinned"):
        courier.send(x, torch.device("cuda", 0))
