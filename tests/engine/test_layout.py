"""Channels last in memory: the same training, and the same checkpoints."""

import pytest
import torch
from torch import nn

import ganzoo
from ganzoo.engine import directory, layout
from ganzoo.engine.build import choose_device
from ganzoo.errors import UsageError
from ganzoo.recipe import Part

from .small import ready, weights


def prepare(tmp_path, name, *, last: bool, monkeypatch, **changes):
    """A run of a recipe of convolutions on small colour pictures, with this order of memory."""
    order = torch.channels_last if last else torch.contiguous_format
    monkeypatch.setattr(layout, "LAYOUT", order)
    parts = {role: Part(name, width=8) for role in ("generator", "discriminator")}
    data = Part("standin:pictures", side=32, classes=3)
    return ready(
        tmp_path, precision="float64", dataset=data, **{**parts, "ema_half_life_images": 50.0, **changes}
    )


def is_last(tensor):
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
@pytest.mark.parametrize("penalty", [(), (Part("r1"),)])
def test_training_is_the_same_in_both_orders(tmp_path, monkeypatch, optimizer, penalty):
    changes = {"d_optimizer": Part(optimizer), "g_optimizer": Part(optimizer), "penalty": penalty}
    runs = [
        prepare(tmp_path, "dcgan", last=last, monkeypatch=monkeypatch, **changes) for last in (False, True)
    ]
    for run in runs:
        for _ in range(3):
            run.play()
    plain, turned = map(weights, runs)
    assert any(map(is_last, turned.values()))
    assert not any(map(is_last, plain.values()))
    for name, value in plain.items():
        torch.testing.assert_close(turned[name], value, rtol=1e-7, atol=1e-9)


def test_checkpoints_do_not_know_the_order(tmp_path, monkeypatch):
    """Written with one and read with either, weights and optimizers' memories are equal to the bit."""
    last = prepare(tmp_path / "run", "dcgan", last=True, monkeypatch=monkeypatch)
    directory.create(last.directory, "dcgan", last.recipe, last.settings.to_table(), {})
    last.play()
    last.save()
    for order in (False, True):
        other = prepare(tmp_path / "run", "dcgan", last=order, monkeypatch=monkeypatch)
        other.go_on()
        for name, value in weights(last).items():
            assert torch.equal(value, weights(other)[name]), name
        for mine, theirs in zip(last.game.turns, other.game.turns, strict=True):
            for before, after in zip(mine.parameters, theirs.parameters, strict=True):
                for key, value in mine.optimizer.state[before].items():
                    kept = theirs.optimizer.state[after][key]
                    assert torch.equal(kept, value)
                    assert value.dim() == 0 or kept.stride() == after.stride()


def test_a_run_goes_on_to_the_bit(tmp_path, monkeypatch):
    whole = prepare(tmp_path / "whole", "dcgan", last=True, monkeypatch=monkeypatch)
    for _ in range(4):
        whole.play()
    half = prepare(tmp_path / "half", "dcgan", last=True, monkeypatch=monkeypatch)
    directory.create(half.directory, "dcgan", half.recipe, half.settings.to_table(), {})
    half.play()
    half.play()
    half.save()
    rest = prepare(tmp_path / "half", "dcgan", last=True, monkeypatch=monkeypatch)
    rest.go_on()
    rest.play()
    rest.play()
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(rest)[name]), name
    rest.save_generator()
    kept = ganzoo.load(half.directory).network.state_dict()
    average = rest.average.network.state_dict()
    assert all(torch.equal(kept[name], value.to(kept[name].dtype)) for name, value in average.items())


def test_only_tensors_of_four_dimensions_are_turned():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(2, 2, 3), nn.Linear(2, 2))
    names = list(network.state_dict())
    layout.lay_out(network)
    assert [is_last(p) for p in network.parameters() if p.dim() > 1] == [True, False, False]
    assert list(network.state_dict()) == names


@pytest.fixture
def gpu(monkeypatch):
    """torch says that there is a GPU; its settings are put back afterwards."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    for name in ("benchmark", "deterministic", "allow_tf32"):
        monkeypatch.setattr(torch.backends.cudnn, name, getattr(torch.backends.cudnn, name))
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("precision", "rounds"), [("float32", False), ("tf32", True), ("bfloat16", False)])
def test_float32_is_float32_unless_tf32_is_asked_for(gpu, precision, rounds):
    assert choose_device("auto", precision) == torch.device("cuda", 0)
    assert torch.backends.cudnn.allow_tf32 is rounds
    assert torch.backends.cuda.matmul.allow_tf32 is rounds
    assert torch.backends.cudnn.deterministic


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_tf32_needs_a_gpu(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        UsageError, match="tf32 is a way of GPUs and this run is on the processor. Use --prec"
    ):
        choose_device(device, "tf32")
