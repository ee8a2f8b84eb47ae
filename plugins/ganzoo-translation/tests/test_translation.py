"""Both games against straight-line loops, the pool, the data, and the way from a picture to a picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ganzoo_translation.digits import edges
from ganzoo_translation.pool import Pool
from PIL import Image
from torch import Tensor

import ganzoo
from ganzoo import errors
from ganzoo.callbacks._common import labels_for
from ganzoo.cli import main
from ganzoo.datasets.base import DataFolders
from ganzoo.engine.distributed import Group
from ganzoo.engine.game import Batch
from ganzoo.engine.run import Run
from ganzoo.registry import find
from ganzoo.spec import DataSpec
from ganzoo.testing import contract, contract_of
from ganzoo.testing.straight_line import (
    Adam,
    assert_numbers,
    assert_ranks_agree,
    beside,
    seed_step,
    small,
)
from ganzoo.testing.straight_line import ready as begin

TWO_PICTURES = DataSpec((2, 8, 8), (-1.0, 1.0), None, 24)
NARROW = {"generator__width": 4, "discriminator__width": 4}
EXTRA = {
    "pix2pix": {**NARROW, "generator__dropout": 0.0},
    "cyclegan": {**NARROW, "generator__blocks": 1, "game__pool": 5, "game__identity": 5.0},
}
DATA = {"pix2pix": "edges-to-digits", "cyclegan": "digits-to-inverted"}


def options_of(recipe: str) -> dict[str, object]:
    """What makes a run of a recipe on digits small."""
    return {"dataset.digits": "mnist-5k", **{k.replace("__", "."): v for k, v in EXTRA[recipe].items()}}


def ready(recipe: str, folder: Path) -> Run:
    return begin(small(recipe, **EXTRA[recipe], batch=4, steps=10), TWO_PICTURES, folder)


def moves(*networks: torch.nn.Module) -> Adam:
    return Adam([p for network in networks for p in network.parameters()], 2e-4, 0.5, 0.999)


def bce(scores: Tensor, label: int) -> Tensor:
    """-log of the probability that a score gives to its label, the mean."""
    return -(scores if label else -scores).sigmoid().log().mean()


def test_pix2pix_is_a_straight_line_loop(tmp_path: Path) -> None:
    run = ready("pix2pix", tmp_path)
    with beside(run) as copies:
        g, d = copies["generator"], copies["discriminator"]
        g_moves, d_moves = moves(g), moves(d)
        for step in range(2):
            x, y = run.feed.batch(step)[0].split(1, 1)
            made = g(x)
            d_loss = bce(d(torch.cat((x, y), 1)), 1) + bce(d(torch.cat((x, made.detach()), 1)), 0)
            d_moves.minimise(d_loss / 2)
            near = (made - y).abs().mean()
            g_loss = bce(d(torch.cat((x, made), 1)), 1) + 100 * near
            g_moves.minimise(g_loss)
            run.play()
            assert_numbers(run, {"l1": near, "d_loss": d_loss / 2, "g_loss": g_loss})


class PlainPool:
    """The pool as the paper's code has it: a list, and a coin for each picture once it is full."""

    def __init__(self, size: int) -> None:
        self.size, self.pictures = size, []

    def exchange(self, fakes: Tensor) -> Tensor:
        given = []
        for fake, (coin, place) in zip(fakes, torch.rand(len(fakes), 2).tolist(), strict=True):
            if len(self.pictures) < self.size:
                self.pictures.append(fake.clone())
                given.append(fake)
            elif coin > 0.5:
                index = int(place * self.size)
                given.append(self.pictures[index])
                self.pictures[index] = fake.clone()
            else:
                given.append(fake)
        return torch.stack(given)


def test_cyclegan_is_a_straight_line_loop(tmp_path: Path) -> None:
    run = ready("cyclegan", tmp_path)
    with beside(run) as copies:
        g, f = copies["generator"], copies["backward"]
        dy, dx = copies["discriminator"], copies["backward_discriminator"]
        g_moves, d_moves, pools = moves(g, f), moves(dy, dx), (PlainPool(5), PlainPool(5))
        for step in range(4):  # the pools are full from the second step on
            x, y = run.feed.batch(step)[0].split(1, 1)
            seed_step(step)
            to_y, to_x = g(x), f(y)
            deceived = ((dy(to_y) - 1) ** 2).mean() + ((dx(to_x) - 1) ** 2).mean()
            cycle = (f(to_y) - x).abs().mean() + (g(to_x) - y).abs().mean()
            identity = (g(y) - y).abs().mean() + (f(x) - x).abs().mean()
            g_loss = deceived + 10 * cycle + 5 * identity
            g_moves.minimise(g_loss)
            d_loss = torch.zeros((), dtype=torch.float64)
            for judge, real, fake, pool in ((dy, y, to_y, pools[0]), (dx, x, to_x, pools[1])):
                old = pool.exchange(fake.detach())
                d_loss = d_loss + 0.5 * ((judge(real) - 1) ** 2).mean() + 0.5 * (judge(old) ** 2).mean()
            d_moves.minimise(d_loss)
            run.play()
            numbers = {"cycle": cycle, "identity": identity, "d_loss": d_loss, "g_loss": g_loss}
            assert_numbers(run, numbers)
            held = run.game.modules["discriminator_pool"]
            assert torch.allclose(held.pictures[: len(pools[0].pictures)], torch.stack(pools[0].pictures))


