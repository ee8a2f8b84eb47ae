"""The averaged generator: its closed form, in images."""

import pytest
import torch
from torch import nn

from ganzoo.engine.ema import Average


def network(value: float) -> nn.Module:
    made = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)).double()
    set_weight(made, value)
    return made


def set_weight(made: nn.Module, value: float) -> None:
    with torch.no_grad():
        made[0].weight.fill_(value)


def test_closed_form():
    followed = network(1.0)
    average, expected = Average(followed, half_life_images=50), 1.0
    for value, images in ((3.0, 10), (-2.0, 64), (5.0, 1), (0.5, 1000)):
        set_weight(followed, value)
        average.update(images)
        kept = 0.5 ** (images / 50)
        expected = kept * expected + (1 - kept) * value
        assert average.network[0].weight.item() == pytest.approx(expected, rel=1e-13)


def test_an_older_weight_counts_half_after_the_half_life():
    followed = network(0.0)
    average = Average(followed, half_life_images=96)
    set_weight(followed, 8.0)
    for _ in range(3):
        average.update(32)
    assert average.network[0].weight.item() == pytest.approx(4.0)


@pytest.mark.parametrize("batch", [1, 8, 32, 96])
def test_the_batch_moves_nothing(batch):
    followed = network(0.0)
    average = Average(followed, half_life_images=200)
    set_weight(followed, 1.0)
    for _ in range(96 // batch):
        average.update(batch)
    assert average.network[0].weight.item() == pytest.approx(1 - 0.5 ** (96 / 200))


def test_buffers_are_copied():
    followed = network(0.0)
    average = Average(followed, half_life_images=1e9)
    followed.train()(torch.tensor([[1.0], [5.0]]).double())
    average.update(2)
    for mine, theirs in zip(average.network.buffers(), followed.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_it_is_a_copy_that_does_not_learn():
    followed = network(1.0)
    average = Average(followed, half_life_images=10)
    set_weight(followed, 2.0)
    assert average.network[0].weight.item() == 1.0
    assert not any(p.requires_grad for p in average.network.parameters())
    assert all(p.requires_grad for p in followed.parameters())
    assert not average.network.training
    assert followed.training
