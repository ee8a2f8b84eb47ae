"""PacGAN's networks for mixtures of Gaussians, against the paper's words (arXiv:1712.04086, section 4.1)."""

import pytest
import torch
from torch import nn

from ganzoo.spec import DataSpec
from ganzoo.zoo.pacgan import Discriminator, Generator

PLANE = DataSpec((2,), None, 25, 100)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_sizes_are_the_paper_s():
    """Four layers of 400 without bias, with batch norm, and out; three of 200 units of 5 pieces, and out."""
    assert count(Generator(PLANE, 2)) == 2 * 400 + 3 * 400**2 + 4 * 2 * 400 + 400 * 2 + 2
    assert count(Discriminator(PLANE)) == 1000 * 3 + 2 * (1000 * 201) + 201
    packed = DataSpec((8,), None, 25, 25)
    assert count(Discriminator(packed)) == count(Discriminator(PLANE)) + 6 * 1000  # "only the input grows"


def test_a_unit_is_the_largest_of_its_pieces():
    judge, x = Discriminator(PLANE, width=3, depth=1, pieces=4).double(), torch.randn(5, 2).double()
    hidden, score = judge.layers
    for row in range(5):
        linear = hidden.linear.weight @ x[row] + hidden.linear.bias  # 4 pieces of 3 units
        units = [max(linear[piece * 3 + unit] for piece in range(4)) for unit in range(3)]
        expected = score.weight[0] @ torch.stack(units) + score.bias[0]
        torch.testing.assert_close(judge(x)[row], expected)


@pytest.mark.parametrize("network", [Generator(PLANE, 2), Discriminator(PLANE)], ids=["G", "D"])
def test_weights_begin_normal_and_small(network):
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            if layer.weight.numel() > 10_000:
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert layer.bias is None or (layer.bias == 0).all()


def test_samples_have_any_shape():
    spec = DataSpec((3, 4, 5), (0.0, 1.0), None, 9)
    made = Generator(spec, 7, width=6)(torch.randn(4, 7))
    assert made.shape == (4, 3, 4, 5)
    assert 0 < made.min() < made.max() < 1
    assert Discriminator(spec, width=6)(made).shape == (4,)
