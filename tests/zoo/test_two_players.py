"""The further two-player GANs: some steps of each against a loop that is written from its paper."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, exp, log, nn, sigmoid

from ganzoo import registry
from ganzoo.engine import state
from ganzoo.engine.resolve import look_up
from ganzoo.engine.run import Run
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec
from ganzoo.testing import draw
from ganzoo.testing._steps import play, prepare, same, weights
from ganzoo.testing.straight_line import Adam, assert_ranks_agree, seed_step

from .plain import KerasRMSprop, assert_same_course, batches, ready

DATASET = Part("standin:pictures", side=8, channels=2, classes=3, size=40)
BATCH = 4


def slopes(discriminator: nn.Module, x: Tensor, labels: Tensor | None = None) -> Tensor:
    """The length of D's gradient at each sample, with the small number that ganzoo puts under the root."""
    x = x.detach().requires_grad_(True)
    rows = [discriminator(x)[i] for i in range(len(x))]
    gradients = [torch.autograd.grad(row, x, create_graph=True)[0][i] for i, row in enumerate(rows)]
    return torch.stack([((g**2).sum() + 1e-12).sqrt() for g in gradients])


def between(real: Tensor, fake: Tensor) -> Tensor:
    share = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
    return (1 - share) * real + share * fake


def no_penalty(discriminator: nn.Module, real: Tensor, fake: Tensor) -> float:
    return 0.0


def gradient_penalty(discriminator, real, fake):
    return 10 * ((slopes(discriminator, between(real, fake)) - 1) ** 2).mean()


def divergence_penalty(discriminator, real, fake):
    return 2 * (slopes(discriminator, between(real, fake)) ** 6).mean()


def dragan_penalty(discriminator, real, fake):
    noisy = real + 0.5 * real.var(correction=0).sqrt() * torch.rand_like(real)
    return 10 * ((slopes(discriminator, noisy) - 1) ** 2).mean()


def r1_and_r2(discriminator, real, fake):
    return (slopes(discriminator, real) ** 2).mean() / 2 + (slopes(discriminator, fake) ** 2).mean() / 2


def average_d(r, f):
    return -log(sigmoid(r - f.mean())).mean() - log(1 - sigmoid(f - r.mean())).mean()


def softmax_shares(r, f):
    """-log of each sample's share of the partition function."""
    both = torch.cat((r, f))
    return -log(exp(both) / exp(both).sum())


@dataclass(frozen=True)
class Paper:
    """What a recipe's paper says: the losses on scores, the penalty, G's turn and the optimizer."""

    d_loss: Callable[[Tensor, Tensor], Tensor]
    g_loss: Callable[[Tensor, Tensor], Tensor]  # of fake and real scores
    penalty: Callable[[nn.Module, Tensor, Tensor], Tensor | float] = no_penalty
    d_turns: int = 1
    lr: tuple[float, float] = (2e-4, 2e-4)
    betas: tuple[float, float] = (0.5, 0.999)
    clip: float | None = None
    decays: bool = False
    uniform: bool = False
    pack: int = 1
    penalty_every: int = 1
    same_noise: bool = False


def log_d(r, f):
    return -log(sigmoid(r)).mean() - log(1 - sigmoid(f)).mean()


def hinge_d(r, f):
    return (1 - r).clamp(min=0).mean() + (1 + f).clamp(min=0).mean()


