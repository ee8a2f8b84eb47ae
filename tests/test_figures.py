"""Figures: what is drawn, and what is left alone."""

import io

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo import figures


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


@pytest.mark.parametrize("features", [1, 2])
def test_vectors_of_one_or_two_numbers_are_drawn_in_the_colours_of_both_sides(features: int) -> None:
    samples = torch.randn(300, features)
    drawn = figures.vectors("a title", samples, samples + 0.5)
    assert drawn is not None
    reddish, bluish = (pixels(drawn)[..., a] - pixels(drawn)[..., b] > 60 for a, b in ((0, 2), (2, 0)))
    assert reddish.any()
    assert bluish.any()


def test_vectors_of_other_sizes_are_not_drawn() -> None:
    assert figures.vectors("a title", torch.randn(10, 3), torch.randn(10, 3)) is None


@pytest.mark.parametrize("real", [torch.zeros(10, 2), None])
def test_samples_that_are_all_the_same_are_drawn(real: torch.Tensor | None) -> None:
    assert figures.vectors("a title", real, torch.ones(10, 2)) is not None


def test_a_figure_is_the_same_bytes_every_time_and_whatever_the_users_style(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = torch.randn(50, 1)
    before = figures.vectors("a title", samples, samples)
    for name, value in {"axes.facecolor": "black", "text.color": "white", "axes.grid": False}.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    assert figures.vectors("a title", samples, samples) == before


def test_titles_are_text_and_long_ones_fit() -> None:
    drawn = pixels(figures.draw("$x_1$ on " + "a very long name " * 8, lambda axes: None))
    title = (drawn[:40] < 128).all(axis=2)
    assert title.any()
    assert not title[:, -8:].any()
