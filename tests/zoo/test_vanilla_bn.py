"""System B, `vanilla-bn`: the batch-norm MLP on MNIST."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, log, nn

from ganzoo.recipe import Part
from ganzoo.testing.straight_line import Adam, seed_step

from .plain import assert_same_course, batches, copy_weights, ready

DATASET = Part("standin:digits", size=700)


def networks(pixels: int = 784) -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(100, 128), nn.LeakyReLU(0.2),
        nn.Linear(128, 256), nn.BatchNorm1d(256, eps=0.8), nn.LeakyReLU(0.2),
        nn.Linear(256, 512), nn.BatchNorm1d(512, eps=0.8), nn.LeakyReLU(0.2),
        nn.Linear(512, 1024), nn.BatchNorm1d(1024, eps=0.8), nn.LeakyReLU(0.2),
        nn.Linear(1024, pixels), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(pixels, 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 256), nn.LeakyReLU(0.2),
        nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip
    return generator, discriminator


def straight_line(generator: nn.Module, discriminator: nn.Module, reals: list) -> Iterator[dict[str, Tensor]]:
    g_optimizer = Adam(generator.parameters(), 2e-4, 0.5, 0.999)
    d_optimizer = Adam(discriminator.parameters(), 2e-4, 0.5, 0.999)
    for step, (real, _) in enumerate(reals):
        seed_step(step)
        fake = generator(torch.randn(64, 100, dtype=torch.float64))
        g_loss = -log(discriminator(fake)).mean()
        g_optimizer.minimise(g_loss)

        p_real, p_fake = discriminator(real.flatten(1)), discriminator(fake.detach())
        d_loss = (-log(p_real).mean() - log(1 - p_fake).mean()) / 2
        d_optimizer.minimise(d_loss)
        yield {"g_loss": g_loss, "d_loss": d_loss, "d_real": p_real.mean(), "d_fake": p_fake.mean()}


def test_one_and_ten_updates_equal_a_straight_line_loop(tmp_path):
    run = ready("vanilla-bn", tmp_path, DATASET)
    generator, discriminator = networks()
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 10))
    assert_same_course(run, course, generator, discriminator)
    norms = [m for m in run.game.generator.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [m.num_batches_tracked.item() for m in norms] == [10] * 3


def test_image_size_and_channels_are_free(tmp_path):
    run = ready("vanilla-bn", tmp_path, Part("standin:pictures", side=9, channels=3, size=128))
    generator, discriminator = networks(3 * 9 * 9)
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 2))
    assert_same_course(run, course, generator, discriminator)


def test_numbers_of_the_recipe(tmp_path):
    run = ready("vanilla-bn", tmp_path, Part("standin:digits", size=60_000), precision="float32")
    recipe = run.recipe
    assert (recipe.loss.name, recipe.batch, recipe.epochs, recipe.latent) == ("bce", 64, 200, 100)
    assert recipe.latent_distribution == "normal"
    assert recipe.order == "shuffled"
    assert run.spec.value_range == (-1.0, 1.0)
    assert run.total_steps == 200 * math.ceil(60_000 / 64)  # the last batch of an epoch has 32
    assert [turn.name for turn in run.game.turns] == ["g", "d"]
    for turn in run.game.turns:
        group = turn.optimizer.param_groups[0]
        assert (group["lr"], group["betas"]) == (2e-4, (0.5, 0.999))


def test_what_the_recipe_shows():
    from ganzoo.zoo.vanilla_bn import RECIPE

    assert RECIPE.record_every_steps == 1
    shown = {part.name: part.options for part in RECIPE.callback}
    assert shown["samples"] == {"every_steps": 400, "count": 25, "of": "batch", "stretch": True}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("epochs", 3),
        ("batch", 32),
        ("d_optimizer__lr", 1e-3),
        ("g_optimizer__betas", (0.1, 0.9)),
        ("latent", 7),
        ("generator__slope", 0.1),
        ("generator__bn_eps", 1e-5),
    ],
)
def test_every_number_can_be_replaced(tmp_path, path, value):
    run = ready("vanilla-bn", tmp_path, DATASET, **{path: value})
    role, _, option = path.partition("__")
    found = getattr(run.recipe, role)
    assert (found.options[option] if option else found) == value


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_are_drawn_as_pytorch_draws_them(tmp_path, player):
    run = ready("vanilla-bn", tmp_path, DATASET)
    for layer in run.game.players[player].modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            for value in (layer.weight, layer.bias):
                assert value.abs().max() <= bound
                assert value.numel() < 100 or value.abs().max() > 0.95 * bound
        if isinstance(layer, nn.BatchNorm1d):
            assert (layer.weight == 1).all()
            assert (layer.bias == 0).all()
            assert (layer.eps, layer.momentum) == (0.8, 0.1)
