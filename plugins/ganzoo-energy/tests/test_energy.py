"""EBGAN and BEGAN against straight-line loops, closed forms and themselves after a checkpoint."""

import math
from pathlib import Path

import pytest
import torch
from ganzoo_energy.began import Equilibrium
from ganzoo_energy.ebgan import Margin, pull_away
from ganzoo_energy.energy import energy
from torch import Tensor, nn

from ganzoo.engine import directory, state
from ganzoo.engine.run import Run
from ganzoo.errors import MisfitError
from ganzoo.recipe import Recipe
from ganzoo.testing import contract, contract_of
from ganzoo.testing.straight_line import (
    PICTURES,
    Adam,
    assert_numbers,
    assert_ranks_agree,
    beside,
    seed_step,
    small,
)
from ganzoo.testing.straight_line import ready as begin


@pytest.mark.parametrize(*contract_of("ganzoo-energy"))
def test_contract(kind, name, check):
    contract(kind, name, check)


def ready(recipe: Recipe, folder: Path) -> Run:
    return begin(recipe, PICTURES, folder)


def squared(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Energies and codes, layer by layer."""
    codes = network.encode(network.down(x).flatten(1))
    rebuilt = network.up(network.decode(codes).view(-1, *network.start))
    return ((rebuilt[..., :8, :8] - x) ** 2).mean((1, 2, 3)), codes


@pytest.mark.parametrize("script", [False, True])
def test_two_steps_of_ebgan_equal_a_straight_line_loop(tmp_path, script):
    changes = {"discriminator__target": "fixed", "loss__hinge": "batch", "game__power": 1} if script else {}
    sizes = {"generator__width": 2, "discriminator__width": 2, "discriminator__codes": 3}
    run = ready(small("ebgan", **sizes, **changes, loss__margin=0.7), tmp_path)
    with beside(run) as copies:
        g, d = copies["generator"], copies["discriminator"]
        d_adam, g_adam = Adam(d.parameters(), 1e-3, 0.5, 0.999), Adam(g.parameters(), 1e-3, 0.5, 0.999)
        for step in range(2):
            real, _ = run.feed.batch(step)
            seed_step(step)
            fake = g(torch.randn(6, 5, dtype=torch.float64)).detach()
            e_real, e_fake = squared(d, real)[0], squared(d, fake)[0]
            hinge = (0.7 - e_fake.mean() if script else 0.7 - e_fake).clamp(min=0).mean()
            d_loss = e_real.mean() + hinge
            d_adam.minimise(d_loss)

            fake = g(torch.randn(6, 5, dtype=torch.float64))
            e_fake, codes = squared(d, fake)
            if script:
                rebuilt = d.up(d.decode(codes).view(-1, *d.start))[..., :8, :8]
                e_fake = ((rebuilt - fake.detach()) ** 2).mean((1, 2, 3))
            cosines = [
                (codes[i] @ codes[j] / (codes[i].norm() * codes[j].norm())) ** (1 if script else 2)
                for i in range(6)
                for j in range(6)
                if i != j
            ]
            pull = torch.stack(cosines).sum() / 30
            g_loss = e_fake.mean() + 0.1 * pull
            g_adam.minimise(g_loss)
            run.play()
            numbers = {"d_loss": d_loss, "g_loss": g_loss, "pull_away": pull, "real_score": -e_real.mean()}
            assert_numbers(run, numbers)


@pytest.mark.parametrize("follow", ["generator", "discriminator"])
def test_two_steps_of_began_equal_a_straight_line_loop(tmp_path, follow):
    sizes = {"generator__width": 2, "discriminator__width": 2, "discriminator__codes": 3}
    # k begins at 0 and would stay there for two steps: a large step lets it move.
    changes = {"loss__follow": follow, "loss__k_lr": 0.5, "loss__gamma": 1.0, "value_range": (0.0, 0.1)}
    run = ready(small("began", **sizes, **changes), tmp_path)
    run.game.modules["loss"].k.fill_(0.3)
    k = torch.tensor(0.3, dtype=torch.float64)
    with beside(run) as copies:
        g, d = copies["generator"], copies["discriminator"]

        def energies(x: Tensor) -> Tensor:
            return (d.decode(d.encode(x)) - x).abs().mean((1, 2, 3)).mean()

        d_adam, g_adam = Adam(d.parameters(), 1e-4, 0.5, 0.999), Adam(g.parameters(), 1e-4, 0.5, 0.999)
        for step in range(2):
            real, _ = run.feed.batch(step)
            seed_step(step)
            noise = torch.empty(6, 5, dtype=torch.float64)
            e_real, e_fake = energies(real), energies(g(noise.uniform_(-1, 1)).detach())
            d_loss = e_real - k * e_fake
            d_adam.minimise(d_loss)
            g_loss = energies(g(noise.uniform_(-1, 1)))
            g_adam.minimise(g_loss)
            followed = g_loss if follow == "generator" else e_fake
            k = (k + 0.5 * (e_real.detach() - followed.detach())).clamp(0, 1)
            run.play()
            m = e_real + (e_real - e_fake).abs()
            assert_numbers(run, {"d_loss": d_loss, "g_loss": g_loss, "k": k, "convergence": m})
    assert 0 < k < 1
    assert k != 0.3


def test_k_goes_on_after_a_checkpoint(tmp_path):
    recipe = small("began", generator__width=2, discriminator__width=2, loss__k_lr=0.1)
    run, again = (ready(recipe, tmp_path / "run") for _ in range(2))
    directory.create(run.directory, "began", run.recipe, run.settings.to_table(), {})
    run.game.modules["loss"].k.fill_(0.5)
    run.play()
    run.checkpoints.save(run.step, state.gather(run))
    again.go_on()
    assert again.game.modules["loss"].k == run.game.modules["loss"].k != 0.5


def test_k_by_hand():
    loss = Equilibrium(gamma=0.5, k_lr=0.1)
    loss.discriminator(torch.tensor([-4.0]), torch.tensor([-1.0]))
    assert loss.k == 0
    loss.generator(torch.tensor([-1.0]))
    assert math.isclose(loss.k, 0.1 * (0.5 * 4 - 1), rel_tol=1e-6)
    assert loss.discriminator(torch.tensor([-4.0]), torch.tensor([-2.0])) == 4 - loss.k * 2
    for _ in range(100):
        loss.generator(torch.tensor([-1.0]))
    assert loss.k == 1
    loss.generator(torch.tensor([-1e6]))
    assert loss.k == 0
    report = loss.report(torch.tensor([-4.0, -2.0]), torch.tensor([-1.0]))
    assert report["convergence"] == 3 + abs(0.5 * 3 - 1)


def test_margin_by_hand():
    real, fake = torch.tensor([-0.5, -0.1]), torch.tensor([-0.25, -3.0])
    assert math.isclose(Margin(margin=1).discriminator(real, fake), 0.3 + 0.75 / 2, rel_tol=1e-6)
    assert math.isclose(Margin(margin=1, hinge="batch").discriminator(real, fake), 0.3, rel_tol=1e-6)
    assert Margin().generator(fake) == 1.625


def test_pull_away_by_hand():
    codes = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    assert math.isclose(
        pull_away(codes), 2 / 6, rel_tol=1e-6
    )  # one of three pairs is parallel, each counted twice
    assert math.isclose(pull_away(codes, 1), -2 / 6, rel_tol=1e-6)
    assert pull_away(codes[:1]) == 0


def test_energies_by_hand():
    x, rebuilt = torch.zeros(1, 1, 1, 2), torch.tensor([[[[3.0, 4.0]]]])
    assert [energy(x, rebuilt, e).item() for e in ("squared", "absolute", "length")] == [12.5, 3.5, 5]


def test_the_game_says_which_discriminator_it_needs(tmp_path):
    recipe = small("ebgan").set("discriminator.width", 2)
    other = recipe.with_part("discriminator", type(recipe.discriminator)("dcgan"))
    with pytest.raises(MisfitError, match="game pull-away compares the codes of an autoencoder"):
        ready(other, tmp_path)


def test_the_autoencoder_plays_the_standard_game(tmp_path):
    recipe = small("dcgan", generator__width=2)
    recipe = recipe.with_part("discriminator", type(recipe.discriminator)("ebgan", width=2))
    run = ready(recipe.with_part("loss", type(recipe.loss)("margin")), tmp_path)
    run.play()
    assert run.metrics.read()[-1]["real_score"] < 0


def test_two_ranks_equal_one(tmp_path):
    narrow = {"generator__width": 2, "discriminator__width": 2, "batch": 7}
    recipes = {"ebgan": small("ebgan", **narrow), "began": small("began", **narrow, loss__k_lr=0.5)}
    assert_ranks_agree(tmp_path, recipes)
