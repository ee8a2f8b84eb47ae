"""The schedules: factors of the learning rate by images seen."""

import pytest

from ganzoo.schedules import constant, inverse_time, linear


def test_constant():
    assert [constant()(images, 100) for images in (0, 50, 100)] == [1, 1, 1]


def test_inverse_time_is_that_of_keras():
    factor = inverse_time(decay_per_image=6e-8 / 64)
    for step in (0, 1, 1000, 10**9):
        assert factor(64 * step, 1) == pytest.approx(1 / (1 + 6e-8 * step), rel=1e-14)


def test_inverse_time_without_a_decay_is_constant():
    assert inverse_time()(10**12, 1) == 1


@pytest.mark.parametrize(
    ("hold", "images", "expected"),
    [
        (0.5, 0, 1),
        (0.5, 500, 1),
        (0.5, 750, 0.5),
        (0.5, 999, 0.002),
        (0.5, 1000, 0),
        (0.0, 250, 0.75),
        (0.9, 950, 0.5),
        (1.0, 999, 1),
    ],
)
def test_linear_holds_then_falls_to_zero(hold, images, expected):
    assert linear(hold=hold)(images, 1000) == pytest.approx(expected)
