"""The penalties: closed forms, gradients by finite differences, patches and labels."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.penalties import dragan, r1, r2, wgan_div, wgan_gp

PENALTIES = {"r1": r1, "r2": r2, "wgan-gp": wgan_gp, "dragan": dragan, "wgan-div": wgan_div}
SHAPES = pytest.mark.parametrize("shape", [(5,), (1, 3, 3), (3, 4, 2)], ids=["vector", "grey", "colour"])


def draw(shape: tuple[int, ...], count: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    real, fake = torch.randn(2, count, *shape, generator=source, dtype=torch.float64)
    return real, fake


def linear(shape: tuple[int, ...]) -> tuple[Tensor, object]:
    """A discriminator w . x + 3, and w."""
    w = torch.randn(shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64).requires_grad_()
    return w, lambda x, labels: (x * w).flatten(1).sum(1) + 3


def parabola(x: Tensor, labels: Tensor | None) -> Tensor:
    """A discriminator whose gradient at x is x."""
    return x.flatten(1).square().sum(1) / 2


@SHAPES
@pytest.mark.parametrize(
    ("name", "options", "formula"),
    [
        ("r1", {}, lambda norm: 5 * norm**2),
        ("r1", {"gamma": 0.3}, lambda norm: 0.15 * norm**2),
        ("r2", {}, lambda norm: 5 * norm**2),
        ("r2", {"gamma": 0.3}, lambda norm: 0.15 * norm**2),
        ("wgan-gp", {}, lambda norm: 10 * (norm - 1) ** 2),
        ("wgan-gp", {"weight": 0.5}, lambda norm: 0.5 * (norm - 1) ** 2),
        ("dragan", {}, lambda norm: 10 * (norm - 1) ** 2),
        ("dragan", {"weight": 2.0, "spread": 3.0}, lambda norm: 2 * (norm - 1) ** 2),
        ("wgan-div", {}, lambda norm: 2 * norm**6),
        ("wgan-div", {"k": 3.0, "p": 4.0, "points": "ends"}, lambda norm: 3 * norm**4),
    ],
)
def test_closed_form_for_a_linear_discriminator(name, options, formula, shape):
    w, discriminator = linear(shape)
    value = PENALTIES[name](discriminator, *draw(shape), None, **options)
    assert value.dim() == 0
    expected = formula(w.norm())
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)
    (ours,), (theirs,) = torch.autograd.grad(value, w), torch.autograd.grad(expected, w)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@SHAPES
def test_r1_looks_at_real_and_r2_at_fake(shape):
    real, fake = draw(shape)
    torch.testing.assert_close(r1(parabola, real, fake, None), 5 * real.flatten(1).square().sum(1).mean())
    torch.testing.assert_close(r2(parabola, real, fake, None), 5 * fake.flatten(1).square().sum(1).mean())


@SHAPES
def test_wgan_gp_looks_between_with_one_share_a_sample(shape):
    real, fake = draw(shape)
    torch.manual_seed(4)
    value = wgan_gp(parabola, real, fake, None)
    torch.manual_seed(4)
    share = torch.rand(4, dtype=torch.float64)
    norms = torch.stack([(real[i] + share[i] * (fake[i] - real[i])).norm() for i in range(4)])
    torch.testing.assert_close(value, 10 * ((norms - 1) ** 2).mean())


@SHAPES
def test_wgan_div_looks_between_or_at_both_ends(shape):
    real, fake = draw(shape)
    torch.manual_seed(4)
    value = wgan_div(parabola, real, fake, None, k=1.0, p=3.0)
    torch.manual_seed(4)
    share = torch.rand(4, dtype=torch.float64)
    norms = torch.stack([(real[i] + share[i] * (fake[i] - real[i])).norm() for i in range(4)])
    torch.testing.assert_close(value, (norms**3).mean())
    ends = torch.cat((real, fake)).flatten(1).norm(dim=1)
    torch.testing.assert_close(
        wgan_div(parabola, real, fake, None, p=2.0, points="ends"), 2 * (ends**2).mean()
    )


@SHAPES
def test_dragan_looks_near_real(shape):
    real, fake = draw(shape)
    torch.manual_seed(4)
    value = dragan(parabola, real, fake, None, spread=0.25)
    torch.manual_seed(4)
    noise = 0.25 * real.var(correction=0).sqrt() * torch.rand(4, *shape, dtype=torch.float64)
    norms = (real + noise).flatten(1).norm(dim=1)
    torch.testing.assert_close(value, 10 * ((norms - 1) ** 2).mean())
    torch.manual_seed(4)
    assert torch.equal(value, dragan(parabola, real, 100 * fake, None, spread=0.25))


@pytest.mark.parametrize("name", PENALTIES)
def test_one_sample_of_one_number_is_enough(name):
    real, fake = draw((1,), count=1)
    assert PENALTIES[name](parabola, real, fake, None).isfinite()


@SHAPES
@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_with_respect_to_the_weights_agrees_with_finite_differences(name, shape):
    real, fake = draw(shape, count=3)
    source = torch.Generator().manual_seed(2)
    first = torch.randn(math.prod(shape), 4, generator=source, dtype=torch.float64).requires_grad_()
    second = torch.randn(4, generator=source, dtype=torch.float64).requires_grad_()

    def penalty(first: Tensor, second: Tensor) -> Tensor:
        torch.manual_seed(1)
        return PENALTIES[name](lambda x, _: (x.flatten(1) @ first).tanh() @ second, real, fake, None)

    assert torch.autograd.gradcheck(penalty, (first, second))


@pytest.mark.parametrize("name", PENALTIES)
def test_patches_add_up(name):
    """Scores (N, patches) are penalised as their sum over the patches would be."""
    real, fake = draw((6,))
    w = torch.randn(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    torch.manual_seed(0)
    patches = PENALTIES[name](lambda x, _: (x @ w).tanh(), real, fake, None)
    torch.manual_seed(0)
    plain = PENALTIES[name](lambda x, _: (x @ w).tanh().sum(1), real, fake, None)
    torch.testing.assert_close(patches, plain)


@pytest.mark.parametrize("name", PENALTIES)
def test_labels_reach_the_discriminator(name):
    real, fake = draw((6,))
    weights = torch.stack((torch.zeros(6), torch.ones(6))).double()
    discriminator = lambda x, labels: (x * weights[labels]).sum(1)  # noqa: E731
    value = PENALTIES[name](discriminator, real, fake, torch.tensor([0, 1, 1, 1]))
    norms = torch.tensor([0.0, 6, 6, 6], dtype=torch.float64).sqrt()
    formulas = {"r1": 5 * norms**2, "r2": 5 * norms**2, "wgan-div": 2 * norms**6}
    expected = formulas.get(name, 10 * (norms - 1) ** 2).mean()
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["wgan-gp", "dragan"])
def test_a_constant_discriminator_gives_no_nan(name):
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    value = PENALTIES[name](lambda x, _: x @ w, *draw((6,)), None)
    (gradient,) = torch.autograd.grad(value, w)
    assert value.item() == pytest.approx(10, abs=1e-4)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", PENALTIES)
def test_nothing_but_the_value_is_left_behind(name):
    real, fake = draw((6,))
    before = real.clone(), fake.clone()
    network = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    PENALTIES[name](lambda x, _: network(x).squeeze(1), real, fake, None)
    assert torch.equal(real, before[0])
    assert torch.equal(fake, before[1])
    assert not real.requires_grad
    assert not fake.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
