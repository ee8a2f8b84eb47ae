"""System C, `cgan`: conditional by one-hot label, on MNIST."""

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
    generator = nn.Sequential(nn.Linear(138, 512), nn.LeakyReLU(0.2), nn.Linear(512, 784), nn.Tanh())
    discriminator = nn.Sequential(
        nn.Linear(794, 512), nn.LeakyReLU(0.2), Dropout(dropout), nn.Linear(512, 1), nn.Sigmoid()
    )
    return generator, discriminator


def one_hot(labels: Tensor) -> Tensor:
    rows = torch.zeros(len(labels), 10, dtype=torch.float64)
    for row, label in zip(rows, labels.tolist(), strict=True):
        row[label] = 1
    return rows


def straight_line(generator: nn.Module, discriminator: nn.Module, reals: list) -> Iterator[dict[str, Tensor]]:
    d_optimizer = Adam(discriminator.parameters(), 1e-3, 0.9, 0.999)
    g_optimizer = Adam(generator.parameters(), 1e-3, 0.9, 0.999)
    for step, (real, labels) in enumerate(reals):
        seed_step(step)
        y = one_hot(labels)
        z = torch.randn(100, 128, dtype=torch.float64)
        fake = generator(torch.cat((z, y), 1)).detach()
        seen = torch.cat((real.flatten(1), y), 1), torch.cat((fake, y), 1)
        p_real, p_fake = discriminator(torch.cat(seen)).split(100)
        d_loss = -log(p_real).mean() - log(1 - p_fake).mean()
        d_optimizer.minimise(d_loss)

        z = torch.randn(100, 128, dtype=torch.float64)
        fake = generator(torch.cat((z, y), 1))
        g_loss = -log(discriminator(torch.cat((fake, y), 1))).mean()
        g_optimizer.minimise(g_loss)
        yield {"d_loss": d_loss, "g_loss": g_loss, "d_real": p_real.mean(), "d_fake": p_fake.mean()}


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_one_and_ten_updates_equal_a_straight_line_loop(tmp_path, dropout):
    run = ready("cgan", tmp_path, DATASET, discriminator__dropout=dropout)
    generator, discriminator = networks(dropout)
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, 10))
    assert_same_course(run, course, generator, discriminator)


def test_numbers_of_the_recipe(tmp_path):
    run = ready("cgan", tmp_path, Part("standin:digits", size=60_000), precision="float32")
    recipe = run.recipe
    assert (recipe.loss.name, recipe.batch, recipe.epochs, recipe.latent) == ("bce", 100, 200, 128)
    assert recipe.latent_distribution == "normal"
    assert run.spec.value_range == (-1.0, 1.0)
    assert run.recipe.discriminator.options["dropout"] == 0.3
    for turn in run.game.turns:
        group = turn.optimizer.param_groups[0]
        assert (group["lr"], group["betas"]) == (1e-3, (0.9, 0.999))


def test_what_the_recipe_shows():
    from ganzoo.zoo.cgan import RECIPE

    assert {part.name: part.options for part in RECIPE.callback}["samples"]["every_epochs"] == 1


def test_chosen_digits(tmp_path):
    run = ready("cgan", tmp_path, DATASET, precision="float32")
    wanted = run.generate(4, [7, 7, 7, 9])
    again = run.generate(4, [7, 7, 7, 3])
    assert wanted.shape == (4, 1, 28, 28)
    assert torch.equal(wanted[:3], again[:3])
    assert not torch.equal(wanted[3], again[3])