PAPERS = {
    "lsgan": Paper(
        lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2, lambda f, r: ((f - 1) ** 2).mean() / 2
    ),
    "wgan": Paper(
        lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean(), d_turns=5, lr=(5e-5, 5e-5), clip=0.01
    ),
    "wgan-gp": Paper(
        lambda r, f: f.mean() - r.mean(),
        lambda f, r: -f.mean(),
        gradient_penalty,
        d_turns=5,
        lr=(1e-4, 1e-4),
        betas=(0.0, 0.9),
    ),
    "wgan-div": Paper(
        lambda r, f: f.mean() - r.mean(),
        lambda f, r: -f.mean(),
        divergence_penalty,
        d_turns=5,
        betas=(0.0, 0.999),
    ),
    "dragan": Paper(log_d, lambda f, r: -log(sigmoid(f)).mean(), dragan_penalty),
    "bgan": Paper(log_d, lambda f, r: ((log(sigmoid(f)) - log(1 - sigmoid(f))) ** 2).mean() / 2),
    "softmax-gan": Paper(
        lambda r, f: softmax_shares(r, f)[: len(r)].mean(), lambda f, r: softmax_shares(r, f).mean()
    ),
    "relativistic": Paper(lambda r, f: -log(sigmoid(r - f)).mean(), lambda f, r: -log(sigmoid(f - r)).mean()),
    "relativistic-average": Paper(average_d, lambda f, r: average_d(f, r)),
    "sngan": Paper(hinge_d, lambda f, r: -f.mean(), d_turns=5, betas=(0.0, 0.9), decays=True),
    "cdcgan": Paper(log_d, lambda f, r: -log(sigmoid(f)).mean()),
    "projection-gan": Paper(hinge_d, lambda f, r: -f.mean(), d_turns=5, betas=(0.0, 0.9), decays=True),
    "sagan": Paper(hinge_d, lambda f, r: -f.mean(), lr=(4e-4, 1e-4), betas=(0.0, 0.9)),
    "r3gan": Paper(
        lambda r, f: -log(sigmoid(r - f)).mean(),
        lambda f, r: -log(sigmoid(f - r)).mean(),
        r1_and_r2,
        betas=(0.0, 0.99),
    ),
    "quick": Paper(
        lambda r, f: -log(sigmoid(r - f)).mean(),
        lambda f, r: -log(sigmoid(f - r)).mean(),
        r1_and_r2,
        lr=(2e-3, 2e-3),
        betas=(0.0, 0.99),
        penalty_every=4,
        same_noise=True,
    ),
    "pacgan": Paper(log_d, lambda f, r: -log(sigmoid(f)).mean(), uniform=True, pack=2),
}


def optimizer_of(paper: Paper, network: nn.Module, lr: float) -> Adam | KerasRMSprop:
    if paper.clip is not None:
        return KerasRMSprop(network.parameters(), lr, decay=0.99, eps=1e-8)
    return Adam(network.parameters(), lr, *paper.betas)


def straight_line(
    paper: Paper, run: Run, generator: nn.Module, discriminator: nn.Module, reals: list
) -> Iterator[dict[str, Tensor]]:
    d_optimizer = optimizer_of(paper, discriminator, paper.lr[0])
    g_optimizer = optimizer_of(paper, generator, paper.lr[1])
    knows_labels = run.is_conditional
    mixes = any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())

    def noise() -> Tensor:
        z = torch.empty(BATCH, run.recipe.latent, dtype=torch.float64)
        return z.uniform_(-1, 1) if paper.uniform else z.normal_()

    def side_by_side(x: Tensor) -> Tensor:
        groups = [x[i : i + paper.pack] for i in range(0, len(x), paper.pack)]
        return torch.stack([torch.cat(tuple(group)) for group in groups])

    for step, (real, y) in enumerate(reals):
        seed_step(step)
        given = (y,) if knows_labels else ()
        if paper.decays:
            d_optimizer.lr = paper.lr[0] * (1 - step * BATCH / run.images_before(run.total_steps))
            g_optimizer.lr = paper.lr[1] * (1 - step * BATCH / run.images_before(run.total_steps))
        z = noise()
        fake = generator(z, *given).detach()
        shown = side_by_side(real), side_by_side(fake)
        if mixes:
            r, f = (discriminator(x, *given) for x in shown)
        else:
            both = (torch.cat((y, y)),) if knows_labels else ()
            r, f = discriminator(torch.cat(shown), *both).chunk(2)
        d_loss = paper.d_loss(r, f)
        if (step + 1) % paper.penalty_every == 0:
            d_loss = d_loss + paper.penalty_every * paper.penalty(discriminator, *shown)
        d_optimizer.minimise(d_loss)
        if paper.clip is not None:
            with torch.no_grad():
                for weight in discriminator.parameters():
                    weight.copy_(weight.clamp(-paper.clip, paper.clip))
        numbers = {"d_loss": d_loss}
        if (step + 1) % paper.d_turns == 0:
            f = discriminator(side_by_side(generator(z if paper.same_noise else noise(), *given)), *given)
            sees_real = run.game.contest.g_loss_sees_real
            r = discriminator(side_by_side(real), *given) if sees_real else f
            numbers["g_loss"] = paper.g_loss(f, r)
            g_optimizer.minimise(numbers["g_loss"])
        yield numbers


