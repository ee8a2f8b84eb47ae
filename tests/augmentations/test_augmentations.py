"""Augmentations: what they change, what they leave, and how the adaptive one adapts."""

import math

import pytest
import torch

from ganzoo.augmentations.adaptive import Adaptive, hue_rotation, move
from ganzoo.augmentations.diffaugment import DiffAugment, change_color, cut_out, translate
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

from engine.small import ready  # isort: skip

PICTURES = DataSpec((3, 8, 12), (-1.0, 1.0), None, 16)


def pictures(count: int = 64, shape: tuple[int, ...] = (3, 8, 12)) -> torch.Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


def test_translation_moves_whole_pictures_by_up_to_an_eighth():
    x = pictures(200, (2, 8, 16))
    seen = set()
    for before, after in zip(x, translate(x, 0.125), strict=True):
        shifts = [(down, across) for down in range(-1, 2) for across in range(-2, 3)]
        padded = torch.nn.functional.pad(before, (2, 2, 1, 1))
        fits = [
            (down, across)
            for down, across in shifts
            if torch.equal(after, padded[:, 1 + down : 9 + down, 2 + across : 18 + across])
        ]
        assert len(fits) == 1
        seen.add(fits[0])
    assert len(seen) == 15


def test_cutout_blanks_one_rectangle_of_half_the_sides():
    x = torch.ones(200, 2, 8, 12)
    y = cut_out(x, 0.5)
    assert ((y == 0) | (y == 1)).all()
    assert torch.equal(y[:, 0], y[:, 1])
    for picture in y[:, 0] == 0:
        rows, columns = picture.any(1), picture.any(0)
        assert torch.equal(picture, rows[:, None] & columns[None])
        assert rows.sum() <= 4
        assert columns.sum() <= 6
    assert max((picture == 0).sum().item() for picture in y[:, 0]) == 24


def test_colour_keeps_contrasts_within_a_picture_in_proportion():
    grey = pictures(20, (1, 8, 8))
    changed = change_color(grey)
    for before, after in zip(grey, changed, strict=True):
        scale = after.std() / before.std()
        assert 0.5 <= scale <= 1.5
        torch.testing.assert_close(after - after.mean(), (before - before.mean()) * scale)
        assert abs(after.mean() - before.mean()) <= 0.5


@pytest.mark.parametrize("factory", [DiffAugment, Adaptive])
def test_pictures_only(factory):
    with pytest.raises(ValueError, match="it changes pictures and the data are 2"):
        factory(DataSpec((2,), None, None, 4))


@pytest.mark.parametrize("options", [{"color": False}, {"color": False, "cutout": 0.0, "translation": 0.0}])
def test_another_range_is_blanked_in_its_middle(options):
    augment = DiffAugment(DataSpec((3, 8, 12), (0.0, 1.0), None, 16), **options)
    y = augment(torch.ones(4, 3, 8, 12))
    assert set(y.unique().tolist()) == ({0.5, 1.0} if len(options) == 1 else {1.0})


def test_at_probability_zero_nothing_changes():
    x = pictures()
    torch.testing.assert_close(Adaptive(PICTURES).double()(x), x, rtol=0, atol=1e-12)


def test_flips_and_right_angles_move_pixels_as_they_are():
    """Of a square picture, only whole pixels are taken."""
    x = pictures(50, (1, 8, 8))
    torch.manual_seed(0)
    moved = move(x, torch.tensor(1.0), True, False)
    for before, after in zip(x, moved, strict=True):
        near = (after[..., None] - before.flatten()).abs().min(-1).values
        assert near.max() < 1e-9


def test_hue_turns_about_grey():
    turns = hue_rotation(torch.tensor([0.3, 2 * math.pi / 3], dtype=torch.float64))
    grey = torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(turns @ grey, grey.expand(2, 3))
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3, dtype=torch.float64).expand(2, 3, 3))
    red, green, _ = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(turns[1] @ red, green)


def test_p_rises_while_d_is_sure_and_falls_while_it_is_not():
    augment = Adaptive(PICTURES, target=0.6, images=100, every_steps=2)
    sure, unsure = torch.ones(5), torch.tensor([1.0, -1, 1, -1, 1])
    course = []
    for scores in (sure, sure, sure, unsure, unsure, unsure, unsure, unsure, unsure, unsure):
        augment.observe(scores)
        course.append(round(augment.p.item(), 6))
    # mean signs of two turns: 1; (1 + 0.2) / 2 = 0.6, which is the target; 0.2; 0.2; 0.2
    assert course[:2] == [0.0, 0.1]
    assert course[-1] <= course[1]
    assert course[5] < course[1] + 0.11
    assert min(course) == 0.0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels(channels):
    augment = Adaptive(DataSpec((channels, 7, 5), (0.0, 1.0), None, 4), start=1.0)
    x = torch.rand(6, channels, 7, 5, requires_grad=True)
    y = augment(x)
    assert y.shape == x.shape
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_d_sees_augmented_samples_and_g_learns_through_them(tmp_path):
    run = ready(
        tmp_path,
        dataset=Part("standin:pictures", side=8),
        augmentation=(Part("diffaugment", cutout=1.0, color=False, translation=0.0),),
    )
    seen = []
    run.game.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    run.play()
    blanks = [(x.flatten(1) == 0).float().mean().item() for x in seen]
    assert min(blanks) > 0.2
    assert run.game.view.modules.keys() == run.game.modules.keys() == {"augmentation-1"}


def test_points_cannot_be_augmented(tmp_path):
    with pytest.raises(MisfitError, match="augmentation diffaugment cannot be used with dataset "):
        ready(tmp_path, augmentation=(Part("diffaugment"),))
