"""The layers: TensorFlow's "same" padding pixel by pixel, its adjoint, dropout, ranges, initialisations."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.layers import (
    Dropout,
    SameConv2d,
    SameConvTranspose2d,
    glorot_uniform,
    join_labels,
    output_activation,
    xavier_normal,
)


def same_convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
    """TensorFlow's definition, number by number: ceil(size / stride) out, less padding before than after."""
    (height, width), kernel = x.shape[-2:], weight.shape[-1]

    def border(size: int) -> tuple[int, int]:
        out = math.ceil(size / stride)
        return out, max((out - 1) * stride + kernel - size, 0) // 2

    (rows, top), (columns, left) = border(height), border(width)
    y = bias.view(1, -1, 1, 1).repeat(len(x), 1, rows, columns)
    for row, column, i, j in itertools.product(range(rows), range(columns), range(kernel), range(kernel)):
        above, beside = row * stride + i - top, column * stride + j - left
        if 0 <= above < height and 0 <= beside < width:
            y[:, :, row, column] += x[:, :, above, beside] @ weight[:, :, i, j].T
    return y


CASES = [
    (size, kernel, stride)
    for size in [(4, 4), (5, 7), (6, 5), (7, 7), (1, 3)]
    for kernel, stride in [(5, 2), (5, 1), (4, 2), (3, 2), (3, 3), (2, 1), (2, 3), (1, 2), (4, 1)]
]


@pytest.mark.parametrize(("size", "kernel", "stride"), CASES)
def test_same_convolution_is_tensorflow_s(size, kernel, stride):
    torch.manual_seed(0)
    layer = SameConv2d(2, 3, kernel, stride).double()
    x = torch.randn(2, 2, *size, dtype=torch.float64)
    expected = same_convolution(x, layer.weight, layer.bias, stride)
    assert layer(x).shape == expected.shape
    torch.testing.assert_close(layer(x), expected)


def test_the_odd_pixel_of_padding_is_at_the_end():
    layer = SameConv2d(1, 1, 2, 1)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.zero_()
    x = torch.tensor([[[[1.0, 2, 3], [10, 20, 30], [100, 200, 300]]]])
    assert layer(x)[0, 0].tolist() == [[33, 55, 33], [330, 550, 330], [300, 500, 300]]


@pytest.mark.parametrize("size", [(3, 3), (4, 5), (1, 2)])
@pytest.mark.parametrize(
    ("kernel", "stride"), [(5, 2), (5, 1), (4, 2), (3, 2), (3, 3), (2, 1), (2, 3), (1, 2), (4, 1), (6, 3)]
)
def test_transposed_same_convolution_is_the_exact_adjoint(size, kernel, stride):
    """<conv x, y> = <x, transposed y> for x of stride times the size of y."""
    torch.manual_seed(0)
    conv = SameConv2d(2, 3, kernel, stride).double()
    transposed = SameConvTranspose2d(3, 2, kernel, stride).double()
    with torch.no_grad():
        transposed.weight.copy_(conv.weight)
        conv.bias.zero_()
        transposed.bias.zero_()
    x = torch.randn(2, 2, size[0] * stride, size[1] * stride, dtype=torch.float64)
    y = torch.randn(2, 3, *size, dtype=torch.float64)
    assert conv(x).shape == y.shape
    assert transposed(y).shape == x.shape
    torch.testing.assert_close((conv(x) * y).sum(), (x * transposed(y)).sum(), rtol=1e-12, atol=1e-12)


def test_transposed_same_convolution_adds_its_bias_everywhere():
    layer = SameConvTranspose2d(1, 1, 1, 3)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.fill_(7)
    assert layer(torch.ones(1, 1, 1, 1))[0, 0].tolist() == [[8, 7, 7], [7, 7, 7], [7, 7, 7]]


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(p):
    torch.manual_seed(0)
    y = Dropout(p)(torch.ones(400_000))
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert y[y != 0].unique().numel() == 1
    assert y.max().item() == pytest.approx(1 / (1 - p), rel=1e-3)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1e-6, 1e-5])
def test_dropout_of_nearly_nothing_keeps_nearly_everything(p):
    torch.manual_seed(0)
    y = Dropout(p)(torch.ones(100_000))
    assert (y == 0).float().mean() < 1e-3
    assert y.mean().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("p", [0.9999, 0.999999, 1 - 1e-12])
def test_dropout_of_nearly_everything_stays_finite(p):
    y = Dropout(p)(torch.ones(100_000))
    assert y.isfinite().all()
    assert (y == 0).float().mean() > 0.999


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3, 5), (7, 1)])
def test_dropout_takes_any_shape_and_passes_gradients_where_it_keeps(shape):
    x = torch.ones(shape, requires_grad=True)
    y = Dropout(0.5)(x)
    assert y.shape == shape
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_draws_masks_from_torch_s_generator():
    layer, masks = Dropout(0.5), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(layer(torch.ones(64)))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_dropout_elements_are_independent():
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(100_000, 4)) > 0).double()
    correlations = torch.corrcoef(kept.T) - torch.eye(4)
    assert correlations.abs().max() < 0.02
    assert torch.corrcoef(torch.stack((kept[:-1, 3], kept[1:, 0])))[0, 1].abs() < 0.02


def test_dropout_does_nothing_in_inference():
    x = torch.randn(8)
    assert torch.equal(Dropout(0.5).eval()(x), x)


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0])
def test_dropout_of_a_share_that_makes_no_sense(p):
    with pytest.raises(ValueError, match="at least 0 and less than 1"):
        Dropout(p)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_dropout_keeps_the_dtype(dtype):
    assert Dropout(0.5)(torch.ones(8, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("limits", [(-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5), (0.0, 255.0), (2.0, 3.0)])
def test_output_fills_the_range(limits):
    layer = output_activation(limits)
    y = layer(torch.tensor([-1e4, -1.0, 0.0, 1.0, 1e4]))
    assert (y.diff() > 0).all()
    assert (y[0].item(), y[-1].item()) == pytest.approx(limits)
    assert y[2].item() == pytest.approx(sum(limits) / 2)


def test_unbounded_output_is_left_alone():
    x = torch.tensor([-1e4, 0.3])
    assert torch.equal(output_activation(None)(x), x)


def test_labels_join_as_one_hot_rows():
    joined = join_labels(torch.tensor([[0.5], [0.25]]).double(), torch.tensor([2, 0]), 3)
    assert joined.tolist() == [[0.5, 0, 0, 1], [0.25, 1, 0, 0]]
    assert joined.dtype == torch.float64


def test_glorot_uniform_counts_the_kernel():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(20, 40, 5), nn.ConvTranspose2d(40, 20, 5), nn.Linear(300, 100))
    glorot_uniform(network)
    for layer, fans in zip(network, (25 * 60, 25 * 60, 400), strict=True):
        limit = math.sqrt(6 / fans)
        assert 0.99 * limit < layer.weight.abs().max() <= limit
        assert (layer.bias == 0).all()


def test_glorot_uniform_without_biases():
    glorot_uniform(nn.Conv2d(1, 1, 3, bias=False))


def test_xavier_normal_leaves_other_layers_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(400, 600), nn.BatchNorm1d(600))
    xavier_normal(network, (0.1, 0.2))
    assert network[0].weight.std().item() == pytest.approx(math.sqrt(2 / 1000), rel=0.01)
    assert 0.1 <= network[0].bias.min() < network[0].bias.max() <= 0.2
    assert (network[1].weight == 1).all()


def test_xavier_normal_without_biases():
    xavier_normal(nn.Linear(3, 3, bias=False), (0.1, 0.2))
