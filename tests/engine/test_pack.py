"""Packing: the discriminator judges several samples side by side."""

import pytest
import torch

from ganzoo.engine.game import Batch
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part

from .small import ready

PICTURES = Part("standin:pictures", side=8, channels=3, classes=4)


@pytest.mark.parametrize("dataset", [PICTURES, Part("standin:points")], ids=["pictures", "points"])
@pytest.mark.parametrize("pack", [2, 4])
def test_d_sees_samples_joined_in_their_order(tmp_path, dataset, pack):
    run = ready(tmp_path, dataset=dataset, game=Part("standard", pack=pack), batch=8)
    seen = []
    run.game.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    real, _ = run.feed.batch(0)
    run.play()
    rows = [torch.cat(tuple(real[i : i + pack])) for i in range(0, 8, pack)]
    assert torch.equal(seen[0][: 8 // pack], torch.stack(rows))
    assert [len(x) for x in seen] == [2 * 8 // pack, 8 // pack]
    assert run.game.generator(torch.zeros(1, 3)).shape[1:] == run.spec.shape


def test_a_rest_is_not_shown(tmp_path):
    run = ready(tmp_path, dataset=Part("standin:points", size=11), game=Part("standard", pack=2), batch=4)
    assert len(run.feed.batch(2)[0]) == 3
    loss, stats = run.game.d_loss(Batch(*run.feed.batch(2)))
    assert loss.isfinite()
    assert len(stats["real_scores"]) == 1
    assert run.score(torch.zeros(9, 2)).shape == (4,)


def test_augmentations_adapt_to_samples_not_to_packs(tmp_path):
    pictures = Part("standin:pictures", side=8, channels=1)
    parts = {"generator": Part("dcgan", width=4), "discriminator": Part("dcgan", width=4)}
    augmentation = (Part("adaptive", every_steps=100),)
    run = ready(tmp_path, game=Part("standard", pack=2), dataset=pictures, augmentation=augmentation, **parts)
    run.play()
    (adaptive,) = run.game.contest.view.modules.values()
    assert adaptive.seen == 4


def test_a_penalty_is_taken_of_whole_packs(tmp_path):
    run = ready(
        tmp_path, game=Part("standard", pack=2), penalty=(Part("r1", gamma=2.0),), precision="float64"
    )
    real, _ = run.feed.batch(0)
    packs = real.reshape(2, 4).requires_grad_(True)
    (gradient,) = torch.autograd.grad(run.game.discriminator(packs).sum(), packs)
    expected = (gradient**2).sum(1).mean()
    value = run.game.contest.penalties[0](packs.detach(), packs.detach(), None)
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 5}, "cannot pack 2 of a batch of 5"),
        ({"batch": 6, "dataset": Part("standin:points", size=13)}, "the smallest of 1"),
        (
            {"dataset": PICTURES, "generator": Part("cgan"), "discriminator": Part("cgan")},
            "packs 2 samples and discriminator cgan judges one label",
        ),
    ],
)
def test_what_cannot_be_packed_is_refused(tmp_path, changes, words):
    with pytest.raises(MisfitError, match=words):
        ready(tmp_path, game=Part("standard", pack=2), **changes)
