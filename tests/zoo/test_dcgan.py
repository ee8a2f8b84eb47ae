"""System E, `dcgan`: the convolutional GAN in its Keras form, on MNIST."""

import math
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, log, nn

from ganzoo.engine.game import Batch, play_turn
from ganzoo.recipe import Part
from ganzoo.testing.straight_line import seed_step

from .plain import KerasRMSprop, assert_same_course, batches, copy_weights, ready

DATASET = Part("standin:digits", size=100)


class Conv(nn.Conv2d):
    """5 x 5 on 28, 14, 7 or 4 pixels, padded as TensorFlow's "same" does: the odd pixel at the end."""

    def forward(self, x: Tensor) -> Tensor:
        # Sides 28 -> 14 -> 7 -> 4 -> 4: one pixel before and two after, or two and two.
        before, after = {(28, 2): (1, 2), (14, 2): (1, 2), (7, 2): (2, 2), (4, 1): (2, 2)}[
            x.shape[-1], self.stride[0]
        ]
        return super().forward(F.pad(x, (before, after, before, after)))


class ConvTranspose(nn.ConvTranspose2d):
    """5 x 5 to stride times the size: the full result has 5 - stride too many, one (two) cut off before."""

    def forward(self, x: Tensor) -> Tensor:
        full, size, cut = super().forward(x), x.shape[-1] * self.stride[0], {2: 1, 1: 2}[self.stride[0]]
        return full[:, :, cut : cut + size, cut : cut + size]


def norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=1 - 0.99)


