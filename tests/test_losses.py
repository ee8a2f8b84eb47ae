"""The losses: values and gradients against formulas written on probabilities, and finite at any score."""

import pytest
import torch
from torch import Tensor, log

from ganzoo import losses

REAL = torch.tensor([1.3, -0.4, 0.2, 2.5, -1.7], dtype=torch.float64)
FAKE = torch.tensor([-0.9, 0.6, -2.1, 0.1, 1.4], dtype=torch.float64)


def p(scores: Tensor) -> Tensor:
    """The probability of "real"."""
    return 1 / (1 + torch.exp(-scores))


def cross_entropy(scores: Tensor, target: float) -> Tensor:
    return -(target * log(p(scores)) + (1 - target) * log(1 - p(scores))).mean()


def both(d: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    return d, g


# Each: a loss, and the page's or the paper's formula for D's and G's loss.
CLOSED_FORMS = {
    "paper": (
        losses.Paper(),
        lambda r, f: both((-log(p(r)) - log(1 - p(f))).mean(), -log(p(f)).mean()),
    ),
    "paper saturating": (
        losses.Paper(form="saturating"),
        lambda r, f: both((-log(p(r)) - log(1 - p(f))).mean(), log(1 - p(f)).mean()),
    ),
    "paper average": (
        losses.Paper(average=True),
        lambda r, f: both(torch.cat((-log(p(r)), -log(1 - p(f)))).mean(), -log(p(f)).mean()),
    ),
    "bce": (
        losses.BCE(),
        lambda r, f: both(cross_entropy(r, 1) + cross_entropy(f, 0), cross_entropy(f, 1)),
    ),
    "bce average": (
        losses.BCE(average=True),
        lambda r, f: both((cross_entropy(r, 1) + cross_entropy(f, 0)) / 2, cross_entropy(f, 1)),
    ),
    "smoothed": (
        losses.SmoothedBCE(),
        lambda r, f: both((cross_entropy(r, 0.9) + cross_entropy(f, 0.1)) / 2, cross_entropy(f, 0.9)),
    ),
    "smoothed sum": (
        losses.SmoothedBCE(real_target=0.7, fake_target=0.2, generator_target=0.6, average=False),
        lambda r, f: both(cross_entropy(r, 0.7) + cross_entropy(f, 0.2), cross_entropy(f, 0.6)),
    ),
    "boundary-seeking": (
        losses.BoundarySeeking(),
        lambda r, f: both(
            (-log(p(r)) - log(1 - p(f))).mean(), 0.5 * ((log(p(f)) - log(1 - p(f))) ** 2).mean()
        ),
    ),
    "softmax": (
        losses.Softmax(),
        lambda r, f: both(
            -log(torch.cat((r, f)).softmax(0))[: len(r)].mean(), -log(torch.cat((r, f)).softmax(0)).mean()
        ),
    ),
    "hinge": (
        losses.Hinge(),
        lambda r, f: both(
            torch.where(r < 1, 1 - r, 0 * r).mean() + torch.where(f > -1, 1 + f, 0 * f).mean(), -f.mean()
        ),
    ),
    "least squares": (
        losses.LeastSquares(),
        lambda r, f: both(((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2, ((f - 1) ** 2).mean() / 2),
    ),
    "least squares -1, 1, 0": (
        losses.LeastSquares(fake_label=-1, real_label=1, generator_label=0),
        lambda r, f: both(((r - 1) ** 2).mean() / 2 + ((f + 1) ** 2).mean() / 2, (f**2).mean() / 2),
    ),
    "wasserstein": (losses.Wasserstein(), lambda r, f: both(f.mean() - r.mean(), -f.mean())),
    "relativistic pairs": (
        losses.Relativistic(),
        lambda r, f: both(-log(p(r - f)).mean(), -log(p(f - r)).mean()),
    ),
    "relativistic average": (
        losses.Relativistic(form="average"),
        lambda r, f: both(
            -log(p(r - f.mean())).mean() - log(1 - p(f - r.mean())).mean(),
            -log(p(f - r.mean())).mean() - log(1 - p(r - f.mean())).mean(),
        ),
    ),
}


def evaluate(loss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """D's and G's loss, whether or not G's looks at real scores."""
    if isinstance(loss, losses.Relativistic | losses.Softmax):
        return loss.discriminator(real, fake), loss.generator(fake, real)
    return loss.discriminator(real, fake), loss.generator(fake)


def leaves(*tensors: Tensor) -> list[Tensor]:
    return [tensor.clone().requires_grad_() for tensor in tensors]


def gradients(value: Tensor, *inputs: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


@pytest.mark.parametrize("player", [0, 1], ids=["discriminator", "generator"])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_value_and_gradient_are_those_of_the_formula(name, player):
    loss, formula = CLOSED_FORMS[name]
    real, fake = leaves(REAL, FAKE)
    ours, theirs = evaluate(loss, real, fake)[player], formula(real, fake)[player]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    for a, b in zip(gradients(ours, real, fake), gradients(theirs, real, fake), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("player", [0, 1], ids=["discriminator", "generator"])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_gradient_agrees_with_finite_differences(name, player):
    loss, _ = CLOSED_FORMS[name]
    assert torch.autograd.gradcheck(lambda r, f: evaluate(loss, r, f)[player], leaves(REAL, FAKE))


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_paper_and_bce_agree_in_value_and_gradient(scale, average):
    real, fake = leaves(scale * REAL, scale * FAKE)
    pairs = zip(
        evaluate(losses.Paper(average=average), real, fake),
        evaluate(losses.BCE(average=average), real, fake),
        strict=True,
    )
    for paper, bce in pairs:
        torch.testing.assert_close(paper, bce, rtol=1e-13, atol=1e-13)
        for a, b in zip(gradients(paper, real, fake), gradients(bce, real, fake), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_patch_scores_count_like_samples(name):
    """Scores (N, patches) of one value in each row give what (N,) gives."""
    loss, _ = CLOSED_FORMS[name]
    real, fake = REAL[:, None].expand(5, 3), FAKE[:, None].expand(5, 3)
    for patches, plain in zip(evaluate(loss, real, fake), evaluate(loss, REAL, FAKE), strict=True):
        assert patches.dim() == 0
        torch.testing.assert_close(patches, plain, rtol=1e-12, atol=1e-12)


def test_relativistic_average_compares_each_patch_with_its_own_mean():
    real, fake = torch.stack((REAL, 3 * REAL), 1), torch.stack((FAKE, 3 * FAKE), 1)
    loss, formula = CLOSED_FORMS["relativistic average"]
    expected = (formula(REAL, FAKE)[0] + formula(3 * REAL, 3 * FAKE)[0]) / 2
    torch.testing.assert_close(loss.discriminator(real, fake), expected, rtol=1e-12, atol=1e-12)


DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])


@DTYPES
@pytest.mark.parametrize("real_score", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("fake_score", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_value_and_gradient_are_finite_at_huge_scores(name, real_score, fake_score, dtype):
    real, fake = leaves(torch.full((4,), real_score, dtype=dtype), torch.full((4,), fake_score, dtype=dtype))
    for value in evaluate(CLOSED_FORMS[name][0], real, fake):
        assert value.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients(value, real, fake))


# The slope of a player's loss at scores of -1e4 and of +1e4, by theory, times the number of scores.
SLOPES = [
    ("paper", "d_real", -1, 0),
    ("paper", "d_fake", 0, 1),
    ("paper", "g_fake", -1, 0),
    ("paper saturating", "g_fake", 0, -1),
    ("bce", "d_real", -1, 0),
    ("bce", "d_fake", 0, 1),
    ("bce", "g_fake", -1, 0),
    ("smoothed", "d_real", -0.45, 0.05),
    ("smoothed", "d_fake", -0.05, 0.45),
    ("smoothed", "g_fake", -0.9, 0.1),
    ("hinge", "d_real", -1, 0),
    ("hinge", "d_fake", 0, 1),
    ("hinge", "g_fake", -1, -1),
    ("least squares", "d_real", -10001, 9999),
    ("least squares", "d_fake", -10000, 10000),
    ("least squares", "g_fake", -10001, 9999),
    ("wasserstein", "d_real", -1, -1),
    ("wasserstein", "d_fake", 1, 1),
    ("wasserstein", "g_fake", -1, -1),
    ("relativistic pairs", "d_real", -1, 0),
    ("relativistic pairs", "d_fake", 0, 1),
    ("relativistic pairs", "g_fake", -1, 0),
    ("relativistic average", "d_real", -2, 0),
    ("relativistic average", "d_fake", 0, 2),
    ("relativistic average", "g_fake", -2, 0),
    ("boundary-seeking", "g_fake", -10000, 10000),
    ("softmax", "d_fake", 0, 1),
    ("softmax", "g_fake", -0.5, 0.5),
]


@DTYPES
@pytest.mark.parametrize(("name", "where", "at_minus", "at_plus"), SLOPES)
def test_slope_at_huge_scores_is_the_theory_s(name, where, at_minus, at_plus, dtype):
    for score, expected in ((-1e4, at_minus), (1e4, at_plus)):
        side = torch.full((4,), score, dtype=dtype, requires_grad=True)
        other = torch.zeros(4, dtype=dtype)
        loss = CLOSED_FORMS[name][0]
        if where == "g_fake":
            value = evaluate(loss, other, side)[1]
        else:
            value = evaluate(loss, *((side, other) if where == "d_real" else (other, side)))[0]
        found = 4 * gradients(value, side)[0].float()
        torch.testing.assert_close(found, torch.full((4,), float(expected)), rtol=2e-2, atol=1e-6)


@pytest.mark.parametrize("name", ["paper", "bce", "smoothed", "boundary-seeking"])
def test_scores_are_log_odds(name):
    assert CLOSED_FORMS[name][0].probability is True


@pytest.mark.parametrize("name", ["hinge", "least squares", "wasserstein", "relativistic pairs", "softmax"])
def test_scores_are_no_log_odds(name):
    assert CLOSED_FORMS[name][0].probability is False


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_dtype_is_kept(name, dtype):
    for value in evaluate(CLOSED_FORMS[name][0], REAL.to(dtype), FAKE.to(dtype)):
        assert value.dtype == dtype