def test_two_ranks_equal_one(tmp_path: Path) -> None:
    recipes = {name: small(name, **EXTRA[name], batch=7) for name in EXTRA}
    assert_ranks_agree(tmp_path, recipes, TWO_PICTURES)


def test_no_term_of_cyclegan_knows_which_pictures_came_together(tmp_path: Path) -> None:
    run = ready("cyclegan", tmp_path)
    real, _ = run.feed.batch(0)
    x, y = real.split(1, 1)
    losses = []
    for values in (real, torch.cat((x, y.flip(0)), 1)):
        loss, _ = run.game.g_loss(Batch(values, None))
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_a_pool_of_none_gives_the_new_fakes() -> None:
    fakes = torch.rand(3, 1, 2, 2)
    assert Pool(0, (1, 2, 2)).exchange(fakes, Group()) is fakes


@pytest.mark.parametrize("recipe", ["pix2pix", "cyclegan"])
def test_a_run_that_goes_on_has_the_weights_of_one_that_never_stopped(tmp_path: Path, recipe: str) -> None:
    given = {"set": options_of(recipe), "batch": 4, "device": "cpu", "threads": 1}
    config = tmp_path / "config.toml"
    # The rates of a linear schedule know the length of the run.
    config.write_text('[recipe]\nd_schedule = {name = "constant"}\ng_schedule = {name = "constant"}\n')
    whole = ganzoo.run(recipe, DATA[recipe], out=tmp_path / "whole", steps=6, config=config, **given)
    ganzoo.run(recipe, DATA[recipe], out=tmp_path / "half", steps=3, config=config, **given)
    again = ganzoo.resume(tmp_path / "half", steps=6, device="cpu", threads=1)
    for name, network in {**whole.game.players, **whole.game.modules}.items():
        theirs = {**again.game.players, **again.game.modules}[name].state_dict()
        assert all(torch.equal(v, theirs[key]) for key, v in network.state_dict().items()), name
    assert (whole.directory / "plots" / "translations.png").stat().st_size > 500


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    given = {"steps": 2, "batch": 4, "device": "cpu", "threads": 1, "out": folder / "run"}
    return ganzoo.run("pix2pix", "edges-to-digits", set=options_of("pix2pix"), **given).directory


def test_a_picture_is_made_of_a_picture(trained: Path) -> None:
    made = ganzoo.load(trained)
    x = torch.rand(3, 1, 28, 28) * 2 - 1
    y = made.translate(x)
    assert y.shape == (3, 1, 28, 28)
    assert y.abs().max() <= 1
    assert torch.allclose(y, made.network(x).clamp(-1, 1), atol=1e-6)
    assert torch.allclose(y[1:2], made.translate(x[1:2]), atol=1e-6)