def small(name: str, path, **values) -> Run:
    """A run of a recipe on little pictures with narrow networks."""
    sizes = {"generator__width": 4, "discriminator__width": 4, "batch": BATCH, "latent": 3}
    if name == "r3gan":
        sizes |= {"generator__depth": 1, "discriminator__depth": 1}
    return ready(name, path, DATASET, **sizes, **values)


@pytest.mark.parametrize("name", PAPERS)
def test_steps_equal_a_straight_line_loop(tmp_path, name):
    run, paper = small(name, tmp_path), PAPERS[name]
    generator, discriminator = deepcopy(run.game.generator), deepcopy(run.game.discriminator)
    steps = max(paper.d_turns, paper.penalty_every) + 1
    course = straight_line(paper, run, generator, discriminator, batches(run, steps))
    assert_same_course(run, course, generator, discriminator)


def test_a_wgan_s_weights_are_clipped_after_d_s_move_only(tmp_path):
    run = small("wgan", tmp_path)
    largest = max(p.abs().max().item() for p in run.game.discriminator.parameters())
    assert largest > 0.02
    run.play()
    assert all(p.abs().max() <= 0.01 for p in run.game.discriminator.parameters())
    assert max(p.abs().max().item() for p in run.game.generator.parameters()) > 0.02


ZOO = [c.name for c in registry.components("recipes") if c.is_builtin]


def narrow(name: str):
    recipe = registry.find("recipes", name).load()
    for role in ("generator", "discriminator"):
        if getattr(recipe, role).name != "gaussian":
            recipe = recipe.set(f"{role}.width", 4)
    return recipe.set("batch", 4).set("ema_half_life_images", 0.0)


def without_noise_of_the_ranks(name: str):
    """The recipe without dropout and without penalties that draw, of which each rank has noise of its own."""
    recipe = narrow(name).set("batch", 8 if name == "pacgan" else 7).set("game.g_every", 1)
    for role in ("generator", "discriminator"):
        if "dropout" in look_up(role, getattr(recipe, role)).options:
            recipe = recipe.set(f"{role}.dropout", 0.0)
    return recipe.with_part("penalty", tuple(p for p in recipe.penalty if p.name in ("r1", "r2")))


@pytest.mark.slow
def test_two_ranks_equal_one(tmp_path):
    assert_ranks_agree(tmp_path, {name: without_noise_of_the_ranks(name) for name in ZOO})


@pytest.mark.parametrize("augmentation", ["none", "adaptive"])
@pytest.mark.parametrize("name", ZOO)
def test_two_steps_and_two_more_equal_four(tmp_path, name, augmentation):
    """Through a checkpoint on the disk; spectral norms, running statistics and p are in it."""
    spec = DataSpec((1, 8, 8), (-1.0, 1.0), 3, 16)
    recipe = narrow(name)
    if augmentation != "none":
        recipe = recipe.with_part("augmentation", (Part("adaptive", start=0.5, every_steps=1, images=50),))
    for part in ("whole", "half", "rest"):
        (tmp_path / part / "checkpoints").mkdir(parents=True)
    whole, half, rest = (prepare(recipe, spec, tmp_path / part) for part in ("whole", "half", "rest"))
    expected = play(whole, 4)
    play(half, 2)
    rest.checkpoints.save(2, state.gather(half))
    state.restore(rest, rest.checkpoints.load())
    assert same(play(rest, 2), expected)
    for ours, theirs in zip(whole.game.modules.values(), rest.game.modules.values(), strict=True):
        assert same(ours.state_dict(), theirs.state_dict())
    assert not same(weights(half), expected)


PICTURES = sorted(PAPERS.keys())
SHAPES = [(1, 28, 28), (3, 32, 32), (2, 48, 48), (4, 64, 64), (1, 28, 36), (3, 7, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "name", ["lsgan", "sngan", "cdcgan", "projection-gan", "sagan", "r3gan", "pacgan", "quick"]
)
def test_pictures_of_any_size(tmp_path, name, shape):
    spec = DataSpec(shape, (0, 255), 5, 4)
    run = prepare(narrow(name).set("value_range", (0.0, 1.0)), spec, tmp_path)
    run.play()
    made = run.generate(2)
    assert made.shape == (2, *shape)
    assert 0 <= made.min() <= made.max() <= 1
    real, labels = draw(run.spec, 4)
    assert run.score(real, labels).shape == (4 // run.game.view.size,)
