"""Comparing runs: what differs, and pictures that really show several."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from matplotlib.figure import Figure
from PIL import Image

import ganzoo as library
from ganzoo import comparison_pictures, figures, pictures
from ganzoo.comparison import evaluations, names_of
from ganzoo.errors import CheckpointError, UsageError
from ganzoo.recipe import Part, Recipe

TINY = Recipe(
    generator=Part("vanilla", width=4),
    discriminator=Part("vanilla", width=4),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=1e-3),
    g_optimizer=Part("adam", lr=1e-3),
    dataset=Part("gaussian", size=20),
    latent=2,
    batch=10,
    steps=4,
    record_every_steps=1,
    callback=(),
)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train a tiny run into a folder: `train("a", loss="hinge")`."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "tiny.toml"

    def run(out, dataset="gaussian", **given):
        recipe = TINY if dataset == "gaussian" else TINY.with_part("dataset", Part(dataset))
        config.write_text(tomli_w.dumps({"recipe": recipe.to_table()}))
        return library.run(config=config, dataset=dataset, out=tmp_path / out, threads=1, **given).directory

    return run


def test_only_what_differs_is_listed(train):
    found = library.compare(
        train("a"), train("b", loss="hinge", set={"generator.width": 8}), train("c", penalty="r1", seed=3)
    )
    assert found.names == ("a", "b", "c")
    assert found.differences == {
        "generator.width": (4, 8, 4),
        "loss": ("bce", "hinge", "bce"),
        "penalty": ("none", "none", "r1"),
        "seed": (0, 0, 3),
    }


def test_the_same_recipe_twice_differs_in_nothing(train, ganzoo):
    train("a")
    train("b")
    done = ganzoo("compare", "a", "b")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("The recipes and settings are the same.")


def test_newest_numbers_and_files(train, tmp_path):
    a, b = train("a"), train("b", seed=1)
    found = library.compare(a, b, out=tmp_path / "new" / "folder")
    records = [json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1]) for folder in (a, b)]
    assert found.numbers["d_loss"] == tuple(record["d_loss"] for record in records)
    assert [path.name for path in found.files] == ["compare.png", "compare-samples.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.files)
    assert json.loads(json.dumps(found.to_table()))["runs"] == [str(a), str(b)]


def test_measures_come_with_their_floors(train, ganzoo):
    a, b = train("a"), train("b", seed=1)
    lines = [{"metrics": {"distance": {"fd": {"value": value, "floor": 0.25}}}} for value in (9.0, 1.5)]
    (a / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = ganzoo("compare", str(a), str(b), "--json")
    assert json.loads(done.out)["measures"] == {"fd": [{"value": 1.5, "floor": 0.25}, None]}
    assert ["fd", "1.5", "-"] in [line.split() for line in ganzoo("compare", str(a), str(b)).out.splitlines()]


def test_a_damaged_evaluation(tmp_path):
    (tmp_path / "evaluations.jsonl").write_text("{}\n")
    with pytest.raises(CheckpointError, match="holds a line that is no evaluation"):
        evaluations(tmp_path)


def test_samples_are_those_of_one_seed(train):
    a, b = train("a"), train("b", seed=1)
    expected = [library.load(run).sample(1000, seed=0) for run in (a, b)]
    content = comparison_pictures.samples(["a", "b"], expected)
    found = library.compare(a, b)
    assert found.files[1].read_bytes() == content


def test_pictures_lie_side_by_side_in_the_order_of_the_runs():
    dark, light = torch.full((4, 1, 8, 8), -1.0), torch.full((4, 1, 8, 8), 1.0)
    content = comparison_pictures.samples(["dark", "light"], [dark, light])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    one = pictures.grid(dark, (-1.0, 1.0))
    body = pixels[-one.shape[0] :]
    assert (body[:, : one.shape[1]] == one[:, :, 0]).all()
    assert (body[:, -one.shape[1] :] == 255).all()


def test_the_numbers_to_draw_are_shared_ones_measures_first():
    one = [{"step": 1, "images": 9, "g_loss": 1.0, "d_loss": 1.0, "fd": 3.0, "fd_floor": 1.0, "mine": 1.0}]
    other = [{"step": 1, "images": 9, "g_loss": 1.0, "fd": 2.0, "fd_floor": 1.0}]
    assert comparison_pictures.shared([one, other]) == ["fd", "g_loss"]
    assert comparison_pictures.shared([one, [], other, one]) == ["fd", "g_loss", "d_loss"]
    assert comparison_pictures.shared([one * 2, one])[-1] == "mine"
    assert comparison_pictures.curves(["a", "b"], [one, []]) is None


def test_numbers_that_are_not_finite_leave_a_gap():
    records = [{"images": 1, "kl": 2.0}, {"images": 2, "kl": None}, {"images": 3, "kl": 1.0}, {"images": 4}]
    images, values = comparison_pictures.series(records, "kl")
    assert (images.tolist(), values.tolist()) == ([1.0, 3.0], [2.0, 1.0])


def test_vectors_of_many_dimensions_have_no_picture():
    assert comparison_pictures.samples(["a", "b"], [torch.randn(5, 3)] * 2) is None
    assert comparison_pictures.samples(["a$", "b_"], [torch.randn(50, 2)] * 2) is not None


def test_more_runs_than_colours_still_differ():
    many = [look for look, _ in zip(comparison_pictures.looks(), range(20), strict=False)]
    assert len({str(look) for look in many}) == 20


def test_names_that_are_the_same_are_paths():
    assert names_of([Path("x/a"), Path("y/b")]) == ["a", "b"]
    assert names_of([Path("x/a"), Path("y/a")]) == ["x/a", "y/a"]


def test_what_cannot_be_compared(train, ganzoo, tmp_path):
    train("a")
    train("digits", "ring", set={"dataset.size": 20})
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([], "name at least two run directories"),
        (["a"], "name at least two run directories"),
        (["a", "a"], "name at least two different ones"),
        (["a", "absent"], "absent is not a run directory: it has no run.toml"),
        (["a", "empty"], "empty is not a run directory"),
        (["a", "digits"], "a makes samples of 1 and digits makes samples of 2. Compare runs whose"),
        (["a", "digits", "--count", "0"], "--count is 0; it must be >= 1"),
    ):
        done = ganzoo("compare", *arguments)
        assert (done.code, done.out) == (2, "")
        assert message in done.err
    with pytest.raises(UsageError, match="name at least two"):
        library.compare(tmp_path / "a")
    assert not (tmp_path / "compare.png").exists()


def test_every_run_is_in_the_legend_also_where_the_last_panel_lacks_it(monkeypatch):
    shown = []

    def draw(title, paint, panels, height):
        axes = list(Figure().subplots(len(panels), 1, squeeze=False)[:, 0])
        paint(axes)
        shown.extend(text.get_text() for text in axes[-1].get_legend().get_texts())
        return b""

    monkeypatch.setattr(figures, "draw", draw)
    some = [{"images": n, "g_loss": 1.0} for n in range(3)]
    more = [{"images": n, "g_loss": 1.0, "d_loss": 2.0} for n in range(3)]
    comparison_pictures.curves(["a", "b", "c"], [some, more, more])
    assert shown == ["a", "b", "c"]