@pytest.mark.parametrize("form", ["folder", "picture", "array", "bytes"])
def test_the_command_line_reads_folders_pictures_and_arrays(trained: Path, tmp_path: Path, form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    numbers = pixels.astype(np.float32)[None, None] / 127.5 - 1
    np.save(tmp_path / "floats.npy", numbers)
    np.save(tmp_path / "bytes.npy", pixels[None])
    names = {"folder": "in", "picture": "in/a.png", "array": "floats.npy", "bytes": "bytes.npy"}
    out = tmp_path / "out.npy"
    assert main(["sample", str(trained), "--input", str(tmp_path / names[form]), "--out", str(out)]) == 0
    expected = ganzoo.load(trained).translate(torch.from_numpy(numbers))
    assert np.allclose(np.load(out), expected.numpy(), atol=1e-6)


def test_both_kinds_of_generators_say_what_they_need(trained: Path, tmp_path: Path) -> None:
    made = ganzoo.load(trained)
    with pytest.raises(errors.UsageError, match="--input"):
        made.sample(2)
    with pytest.raises(errors.UsageError, match="float pictures Nx1x28x28"):
        made.translate(torch.zeros(2, 1, 8, 8))
    with pytest.raises(errors.UsageError, match=r"outside of \[-1, 1\]"):
        made.translate(torch.full((2, 1, 28, 28), 255.0))
    small = {"generator.width": 4, "discriminator.width": 4}
    ganzoo.run("fashion", "mnist-5k", set=small, steps=1, out=tmp_path / "noise")
    with pytest.raises(errors.UsageError, match="starts from noise"):
        ganzoo.load(tmp_path / "noise").translate(torch.zeros(2, 1, 28, 28))
    with pytest.raises(errors.MisfitError, match="starts from noise and game pix2pix gives it pictures"):
        ganzoo.run("pix2pix", "edges-to-digits", generator="fashion", dry_run=True)
    with pytest.raises(errors.MisfitError, match="starts from pictures and game standard gives it noise"):
        ganzoo.run("dcgan", "mnist-5k", generator="pix2pix", dry_run=True)
    with pytest.raises(errors.MisfitError, match="not two pictures joined"):
        ganzoo.run("pix2pix", "mnist-5k", dry_run=True)


def test_edges_are_bright_pixels_beside_dark_ones() -> None:
    digit = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    digit[0, 0, 1:4, 1:4] = 200
    expected = digit.clone() // 200 * 255
    expected[0, 0, 2, 2] = 0
    assert torch.equal(edges(digit), expected)


def test_unpaired_digits_are_on_one_side_only() -> None:
    made = find("datasets", "digits-to-inverted").load()(DataFolders(), digits="mnist-5k")
    x, y = made.load("train").values.split(1, 1)
    left = {picture.numpy().tobytes() for picture in x}
    right = {(255 - picture).numpy().tobytes() for picture in y}
    assert len(left & right) <= 5  # digits that MNIST itself has twice
    assert made.load("test") is None


def draw(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        Image.new("L", (9, 9), int(Path(name).stem)).save(folder / name)
    return folder


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    paired = find("datasets", "paired-folders").load()
    source = draw(tmp_path / "a", ["1.png", "2.png", "10.png"])
    same = draw(tmp_path / "b", ["10.bmp", "1.bmp", "2.bmp"])
    options = {"image_size": 4, "channels": 1}
    values = paired(DataFolders(), source=str(source), target=str(same), **options).load("train").values
    assert values.shape == (3, 2, 4, 4)
    assert torch.equal(values[:, 0], values[:, 1])
    other = draw(tmp_path / "c", ["1.png", "2.png"])
    with pytest.raises(errors.DataError, match="no picture named 10"):
        paired(DataFolders(), source=str(source), target=str(other), **options)


def test_unpaired_folders_repeat_the_smaller(tmp_path: Path) -> None:
    unpaired = find("datasets", "unpaired-folders").load()
    source, other = (
        draw(tmp_path / "a", ["1.png", "2.png"]),
        draw(tmp_path / "b", ["5.png", "6.png", "7.png"]),
    )
    made = unpaired(DataFolders(), source=str(source), target=str(other), image_size=4, channels=1)
    values = made.load("train").values[:, :, 0, 0]
    assert made.spec.size == 3
    assert set(values[:, 0].tolist()) == {1, 2}
    assert sorted(values[:, 1].tolist()) == [5, 6, 7]


NEEDED = {"paired-folders", "unpaired-folders"}


@pytest.mark.parametrize(*contract_of("ganzoo-translation"))
def test_contract(kind: str, name: str, check: str, tmp_path: Path) -> None:
    options: dict[str, object] = {"width": 4} if kind in ("generators", "discriminators") else {}
    if kind == "datasets":
        options = {"digits": "mnist-5k"}
    if name.partition("/")[2] in NEEDED:
        options = {n: str(draw(tmp_path / n, ["1.png", "2.png"])) for n in ("source", "target")}
    contract(kind, name, check, options=options)


@pytest.mark.parametrize("recipe", EXTRA)
def test_probabilities_are_those_of_a_picture_with_what_it_is_made_of(tmp_path: Path, recipe: str) -> None:
    given = {"set": options_of(recipe), "batch": 4, "steps": 2, "device": "cpu", "threads": 1}
    run = ganzoo.run(recipe, DATA[recipe], callback="probabilities", out=tmp_path / "run", **given)
    seen, labels = run.seen(5, "test")
    source, _ = run.game.latent.split(seen)
    judged = run.game.latent.whole(run.generate(5, labels_for(run, labels), start=source), seen)
    assert torch.equal(judged[:, :1], seen[:, :1])
    assert run.score(judged).shape == (5,)
    answers = ("p_real", "p_fake") if recipe == "pix2pix" else ("score_real", "score_fake")
    assert run.metrics.read()[-1].keys() >= {"target_l1" if recipe == "pix2pix" else "cycle_l1"}
    assert any(record.keys() >= set(answers) for record in run.metrics.read())
