"""System D, `gaussian`: one dimension, smoothed labels, three unequal batches an epoch."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, log, nn

from ganzoo.metrics.kl_histogram import kl_histogram
from ganzoo.recipe import Part
from ganzoo.testing.straight_line import seed_step

from .plain import KerasRMSprop, assert_same_course, batches, copy_weights, ready

DATASET = Part("gaussian")


def networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    discriminator = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    return generator, discriminator


def cross_entropy(p: Tensor, target: Tensor | float) -> Tensor:
    return -(target * log(p) + (1 - target) * log(1 - p)).mean()


def straight_line(generator: nn.Module, discriminator: nn.Module, reals: list) -> Iterator[dict[str, Tensor]]:
    d_optimizer = KerasRMSprop(discriminator.parameters(), 1e-3)
    g_optimizer = KerasRMSprop(generator.parameters(), 5e-4)
    for step, (real, _) in enumerate(reals):
        seed_step(step)
        n = len(real)
        z = torch.rand(n, 16, dtype=torch.float64) * 2 - 1
        joined = torch.cat((real, generator(z).detach()))
        targets = torch.cat((torch.full((n, 1), 0.9), torch.full((n, 1), 0.1))).double()
        targets[:n], targets[n:] = 0.9, 0.1
        d_loss = cross_entropy(discriminator(joined), targets)
        d_optimizer.minimise(d_loss)

        g_loss = cross_entropy(discriminator(generator(z)), 0.9)
        g_optimizer.minimise(g_loss)
        yield {"d_loss": d_loss, "g_loss": g_loss}


def test_one_and_ten_updates_equal_a_straight_line_loop(tmp_path):
    run = ready("gaussian", tmp_path, DATASET)
    generator, discriminator = networks()
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 10))
    assert_same_course(run, course, generator, discriminator)


def test_batches_are_333_333_and_334_in_fixed_order(tmp_path):
    run = ready("gaussian", tmp_path, DATASET)
    stored = run.samples("train").values.double()
    assert stored.shape == (1000, 1)
    for epoch in range(2):
        parts = [run.feed.batch(3 * epoch + i)[0] for i in range(3)]
        assert [len(part) for part in parts] == [333, 333, 334]
        assert torch.equal(torch.cat(parts), stored)


def test_data_are_standard_normal(tmp_path):
    values = ready("gaussian", tmp_path, DATASET).samples("train").values.double()
    assert values.mean().item() == pytest.approx(0, abs=4 / math.sqrt(1000))
    assert values.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / 1000))


def test_numbers_of_the_recipe(tmp_path):
    run = ready("gaussian", tmp_path, DATASET)
    recipe, options = run.recipe, run.recipe.loss.options
    assert (recipe.epochs, recipe.latent, recipe.latent_distribution) == (1000, 16, "uniform")
    assert run.total_steps == 3000
    assert (options["real_target"], options["fake_target"], options["generator_target"]) == (0.9, 0.1, 0.9)
    d_group, g_group = (turn.optimizer.param_groups[0] for turn in run.game.turns)
    assert (d_group["lr"], g_group["lr"]) == (1e-3, 5e-4)
    for group in (d_group, g_group):
        assert (group["alpha"], group["eps"], group["momentum"], group["centered"]) == (0.9, 1e-7, 0, False)


def test_what_the_recipe_shows():
    from ganzoo.zoo.gaussian import RECIPE

    shown = {part.name: part.options for part in RECIPE.callback}
    assert shown["density"] == {"every_epochs": 10}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_are_glorot_uniform_and_biases_zero(tmp_path, player):
    run = ready("gaussian", tmp_path, DATASET)
    for layer in run.game.players[player].modules():
        if isinstance(layer, nn.Linear):
            limit = math.sqrt(6 / (layer.in_features + layer.out_features))
            assert 0.8 * limit < layer.weight.abs().max() <= limit
            assert (layer.bias == 0).all()


def test_divergence_is_the_page_s_formula(tmp_path):
    real, fake = torch.randn(1000, 1), 0.3 + 1.2 * torch.randn(1000, 1)
    low, high = real.min().item(), real.max().item()
    width = (high - low) / 100
    counts = []
    for side in (real, fake):
        bins = [0.0] * 100
        for value in side.double().flatten().tolist():
            if low <= value <= high:
                bins[min(int((value - low) / width), 99)] += 1
        counts.append([count / (sum(bins) + 1e-8) for count in bins])
    expected = sum(p * (math.log(p + 1e-8) - math.log(q + 1e-8)) for p, q in zip(*counts, strict=True))
    # A value on an edge may fall on either side of it.
    assert kl_histogram(real, fake)["kl"] == pytest.approx(expected, abs=0.03)