def networks(width: int) -> tuple[nn.Module, nn.Module]:
    w = width
    generator = nn.Sequential(
        nn.Linear(100, 7 * 7 * 4 * w), nn.Unflatten(1, (4 * w, 7, 7)),
        norm(4 * w), nn.ReLU(), ConvTranspose(4 * w, 4 * w, 5, 2),
        norm(4 * w), nn.ReLU(), ConvTranspose(4 * w, 2 * w, 5, 2),
        norm(2 * w), nn.ReLU(), ConvTranspose(2 * w, w, 5, 1),
        norm(w), nn.ReLU(), ConvTranspose(w, 1, 5, 1), nn.Sigmoid(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.LeakyReLU(0.2), Conv(1, w, 5, 2),
        nn.LeakyReLU(0.2), Conv(w, 2 * w, 5, 2),
        nn.LeakyReLU(0.2), Conv(2 * w, 4 * w, 5, 2),
        nn.LeakyReLU(0.2), Conv(4 * w, 8 * w, 5, 1),
        nn.Flatten(), nn.Linear(4 * 4 * 8 * w, 1), nn.Sigmoid(),
    )  # fmt: skip
    return generator, discriminator


def straight_line(generator: nn.Module, discriminator: nn.Module, reals: list) -> Iterator[dict[str, Tensor]]:
    d_optimizer = KerasRMSprop(discriminator.parameters(), 2e-4, lr_decay=6e-8)
    g_optimizer = KerasRMSprop(generator.parameters(), 1e-4, lr_decay=3e-8)
    for step, (real, _) in enumerate(reals):
        seed_step(step)
        n = len(real)
        generator.eval()
        with torch.no_grad():
            fake = generator(torch.rand(n, 100, dtype=torch.float64) * 2 - 1)
        generator.train()
        p = discriminator(torch.cat((real, fake)))
        d_loss = -torch.cat((log(p[:n]), log(1 - p[n:]))).mean()
        d_accuracy = torch.cat((p[:n] > 0.5, p[n:] <= 0.5)).double().mean()
        d_optimizer.minimise(d_loss)

        p = discriminator(generator(torch.rand(n, 100, dtype=torch.float64) * 2 - 1))
        g_loss = -log(p).mean()
        g_optimizer.minimise(g_loss)
        g_accuracy = (p > 0.5).double().mean()
        yield {"d_loss": d_loss, "g_loss": g_loss, "d_accuracy": d_accuracy, "g_accuracy": g_accuracy}


def compare(tmp_path, width: int, batch: int, steps: int) -> None:
    # The decay is given an image; the page's is given a step.
    options = {
        "generator__width": width,
        "discriminator__width": width,
        "batch": batch,
        "d_schedule__decay_per_image": 6e-8 / batch,
        "g_schedule__decay_per_image": 3e-8 / batch,
    }
    run = ready("dcgan", tmp_path, DATASET, **options)
    generator, discriminator = networks(width)
    copy_weights(run.game.generator, generator)
    copy_weights(run.game.discriminator, discriminator)
    course = straight_line(generator, discriminator, batches(run, steps))
    assert_same_course(run, course, generator, discriminator)


def test_one_update_equals_a_straight_line_loop_at_full_width(tmp_path):
    compare(tmp_path, width=32, batch=4, steps=1)


def test_ten_updates_equal_a_straight_line_loop(tmp_path):
    compare(tmp_path, width=4, batch=8, steps=10)


@pytest.mark.slow
def test_ten_updates_of_the_page_s_size_equal_a_straight_line_loop(tmp_path):
    compare(tmp_path, width=32, batch=64, steps=10)


def test_a_strong_decay_equals_a_straight_line_loop(tmp_path):
    run = ready(
        "dcgan", tmp_path, DATASET,
        generator__width=2, discriminator__width=2, batch=4, d_schedule__decay_per_image=0.25,
    )  # fmt: skip
    for step in range(4):
        run.play()
        assert run.game.turns[0].optimizer.param_groups[0]["lr"] == pytest.approx(
            2e-4 / (1 + step), rel=1e-12
        )


def test_running_statistics_move_only_in_the_generator_s_turn(tmp_path):
    run = ready("dcgan", tmp_path, DATASET, generator__width=2, discriminator__width=2, batch=4)
    buffers = lambda: {name: value.clone() for name, value in run.game.generator.named_buffers()}  # noqa: E731
    before = buffers()
    batch = Batch(*run.feed.batch(0))
    play_turn(run.game.turns[0], batch)
    assert all(torch.equal(value, before[name]) for name, value in buffers().items())
    assert run.game.generator.training
    play_turn(run.game.turns[1], batch)
    assert all(not torch.equal(value, before[name]) for name, value in buffers().items())


def test_numbers_of_the_recipe(tmp_path):
    run = ready("dcgan", tmp_path, Part("standin:digits", size=60_000), precision="float32")
    recipe = run.recipe
    assert (recipe.loss.name, recipe.batch, recipe.steps, recipe.latent) == ("bce", 64, 100, 100)
    assert (recipe.latent_distribution, recipe.order) == ("uniform", "replacement")
    assert run.spec.value_range == (0.0, 1.0)
    d_turn, g_turn = run.game.turns
    assert (d_turn.name, g_turn.name) == ("d", "g")
    for turn, lr, decay in ((d_turn, 2e-4, 6e-8), (g_turn, 1e-4, 3e-8)):
        group = turn.optimizer.param_groups[0]
        assert (group["lr"], group["alpha"], group["eps"]) == (lr, 0.9, 1e-7)
        for step in (0, 1, 10_000):
            assert turn.schedule(64 * step, 10**9) == pytest.approx(1 / (1 + decay * step), rel=1e-14)
    norms = [m for m in run.game.generator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [m.num_features for m in norms] == [128, 128, 64, 32]
    assert {(m.eps, round(1 - m.momentum, 12)) for m in norms} == {(1e-3, 0.99)}


def test_what_the_recipe_shows():
    from ganzoo.zoo.dcgan import RECIPE

    assert RECIPE.record_every_steps == 1
    assert {part.name: part.options for part in RECIPE.callback}["samples"]["count"] == 16


def test_batches_are_drawn_with_replacement(tmp_path):
    run = ready("dcgan", tmp_path, Part("standin:digits", size=64))
    drawn = run.feed.batch(0)[0].flatten(1)
    assert len(drawn) == 64
    assert 30 < len(drawn.unique(dim=0)) < 55  # about 1 - 1/e of 64, which is 40


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_weights_are_glorot_uniform_and_biases_zero(tmp_path, player):
    run = ready("dcgan", tmp_path, DATASET)
    for layer in run.game.players[player].modules():
        if isinstance(layer, nn.Linear):
            fans = layer.in_features + layer.out_features
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            fans = 25 * (layer.in_channels + layer.out_channels)
        else:
            continue
        limit = math.sqrt(6 / fans)
        assert 0.98 * limit < layer.weight.abs().max() <= limit
        assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.1)
        assert (layer.bias == 0).all()
