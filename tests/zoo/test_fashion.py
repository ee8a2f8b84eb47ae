"""System F, `fashion`: the plain MLP on Fashion-MNIST."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, log, nn

from ganzoo.recipe import Part
from ganzoo.testing.straight_line import Adam, seed_step

from .plain import assert_same_course, batches, copy_weights, ready

DATASET = Part("standin:digits", size=1000)


def networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
    )
    discriminator = nn.Sequential(
        nn.Linear(784, 256), nn.LeakyReLU(0.2),
        nn.Linear(256, 256), nn.LeakyReLU(0.2),
        nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip
    return generator, discriminator


def straight_line(generator: nn.Module, discriminator: nn.Module, reals: list) -> Iterator[dict[str, Tensor]]:
    d_optimizer = Adam(discriminator.parameters(), 2e-4, 0.9, 0.999)
    g_optimizer = Adam(generator.parameters(), 2e-4, 0.9, 0.999)
    for step, (real, _) in enumerate(reals):
        seed_step(step)
        z = torch.randn(100, 64, dtype=torch.float64)
        p_real, p_fake = discriminator(real.view(100, 784)), discriminator(generator(z).detach())
        d_loss = -log(p_real).mean() - log(1 - p_fake).mean()
        d_optimizer.minimise(d_loss)

        g_loss = -log(discriminator(generator(z))).mean()
        g_optimizer.minimise(g_loss)
        yield {"d_loss": d_loss, "g_loss": g_loss, "d_real": p_real.mean(), "d_fake": p_fake.mean()}


def test_one_and_ten_updates_equal_a_straight_line_loop(tmp_path):
    run = ready("fashion", tmp_path, DATASET)
    generator, discriminator = networks()
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 10))
    assert_same_course(run, course, generator, discriminator)


def test_numbers_of_the_recipe(tmp_path):
    run = ready("fashion", tmp_path, Part("standin:digits", size=60_000), precision="float32")
    recipe = run.recipe
    assert (recipe.loss.name, recipe.batch, recipe.epochs, recipe.latent) == ("bce", 100, 500, 64)
    assert (recipe.latent_distribution, recipe.order) == ("normal", "shuffled")
    assert run.spec.value_range == (-1.0, 1.0)
    for turn in run.game.turns:
        group = turn.optimizer.param_groups[0]
        assert (group["lr"], group["betas"]) == (2e-4, (0.9, 0.999))


def test_every_epoch_is_recorded_and_ten_samples_shown():
    from ganzoo.zoo.fashion import RECIPE

    shown = {part.name: part.options for part in RECIPE.callback}
    assert shown["samples"]["count"] == 10


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_are_drawn_as_pytorch_draws_them(tmp_path, player):
    run = ready("fashion", tmp_path, DATASET)
    for layer in run.game.players[player].modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            for value in (layer.weight, layer.bias):
                assert value.abs().max() <= bound
                assert value.numel() < 100 or value.abs().max() > 0.95 * bound
