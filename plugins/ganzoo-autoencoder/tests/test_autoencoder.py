"""Both games against straight-line loops, their callbacks, and what every component promises."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from ganzoo_autoencoder.interpolations import Interpolations
from ganzoo_autoencoder.reconstructions import Reconstructions
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

import ganzoo
from ganzoo import errors
from ganzoo.engine.run import Run
from ganzoo.engine.seeds import derive
from ganzoo.testing import components, contract

SMALL = {
    "game.width": 6,
    "generator.width": 5,
    "discriminator.width": 4,
    "latent": 3,
    "record_every_steps": 1,
}


def ready(recipe: str, folder: Path, **options: object) -> Run:
    """A run at its first step, in float64, on a few digits."""
    config = folder / "config.toml"
    config.write_text("[recipe]\ncallback = []\n")
    given = {"batch": 4, "steps": 2, "precision": "float64", "device": "cpu", "threads": 1, "seed": 7}
    made = ganzoo.run(
        recipe, "mnist-5k", set=SMALL | options, config=config, out=folder / "run", dry_run=True, **given
    )
    made.directory.mkdir(parents=True)
    return made


class Adam:
    """Algorithm 1 of Kingma and Ba (2014, arXiv:1412.6980), lr 2e-4, beta 0.5 and 0.999."""

    def __init__(self, *networks: nn.Module) -> None:
        self.parameters = [p for network in networks for p in network.parameters()]
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]
        self.t = 0

    def minimise(self, loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, self.parameters)
        self.t += 1
        with torch.no_grad():
            for i, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
                self.m[i] = 0.5 * self.m[i] + 0.5 * g
                self.v[i] = 0.999 * self.v[i] + 0.001 * g * g
                m, v = self.m[i] / (1 - 0.5**self.t), self.v[i] / (1 - 0.999**self.t)
                p -= 2e-4 * m / (v.sqrt() + 1e-8)


def perceptron(sizes: list[int], slope: float, last: nn.Module | None = None) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


def copy(source: nn.Module, target: nn.Module) -> nn.Module:
    target.double()
    for mine, theirs in zip(target.parameters(), source.parameters(), strict=True):
        mine.data.copy_(theirs.data)
    return target


def agree(run: Run, **networks: nn.Module) -> None:
    for name, plain in networks.items():
        pairs = zip(run.game.players[name].parameters(), plain.parameters(), strict=True)
        assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-10) for a, b in pairs), name


def target(scores: Tensor, label: float) -> Tensor:
    return bce(scores, torch.full_like(scores, label))


@pytest.mark.parametrize("phases", ["separate", "joint"])
def test_aae_is_a_straight_line_loop(tmp_path: Path, phases: str) -> None:
    distance = "absolute" if phases == "joint" else "squared"
    run = ready(
        "aae", tmp_path, **{"game.phases": phases, "game.distance": distance, "game.adversarial": 0.3}
    )
    players = run.game.players
    e = copy(players["encoder"], perceptron([784, 6, 6, 3], 0.0))
    g = copy(players["generator"], perceptron([3, 5, 5, 784], 0.0, nn.Sigmoid()))
    d = copy(players["discriminator"], perceptron([3, 4, 4, 1], 0.0))
    together, alone, judge = Adam(e, g), Adam(e), Adam(d)
    for step in range(2):
        x = run.feed.batch(step)[0].flatten(1)
        run.play()
        torch.manual_seed(derive(7, "step", step))
        if phases == "separate":
            rebuilt = (g(e(x)) - x).square().mean()
            together.minimise(rebuilt)
            codes = e(x).detach()
        else:
            codes = e(x)
            rebuilt = (g(codes) - x).abs().mean()
            together.minimise(0.7 * rebuilt + 0.3 * target(d(codes), 1))
            codes = codes.detach()
        z = torch.randn(4, 3, dtype=torch.float64)
        d_loss = target(d(z), 1) + target(d(codes), 0)
        judge.minimise(d_loss)
        if phases == "separate":
            alone.minimise(target(d(e(x)), 1))
        record = run.metrics.read()[-1]
        assert record["reconstruction"] == pytest.approx(rebuilt.item(), abs=1e-10)
        assert record["d_loss"] == pytest.approx(d_loss.item(), abs=1e-10)
        agree(run, encoder=e, generator=g, discriminator=d)


def test_bigan_is_a_straight_line_loop(tmp_path: Path) -> None:
    run = ready("bigan", tmp_path, **{"generator.width": 5, "game.slope": 0.2})
    players = run.game.players
    e = copy(players["encoder"], perceptron([784, 6, 6, 3], 0.2))
    d = copy(players["discriminator"], perceptron([787, 4, 4, 1], 0.2))
    g = copy(players["generator"], perceptron([3, 5, 5, 784], 0.0, nn.Tanh()))
    both, judge = Adam(e, g), Adam(d)
    for step in range(2):
        x = run.feed.batch(step)[0].flatten(1)
        run.play()
        torch.manual_seed(derive(7, "step", step))
        z = torch.rand(4, 3, dtype=torch.float64) * 2 - 1
        real, fake = torch.cat((x, e(x)), 1), torch.cat((g(z).flatten(1), z), 1)
        d_loss = target(d(real.detach()), 1) + target(d(fake.detach()), 0)
        judge.minimise(d_loss)
        both.minimise(target(d(real), 0) + target(d(fake), 1))
        assert run.metrics.read()[-1]["d_loss"] == pytest.approx(d_loss.item(), abs=1e-10)
        agree(run, encoder=e, generator=g, discriminator=d)


@pytest.mark.parametrize("recipe", ["aae", "bigan"])
def test_a_run_that_goes_on_has_the_weights_of_one_that_never_stopped(tmp_path: Path, recipe: str) -> None:
    given = {"set": SMALL, "batch": 4, "device": "cpu", "threads": 1}
    whole = ganzoo.run(recipe, "mnist-5k", out=tmp_path / "whole", steps=4, **given)
    ganzoo.run(recipe, "mnist-5k", out=tmp_path / "half", steps=2, **given)
    moved = shutil.move(tmp_path / "half", tmp_path / "moved")
    again = ganzoo.resume(moved, steps=4, device="cpu", threads=1)
    for name, player in whole.game.players.items():
        theirs = again.game.players[name].state_dict()
        assert all(torch.equal(v, theirs[key]) for key, v in player.state_dict().items()), name
    for name in ("reconstructions", "interpolations"):
        assert (whole.directory / "plots" / f"{name}.png").stat().st_size > 500
        assert whole.metrics.read()[-1]["reconstruction_l1"] > 0


def test_latents_are_decoded_in_the_same_order(tmp_path: Path) -> None:
    run = ready("aae", tmp_path)
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


@pytest.mark.parametrize(("kind", "name"), components("ganzoo-autoencoder"))
def test_contract(kind: str, name: str) -> None:
    contract(kind, name)
