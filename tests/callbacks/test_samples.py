"""Grids of samples: what is in them, when they are drawn and how they are numbered."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import ganzoo
from ganzoo import pictures
from ganzoo.callbacks.samples import arrange

from .small import listen, train


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "samples").iterdir())


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (directory / "samples").iterdir()}


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, ["000"]),
        ({"every_epochs": 1.0}, ["000", "001", "002"]),
        ({"every_epochs": 2.0}, ["000", "001"]),
        ({"every_epochs": 0.5}, ["000", "001", "002", "003", "004", "005"]),
        ({"every_steps": 5, "every_epochs": 1.0}, ["000", "001"]),
        ({"every_steps": 100}, ["000"]),
    ],
)
def test_pictures_are_numbered_by_occurrence_and_a_last_one_is_drawn(
    tmp_path: Path, options: dict[str, Any], numbers: list[str]
) -> None:
    train(tmp_path / "run", "samples", **options)
    assert names(tmp_path / "run") == [f"{number}.png" for number in numbers]


def test_a_resumed_run_draws_what_an_uninterrupted_one_draws(tmp_path: Path) -> None:
    options = {"every_steps": 4, "of": "batch"}
    train(tmp_path / "whole", "samples", length={"steps": 11}, **options)
    train(tmp_path / "parts", "samples", length={"steps": 6}, **options)
    assert names(tmp_path / "parts") == ["000.png", "001.png"]
    # The last picture of step 6 gives way to that of step 8.
    ganzoo.resume(tmp_path / "parts", steps=11, typed={"dataset": "callbacks.small:labelled"})
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_the_picture_shows_the_samples_that_other_callbacks_are_told_of(tmp_path: Path) -> None:
    told: list[tuple[Tensor, Path]] = []

    def samples(samples: Tensor, path: Path) -> None:
        told.append((samples, path))

    made = train(tmp_path / "run", "samples", count=7, listeners=[listen("samples", samples)])
    (shown, path) = told[0]
    assert shown.shape == (7, 1, 6, 5)
    assert torch.equal(shown, made.generate(7))
    grid = pictures.grid(shown, (-1.0, 1.0))
    drawn = np.asarray(Image.open(path))[: grid.shape[0], : grid.shape[1], :1]
    assert np.array_equal(drawn, grid)


def test_fixed_noise_stays_and_noise_of_the_batch_changes(tmp_path: Path) -> None:
    for of in ("fixed", "batch"):
        told: list[Tensor] = []

        def samples(samples: Tensor, told: list[Tensor] = told) -> None:
            told.append(samples)

        train(
            tmp_path / of,
            "samples",
            of=of,
            every_steps=1,
            length={"steps": 2},
            set={"g_optimizer.lr": 1e-30},
            listeners=[listen("samples", samples)],
        )
        assert torch.equal(told[0], told[1]) == (of == "fixed")


def test_a_stretched_picture_reaches_black_and_white(tmp_path: Path) -> None:
    for stretch in (False, True):
        train(tmp_path / str(stretch), "samples", stretch=stretch, count=4)
    plain, stretched = (np.asarray(Image.open(tmp_path / s / "samples/000.png")) for s in ("False", "True"))
    inside = np.s_[4:28, 4:24]
    assert plain[inside].max() - plain[inside].min() < 255
    assert stretched[:-30].min() == 0


def test_conditional_samples_lie_in_rows_by_class() -> None:
    labels, columns = arrange(100, 10)
    assert columns == 10
    assert labels is not None
    assert labels.view(10, 10).tolist() == [[digit] * 10 for digit in range(10)]


@pytest.mark.parametrize(("count", "drawn", "columns"), [(64, 60, 6), (16, 16, 4), (20, 20, 5), (3, 3, 3)])
def test_other_counts_of_conditional_samples_fill_rows_or_go_through_the_classes(
    count: int, drawn: int, columns: int
) -> None:
    labels, found = arrange(count, 10)
    assert labels is not None
    assert (len(labels), found) == (drawn, columns)
    assert set(labels.tolist()) == set(range(10)) if count >= 10 else len(set(labels.tolist())) == count


def test_unconditional_samples_have_no_labels() -> None:
    assert arrange(25, None) == (None, 5)


def test_a_conditional_generator_is_asked_for_its_rows(tmp_path: Path) -> None:
    told: list[Tensor] = []

    def samples(samples: Tensor) -> None:
        told.append(samples)

    made = train(tmp_path / "run", "samples", recipe="cgan", count=18, listeners=[listen("samples", samples)])
    labels = torch.arange(4).repeat_interleave(4)
    assert torch.equal(told[0], made.generate(16, labels))


def test_the_caption_holds_the_probabilities_of_its_step(tmp_path: Path) -> None:
    made = train(tmp_path / "run", "samples")
    callback = made.callbacks["samples"]
    assert callback.caption(made) == ["epoch 3", "120 images"]
    callback.record(numbers={"step": 6, "p_real": 0.75, "p_fake": 0.25})
    assert callback.caption(made)[2:] == ["p_real 0.750", "p_fake 0.250"]
    callback.record(numbers={"step": 5, "p_real": 0.75, "p_fake": 0.25})
    assert callback.caption(made)[2:] == []
