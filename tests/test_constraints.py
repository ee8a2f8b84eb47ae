"""Constraints: clipped weights and spectral norms, by closed form."""

import pytest
import torch
from torch import nn

from engine.small import ready
from ganzoo.constraints import clip, spectral_norm
from ganzoo.engine.calls import mixes_samples
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec


def test_clipping_leaves_what_lies_within():
    network = nn.Linear(2, 2)
    after_move = clip(network, limit=0.5)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.25, -3.0], [0.75, -0.5]]))
        network.bias.copy_(torch.tensor([2.0, -0.1]))
    after_move()
    assert network.weight.tolist() == [[0.25, -0.5], [0.5, -0.5]]
    torch.testing.assert_close(network.bias, torch.tensor([0.5, -0.1]))


@pytest.mark.parametrize(
    ("make", "draw"),
    [
        (lambda: nn.Linear(5, 3), lambda: torch.randn(4, 5)),
        (lambda: nn.Conv2d(2, 3, 3), lambda: torch.randn(4, 2, 5, 5)),
        (lambda: nn.Embedding(4, 3), lambda: torch.arange(4)),
    ],
    ids=["linear", "convolution", "embedding"],
)
def test_the_largest_singular_value_becomes_one(make, draw):
    torch.manual_seed(0)
    layer, x = make(), draw()
    network = nn.Sequential(layer)
    with torch.no_grad():
        layer.weight.mul_(7)
    spectral_norm(network, iterations=3)
    for _ in range(100):
        network(x)
    assert torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item() == pytest.approx(1, abs=1e-5)


def test_in_inference_mode_nothing_moves():
    network = nn.Sequential(nn.Linear(3, 2))
    spectral_norm(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()(torch.randn(2, 3))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_spectral_norm_leaves_one_pass_over_both_sides():
    network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0))
    spectral_norm(network)
    assert not mixes_samples(network, DataSpec((2,), None, None, 4))


def test_weights_of_zero_have_no_norm(tmp_path):
    with pytest.raises(ValueError, match="the weights of its layer 0 start at zero"):
        spectral_norm(nn.Sequential(_zeros()))
    with pytest.raises(MisfitError, match="constraint spectral-norm cannot be used with discriminator r3gan"):
        ready(
            tmp_path,
            dataset=Part("standin:pictures"),
            generator=Part("r3gan"),
            discriminator=Part("r3gan"),
            constraint=(Part("spectral-norm"),),
        )


def _zeros() -> nn.Module:
    layer = nn.Linear(2, 2)
    nn.init.zeros_(layer.weight)
    return layer


def test_constraints_hold_in_a_run(tmp_path):
    run = ready(tmp_path, constraint=(Part("clip", limit=0.02),), penalty=(Part("r1"),))
    for _ in range(2):
        run.play()
        assert all(weight.abs().max() <= 0.02 for weight in run.game.players["discriminator"].parameters())


def test_first_weights_do_not_depend_on_a_constraint(tmp_path):
    plain, bound = ready(tmp_path), ready(tmp_path, constraint=(Part("spectral-norm"),))
    theirs = list(bound.game.players["discriminator"].parameters())
    ours = list(plain.game.players["discriminator"].parameters())
    assert sorted(p.sum().item() for p in ours) == sorted(p.sum().item() for p in theirs)
