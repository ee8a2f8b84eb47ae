"""Both games against straight-line loops, their callbacks, and what every component promises."""

import shutil
from pathlib import Path

import pytest
import torch
from ganzoo_autoencoder.encoder import Encoder
from ganzoo_autoencoder.interpolations import Interpolations
from ganzoo_autoencoder.reconstructions import Reconstructions
from torch import Tensor

import ganzoo
from ganzoo import errors
from ganzoo.testing import contract, contract_of
from ganzoo.testing.straight_line import (
    PICTURES,
    Adam,
    assert_numbers,
    assert_ranks_agree,
    beside,
    ready,
    seed_step,
    small,
)

NARROW = {"game__width": 6, "generator__width": 5, "discriminator__width": 4, "latent": 3}


@pytest.mark.parametrize(*contract_of("ganzoo-autoencoder"))
def test_contract(kind: str, name: str, check: str) -> None:
    contract(kind, name, check)


def bce(scores: Tensor, label: int) -> Tensor:
    """-log of the probability that a score gives to its label, the mean."""
    return -(scores if label else -scores).sigmoid().log().mean()


@pytest.mark.parametrize("phases", ["separate", "joint"])
def test_aae_is_a_straight_line_loop(tmp_path: Path, phases: str) -> None:
    distance = "absolute" if phases == "joint" else "squared"
    changes = {"game__phases": phases, "game__distance": distance, "game__adversarial": 0.3}
    run = ready(small("aae", **NARROW, **changes), PICTURES, tmp_path)
    with beside(run) as copies:
        e, g, d = (copies[name] for name in ("encoder", "generator", "discriminator"))
        together = Adam([*e.parameters(), *g.parameters()], 2e-4, 0.5, 0.999)
        alone, judge = Adam(e.parameters(), 2e-4, 0.5, 0.999), Adam(d.parameters(), 2e-4, 0.5, 0.999)
        for step in range(2):
            x = run.feed.batch(step)[0]
            seed_step(step)
            if phases == "separate":
                rebuilt = ((g(e(x)) - x) ** 2).mean()
                together.minimise(rebuilt)
                codes = e(x).detach()
            else:
                codes = e(x)
                rebuilt = (g(codes) - x).abs().mean()
                together.minimise(0.7 * rebuilt + 0.3 * bce(d(codes), 1))
                codes = codes.detach()
            d_loss = bce(d(torch.randn(6, 3, dtype=torch.float64)), 1) + bce(d(codes), 0)
            judge.minimise(d_loss)
            if phases == "separate":
                alone.minimise(bce(d(e(x)), 1))
            run.play()
            assert_numbers(run, {"reconstruction": rebuilt, "d_loss": d_loss})


def test_bigan_is_a_straight_line_loop(tmp_path: Path) -> None:
    run = ready(small("bigan", **NARROW), PICTURES, tmp_path)
    with beside(run) as copies:
        e, g, d = (copies[name] for name in ("encoder", "generator", "discriminator"))
        both = Adam([*e.parameters(), *g.parameters()], 2e-4, 0.5, 0.999)
        judge = Adam(d.parameters(), 2e-4, 0.5, 0.999)
        for step in range(2):
            x = run.feed.batch(step)[0].flatten(1)
            seed_step(step)
            z = torch.rand(6, 3, dtype=torch.float64) * 2 - 1
            real, fake = torch.cat((x, e(x)), 1), torch.cat((g(z).flatten(1), z), 1)
            d_loss = bce(d(real.detach()), 1) + bce(d(fake.detach()), 0)
            judge.minimise(d_loss)
            both.minimise(bce(d(real), 0) + bce(d(fake), 1))
            run.play()
            assert_numbers(run, {"d_loss": d_loss})


def test_the_encoder_has_two_hidden_layers_of_leaky_relu() -> None:
    encoder = Encoder(PICTURES, 3, width=4, slope=0.2)
    x = torch.rand(2, 1, 8, 8)
    first, second, last = (layer for layer in encoder.layers if isinstance(layer, torch.nn.Linear))
    y = first(x.view(2, 64))
    y = second(torch.where(y > 0, y, 0.2 * y))
    assert torch.equal(encoder(x), last(torch.where(y > 0, y, 0.2 * y)))


def test_two_ranks_equal_one(tmp_path: Path) -> None:
    recipes = {
        "aae": small("aae", **NARROW, batch=7),
        "joint": small("aae", **NARROW, batch=7, game__phases="joint"),
        "bigan": small("bigan", **NARROW, batch=7),
    }
    assert_ranks_agree(tmp_path, recipes)


@pytest.mark.parametrize("recipe", ["aae", "bigan"])
def test_a_run_that_goes_on_has_the_weights_and_pictures_of_one_that_never_stopped(
    tmp_path: Path, recipe: str
) -> None:
    options = {name.replace("__", "."): value for name, value in NARROW.items()}
    given = {"set": options, "batch": 4, "device": "cpu", "threads": 1}
    whole = ganzoo.run(recipe, "mnist-5k", out=tmp_path / "whole", steps=4, **given)
    ganzoo.run(recipe, "mnist-5k", out=tmp_path / "half", steps=2, **given)
    moved = shutil.move(tmp_path / "half", tmp_path / "moved")
    again = ganzoo.resume(moved, steps=4, device="cpu", threads=1)
    for name, player in whole.game.players.items():
        theirs = again.game.players[name].state_dict()
        assert all(torch.equal(v, theirs[key]) for key, v in player.state_dict().items()), name
    for name in ("reconstructions", "interpolations"):
        ours, theirs = (run.directory / "plots" / f"{name}.png" for run in (whole, again))
        assert ours.read_bytes() == theirs.read_bytes()
    assert whole.metrics.read()[-1] == again.metrics.read()[-1]
    assert whole.metrics.read()[-1]["reconstruction_l1"] > 0


def test_latents_are_decoded_in_the_same_order(tmp_path: Path) -> None:
    run = ready(small("aae", **NARROW), PICTURES, tmp_path)
    real, _ = run.real(5)
    codes = run.infer("encoder", real)
    made = run.generate(5, start=codes)
    assert torch.allclose(made[2:3], run.generate(1, start=codes[2:3]))
    assert run.infer("nobody", real) is None


@pytest.mark.parametrize("callback", [Reconstructions(), Interpolations()])
def test_callbacks_leave_games_without_an_encoder_alone(tmp_path: Path, callback: object) -> None:
    options = {"generator.width": 4, "discriminator.width": 4}
    run = ganzoo.run("fashion", "mnist-5k", set=options, steps=1, listeners=[callback], out=tmp_path / "run")
    assert not (run.directory / "plots" / "reconstructions.png").exists()


@pytest.mark.parametrize("recipe", ["aae", "bigan"])
def test_augmentations_are_refused(tmp_path: Path, recipe: str) -> None:
    with pytest.raises(errors.MisfitError, match="leave augmentations out"):
        ganzoo.run(recipe, "mnist-5k", augmentation="diffaugment", dry_run=True)
