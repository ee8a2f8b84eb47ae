"""Repeating: the same seed and recipe give the same bits, whatever else watches."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

import ganzoo
from ganzoo import registry
from ganzoo.engine.run import Run
from ganzoo.errors import MisfitError
from ganzoo.hooks import hookimpl
from ganzoo.recipe import Part

from .small import ready, same, weights

QUIET = "engine.small:QUIET"


def train(out: Path, recipe: str = QUIET, **given: Any) -> Run:
    """A short run on little data of its own."""
    options = {"dataset.size": 20, **given.pop("set", {})}
    settings = {"threads": 1, "device": "cpu", **given}
    return ganzoo.run(recipe, "gaussian", out=out, set=options, **settings)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    "given",
    [
        {"seed": 3},
        {"penalty": "wgan-gp", "loss": "hinge", "precision": "bfloat16"},
        {"discriminator": "vanilla", "set": {"game.share": "nothing", "ema_half_life_images": 100}},
        {"generator": "vanilla-bn", "set": {"latent_distribution": "uniform", "order": "replacement"}},
        {"epochs": 2, "batch": 7, "set": {"last_batch": "merge", "d_optimizer.lr": 1e-2}},
    ],
    ids=lambda given: next(iter(given)),
)
def test_a_run_is_repeated_to_the_bit_from_its_run_toml(tmp_path, given):
    train(tmp_path / "first", **given)
    ganzoo.run(config=tmp_path / "first" / "run.toml", out=tmp_path / "second")
    ganzoo.run(config=tmp_path / "second", out=tmp_path / "third")
    first, *others = (files(tmp_path / name) for name in ("first", "second", "third"))
    for other in others:
        assert first.keys() == other.keys()
        assert [name for name in first if first[name] != other[name]] == []


@pytest.mark.parametrize("recipe", ["vanilla", "vanilla-bn", "cgan", "gaussian", "dcgan", "fashion"])
def test_every_recipe_comes_back_from_its_run_toml(tmp_path, recipe):
    made = ganzoo.run(recipe, "mnist", out=tmp_path / "run", dry_run=True)
    from ganzoo.engine import directory
    from ganzoo.recipe import Recipe

    directory.create(tmp_path / "run", recipe, made.recipe, made.settings.to_table(), {})
    again = ganzoo.run(config=tmp_path / "run", out=tmp_path / "again", dry_run=True)
    assert again.recipe == made.recipe
    assert again.settings == made.settings
    assert Recipe.from_table(made.recipe.to_table()) == made.recipe
    assert same(weights(made), weights(again))


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tmp_path / name, seed=seed)
    a, b, c = (files(tmp_path / name) for name in "abc")
    assert a == b
    for name in ("generator.safetensors", "metrics.jsonl"):
        assert a[name] != c[name]


@pytest.mark.parametrize("generator", ["vanilla", "vanilla-bn", "dcgan"])
def test_dropout_and_batch_norm_repeat_too(tmp_path, generator):
    found = []
    for seed in range(2):
        torch.manual_seed(seed)
        run = ready(tmp_path, generator=Part(generator), dataset=Part("standin:pictures"))
        for _ in range(3):
            run.play()
        found.append(weights(run))
    assert same(*found)


def test_what_the_process_did_before_changes_nothing(tmp_path):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        run = ready(tmp_path, generator=Part("vanilla"), penalty=(Part("wgan-gp"),))
        for _ in range(3):
            torch.randn(seed + 1)
            run.play()
        runs.append(weights(run))
    assert same(*runs)


def test_another_discriminator_leaves_the_generator_s_first_weights(tmp_path):
    first, second = (ready(tmp_path, discriminator=Part(name)) for name in ("vanilla", "gaussian"))
    assert same(*(dict(run.game.generator.state_dict()) for run in (first, second)))


def test_another_generator_leaves_the_discriminator_s_first_weights(tmp_path):
    first, second = (ready(tmp_path, generator=Part(name)) for name in ("vanilla", "gaussian"))
    assert same(*(dict(run.game.discriminator.state_dict()) for run in (first, second)))


class Restless:
    """A callback that draws, scores and disturbs whatever it can reach."""

    @hookimpl
    def step_end(self, run: Run) -> None:
        torch.manual_seed(0)
        torch.randn(100)
        real, labels = run.real(8)
        run.score(real, labels)
        run.score(run.generate(8), labels)

    @hookimpl
    def record(self) -> None:
        torch.rand(3)


@pytest.mark.parametrize("generator", ["fashion", "vanilla", "vanilla-bn"])
def test_looking_and_saving_change_no_weight(tmp_path, generator):
    """Records, measures and checkpoints on the way, or none of them: the same bits."""
    plain = train(tmp_path / "plain", generator=generator, checkpoint_every=None)
    watched = train(
        tmp_path / "watched",
        generator=generator,
        checkpoint_every="1steps",
        listeners=[Restless()],
        set={"record_every_steps": 1},
    )
    assert same(weights(plain), weights(watched))


def test_every_callback_on_changes_no_weight(tmp_path):
    plain = train(tmp_path / "plain")
    every = [c.name for c in registry.components("callbacks") if c.is_builtin]
    watched = train(tmp_path / "watched", callback=every, sample_every="2steps")
    assert (tmp_path / "watched" / "plots" / "density.png").exists()
    assert same(weights(plain), weights(watched))


def test_a_dry_run_writes_nothing_and_loads_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from ganzoo.datasets.gaussian import Gaussian

    monkeypatch.setattr(Gaussian, "load", lambda *_: pytest.fail("data were loaded"))
    assert train(tmp_path / "run", dry_run=True).step == 0
    ganzoo.run("gaussian", "gaussian", dry_run=True)
    with pytest.raises(MisfitError):
        train(tmp_path / "run", dry_run=True, generator="dcgan")
    assert os.listdir(tmp_path) == []


def test_records_say_where_they_are(tmp_path):
    train(tmp_path / "run", epochs=2, batch=4, set={"record_every_steps": 2})
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["images"], line["epoch"]) for line in lines] == [
        (2, 8, 0.4), (4, 16, 0.8), (5, 20, 1.0), (7, 28, 1.4), (9, 36, 1.8), (10, 40, 2.0)
    ]  # fmt: skip
