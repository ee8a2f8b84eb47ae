"""System A, `vanilla`: the log-form GAN on MNIST."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, log, nn

from ganzoo.layers import Dropout
from ganzoo.recipe import Part
from ganzoo.testing.straight_line import Adam, seed_step

from .plain import assert_same_course, batches, copy_weights, ready

DATASET = Part("standin:digits", size=1000)


def networks(dropout: float) -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(100, 256), nn.ReLU(), Dropout(dropout),
        nn.Linear(256, 256), nn.ReLU(), Dropout(dropout),
        nn.Linear(256, 784), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(784, 256), nn.LeakyReLU(0.01), Dropout(dropout),
        nn.Linear(256, 256), nn.LeakyReLU(0.01), Dropout(dropout),
        nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip
    return generator, discriminator


def straight_line(
    generator: nn.Module, discriminator: nn.Module, reals: list, saturating: bool
) -> Iterator[dict[str, Tensor]]:
    d_optimizer = Adam(discriminator.parameters(), 2e-4, 0.9, 0.999)
    g_optimizer = Adam(generator.parameters(), 2e-4, 0.9, 0.999)
    for step, (real, _) in enumerate(reals):
        seed_step(step)
        fake = generator(torch.randn(200, 100, dtype=torch.float64)).detach()
        # One pass over both: the dropout masks of 400 rows are drawn together.
        p = discriminator(torch.cat((real.view(200, 784), fake)))
        p_real, p_fake = p[:200], p[200:]
        d_loss = (-log(p_real) - log(1 - p_fake)).mean()
        d_optimizer.minimise(d_loss)

        p_again = discriminator(generator(torch.randn(200, 100, dtype=torch.float64)))
        g_loss = log(1 - p_again).mean() if saturating else -log(p_again).mean()
        g_optimizer.minimise(g_loss)
        yield {"d_loss": d_loss, "g_loss": g_loss, "d_real": p_real.mean(), "d_fake": p_fake.mean()}


@pytest.mark.parametrize(
    ("loss", "dropout"), [("paper", 0.0), ("paper", 0.1), ("bce", 0.1), ("saturating", 0.1)]
)
def test_one_and_ten_updates_equal_a_straight_line_loop(tmp_path, loss, dropout):
    options = {"generator__dropout": dropout, "discriminator__dropout": dropout}
    if loss == "saturating":
        options["loss__form"] = "saturating"
    run = ready("vanilla", tmp_path, DATASET, loss="bce" if loss == "bce" else None, **options)
    generator, discriminator = networks(dropout)
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 10), loss == "saturating")
    assert_same_course(run, course, generator, discriminator)


def test_numbers_of_the_recipe(tmp_path):
    run = ready("vanilla", tmp_path, Part("standin:digits", size=60_000), precision="float32")
    recipe = run.recipe
    assert (recipe.loss.name, recipe.batch, recipe.epochs, recipe.latent) == ("paper", 200, 100, 100)
    assert recipe.latent_distribution == "normal"
    assert recipe.order == "shuffled"
    assert run.spec.value_range == (-1.0, 1.0)
    assert run.total_steps == 100 * 300
    assert [turn.name for turn in run.game.turns] == ["d", "g"]
    for turn in run.game.turns:
        group = turn.optimizer.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (2e-4, (0.9, 0.999), 1e-8)
        assert group["weight_decay"] == 0
        assert [turn.schedule(images, 6_000_000) for images in (0, 1_000_000)] == [1.0, 1.0]


def test_what_the_recipe_shows():
    from ganzoo.zoo.vanilla import RECIPE

    shown = {part.name: part.options for part in RECIPE.callback}
    assert shown["probabilities"] == {"every_epochs": 1}
    assert shown["samples"] == {"every_epochs": 10, "count": 16}
    assert shown["real-and-fake"] == {"count": 16}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_are_xavier_normal_and_biases_between_a_tenth_and_a_fifth(tmp_path, player):
    run = ready("vanilla", tmp_path, DATASET)
    for name, value in run.game.players[player].named_parameters():
        if name.endswith("bias"):
            assert value.min() >= 0.1
            assert value.max() <= 0.2
            if value.numel() >= 256:
                assert value.mean().item() == pytest.approx(0.15, abs=0.01)
                assert value.std().item() == pytest.approx(0.1 / math.sqrt(12), rel=0.1)
            continue
        after, before = value.shape
        scaled = value.flatten() / math.sqrt(2 / (before + after))
        room = 5 / math.sqrt(value.numel())
        assert abs(scaled.mean()) < room
        assert scaled.square().mean().item() == pytest.approx(1, abs=room * math.sqrt(2))
        assert scaled.pow(4).mean().item() == pytest.approx(3, abs=room * math.sqrt(96))  # 1.8 if uniform
