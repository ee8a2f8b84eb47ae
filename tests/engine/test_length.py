"""How long a run lasts, and that everything is counted in images."""

import pytest
import torch

from ganzoo.recipe import Part

from .small import ready

DATA = Part("standin:points", size=40)


@pytest.mark.parametrize(
    ("length", "batch", "last_batch", "steps", "images"),
    [
        ({"epochs": 2}, 8, "keep", 10, 80),
        ({"epochs": 2}, 16, "keep", 6, 80),
        ({"epochs": 2}, 16, "drop", 4, 64),
        ({"epochs": 2}, 16, "merge", 4, 80),
        ({"epochs": 0.5}, 8, "keep", 2, 16),
        ({"epochs": 0.001}, 8, "keep", 1, 8),
        ({"steps": 7}, 8, "keep", 7, 56),
        ({"steps": 7}, 16, "keep", 7, 40 + 40 + 16),
        ({"images": 80}, 8, "keep", 10, 80),
        ({"images": 81}, 8, "keep", 11, 88),
        ({"images": 1}, 8, "keep", 1, 8),
        ({"images": 40}, 16, "keep", 3, 40),
        ({"images": 33}, 16, "keep", 3, 40),
        ({"images": 32}, 16, "keep", 2, 32),
        ({"images": 65}, 16, "drop", 5, 80),
    ],
)
def test_steps_and_images_of_a_run(tmp_path, length, batch, last_batch, steps, images):
    run = ready(tmp_path, dataset=DATA, batch=batch, last_batch=last_batch, **length)
    assert run.total_steps == steps
    assert run.images_before(steps) == images


def test_position_is_counted_in_images_and_epochs(tmp_path):
    run = ready(tmp_path, dataset=DATA, batch=16, epochs=2)
    seen = []
    for _ in range(run.total_steps):
        run.play()
        seen.append((run.images, round(run.epoch, 3)))
    assert seen == [(16, 0.333), (32, 0.667), (40, 1), (56, 1.333), (72, 1.667), (80, 2)]


@pytest.mark.parametrize("schedule", [Part("linear", hold=0.25), Part("inverse-time", decay_per_image=0.01)])
def test_the_batch_moves_no_schedule(tmp_path, schedule):
    rates = []
    for batch in (4, 8, 20):
        run = ready(
            tmp_path,
            dataset=DATA,
            batch=batch,
            images=240,
            d_schedule=schedule,
            d_optimizer=Part("adam", lr=1.0),
        )
        found = {}
        for _ in range(run.total_steps):
            found[run.images] = None
            images = run.images
            run.play()
            found[images] = run.game.turns[0].optimizer.param_groups[0]["lr"]
        rates.append(found)
    common = set.intersection(*map(set, rates))
    assert len(common) >= 6
    for images in common:
        assert rates[0][images] == pytest.approx(rates[1][images], rel=1e-12)
        assert rates[0][images] == pytest.approx(rates[2][images], rel=1e-12)
    assert len({round(rates[0][images], 6) for images in common}) > 3


def test_learning_rates_are_the_factor_times_the_first(tmp_path):
    run = ready(
        tmp_path,
        dataset=DATA,
        batch=8,
        images=80,
        d_schedule=Part("linear", hold=0.5),
        d_optimizer=Part("sgd", lr=0.5),
        g_optimizer=Part("sgd", lr=0.25),
    )
    d_rates, g_rates = [], []
    for _ in range(10):
        run.play()
        d_rates.append(run.game.turns[0].optimizer.param_groups[0]["lr"])
        g_rates.append(run.game.turns[1].optimizer.param_groups[0]["lr"])
    assert d_rates == pytest.approx([0.5] * 6 + [0.4, 0.3, 0.2, 0.1])
    assert g_rates == [0.25] * 10


@pytest.mark.parametrize("batch", [4, 8, 12, 20])
def test_the_average_counts_images(tmp_path, batch):
    """Where the weights never move but once, the average is a function of the images seen since."""
    run = ready(
        tmp_path,
        dataset=DATA,
        batch=batch,
        images=240,
        ema_half_life_images=120,
        g_optimizer=Part("sgd", lr=1e-30),
    )
    before = [p.detach().clone() for p in run.game.generator.parameters()]
    with torch.no_grad():
        for parameter in run.game.generator.parameters():
            parameter.add_(1)
    for _ in range(run.total_steps):
        run.play()
    for mine, old in zip(run.average.network.parameters(), before, strict=True):
        torch.testing.assert_close(mine - old, torch.full_like(old, 0.75), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("every", "due"),
    [
        ({"epochs": 1}, [3, 6, 9]),
        ({"epochs": 2}, [6]),
        ({"epochs": 0.3}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"steps": 4}, [4, 8]),
        ({"epochs": 1, "steps": 4}, [4, 8]),
        ({}, []),
    ],
)
def test_what_is_due_when(tmp_path, every, due):
    run = ready(tmp_path, dataset=DATA, batch=16, epochs=3)
    found = []
    for _ in range(9):
        run.play()
        if run.is_due(**every):
            found.append(run.step)
    assert found == due
