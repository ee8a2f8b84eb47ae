"""Grids, pixel by pixel."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganzoo import pictures


def flat(*values: float, channels: int = 1, height: int = 2, width: int = 3) -> Tensor:
    """Pictures of one value each."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, channels, height, width)


def test_each_picture_lies_in_its_place_between_white_lines() -> None:
    made = pictures.grid(flat(-1.0, 0.0, 1.0), (-1.0, 1.0), columns=2, scale=1, padding=1)
    w, a, b, c = 255, 0, 128, 255
    expected = [
        [w, w, w, w, w, w, w, w, w],
        [w, a, a, a, w, b, b, b, w],
        [w, a, a, a, w, b, b, b, w],
        [w, w, w, w, w, w, w, w, w],
        [w, c, c, c, w, w, w, w, w],  # the last row is incomplete
        [w, c, c, c, w, w, w, w, w],
        [w, w, w, w, w, w, w, w, w],
    ]
    assert made.dtype == np.uint8
    assert made[:, :, 0].tolist() == expected


def test_pixels_are_repeated_not_blended() -> None:
    picture = torch.rand(1, 3, 4, 5)
    made = pictures.grid(picture, (0.0, 1.0), scale=3, padding=0)
    assert made.shape == (12, 15, 3)
    assert np.array_equal(made[::3, ::3], pictures.to_uint8(picture, (0.0, 1.0))[0])
    assert np.array_equal(made[2::3, 2::3], made[::3, ::3])


def test_bytes_survive_the_way_through_the_networks_range() -> None:
    stored = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    scaled = stored.float() * (2 / 255) - 1
    assert np.array_equal(pictures.to_uint8(scaled, (-1.0, 1.0))[0, :, :, 0], stored[0, 0].numpy())


def test_values_beyond_the_range_are_cut_off_and_nan_is_dark() -> None:
    values = torch.tensor([-5.0, 5.0, float("nan"), float("inf"), float("-inf")]).view(5, 1, 1, 1)
    assert pictures.to_uint8(values, (-1.0, 1.0)).flatten().tolist() == [0, 255, 0, 255, 0]


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), None])
def test_stretched_pictures_use_their_own_minimum_and_maximum(
    value_range: tuple[float, float] | None,
) -> None:
    values = torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1, 1)
    assert pictures.to_uint8(values, value_range, stretch=True).flatten().tolist() == [0, 128, 255]


def test_pictures_of_one_value_cannot_be_stretched_and_keep_their_range() -> None:
    assert pictures.to_uint8(flat(1.0), (-1.0, 1.0), stretch=True).max() == 255


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 4), (5, 3)])
def test_as_many_channels_are_shown_as_a_file_can_hold(channels: int, shown: int) -> None:
    made = pictures.grid(torch.rand(3, channels, 4, 4), (0.0, 1.0))
    assert made.shape[2] == shown
    content = pictures.png(pictures.with_caption(made, ["text"]))
    assert len(Image.open(io.BytesIO(content)).getbands()) == (4 if shown == 4 else 3)


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (10, 5), (16, 4), (25, 5), (64, 8), (13, 4)])
def test_grids_are_nearly_square(count: int, columns: int) -> None:
    assert pictures.near_square(count) == columns


def test_a_png_file_holds_the_very_pixels() -> None:
    made = pictures.grid(torch.rand(5, 3, 7, 6), (0.0, 1.0))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(made)))), made)
    grey = pictures.grid(torch.rand(5, 1, 7, 6), (0.0, 1.0))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(pictures.png(grey)))), grey[:, :, 0])


def test_a_caption_leaves_the_picture_as_it_is_and_breaks_where_it_must() -> None:
    made = pictures.grid(torch.rand(4, 3, 28, 28), (0.0, 1.0), scale=2)
    short, long = (pictures.with_caption(made, parts) for parts in (["one"], ["epoch 1000"] * 3))
    for captioned in (short, long):
        assert np.array_equal(captioned[: made.shape[0], : made.shape[1]], made)
        assert captioned[made.shape[0] :].min() < 100
    assert long.shape[0] > short.shape[0]
    assert long.shape[1] == made.shape[1]


def test_a_caption_wider_than_its_picture_is_not_cut() -> None:
    made = pictures.with_caption(pictures.grid(flat(0.0), (-1.0, 1.0), scale=1), ["400,000,000 images"])
    assert made.shape[1] > 100
    assert made[:, -2:].min() == 255


def test_pictures_stand_side_by_side_under_their_titles() -> None:
    left, right = (pictures.grid(torch.rand(4, 3, 8, 8), (0.0, 1.0)) for _ in range(2))
    made = pictures.side_by_side([("real", "#0072B2", left), ("generated", "#D55E00", right)])
    height, width, _ = left.shape
    assert np.array_equal(made[-height:, :width], left)
    assert np.array_equal(made[-height:, -width:], right)
    assert made[:-height, :width].min() < 100
