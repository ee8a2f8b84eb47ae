"""Repeating: the same seed and recipe give the same bits, whatever else watches."""

import json
import os
from pathlib import Path

import pytest
import torch

import ganzoo
from ganzoo.engine.checkpoint import decode
from ganzoo.hooks import hookimpl
from ganzoo.recipe import Part

from .small import ready, same, weights

TINY = {"dataset.size": 40, "generator.width": 8, "discriminator.width": 8}


def train(out: Path, **given):
    """A short run of `gaussian` on its own data."""
    settings = {"steps": 6, "batch": 8, "threads": 1, "device": "cpu", **given}
    options = {**TINY, **settings.pop("set", {})}
    if "config" in settings:
        return ganzoo.run(
            out=out, threads=1, **{k: v for k, v in settings.items() if k in ("config", "seed")}
        )
    return ganzoo.run("gaussian", "gaussian", out=out, set=options, **settings)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def state(folder: Path) -> dict:
    """What the checkpoint of a run holds."""
    (path,) = (folder / "checkpoints").glob("step-*.safetensors")
    return decode(path.read_bytes(), "the checkpoint")


def test_a_run_is_repeated_to_the_bit_from_its_run_toml(tmp_path):
    recipe = {"penalty": "r1", "loss": "hinge", "precision": "float32", "seed": 3}
    changes = {"d_optimizer.lr": 1e-2, "game.share": "nothing", "latent": 5, "ema_half_life_images": 100}
    train(tmp_path / "first", set=changes, **recipe)
    train(tmp_path / "second", config=tmp_path / "first" / "run.toml")
    first, second = tree(tmp_path / "first"), tree(tmp_path / "second")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_run_is_repeated_from_its_directory_too(tmp_path):
    train(tmp_path / "first", seed=3)
    train(tmp_path / "second", config=tmp_path / "first")
    name = "generator.safetensors"
    assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tmp_path / name, seed=seed)
    a, b, c = (tree(tmp_path / name) for name in "abc")
    assert a == b
    for name in ("generator.safetensors", "metrics.jsonl"):
        assert a[name] != c[name]


@pytest.mark.parametrize("generator", ["vanilla", "vanilla-bn", "dcgan"])
def test_dropout_and_batch_norm_repeat_too(tmp_path, generator):
    found = []
    for _ in range(2):
        torch.manual_seed(len(found))
        run = ready(tmp_path, generator=Part(generator), dataset=Part("standin:pictures"))
        for _ in range(3):
            run.play()
        found.append(weights(run))
    assert same(*found)


def test_what_the_process_did_before_changes_nothing(tmp_path):
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.randn(seed + 7)
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
    def step_end(self, run) -> None:
        torch.manual_seed(0)
        torch.randn(100)
        real, labels = run.real(8)
        run.score(real, labels)
        run.score(run.generate(8), labels)

    @hookimpl
    def record(self, run, numbers) -> None:
        torch.rand(3)


@pytest.mark.parametrize("generator", ["gaussian", "vanilla", "vanilla-bn"])
def test_callbacks_and_looking_change_no_weight(tmp_path, generator):
    """FAULTS 17: records, samples, measures and saves more or less often, the same bits."""
    common = {"generator": generator, "set": {"generator.width": 8}}
    watched = {
        "callback": ["probabilities", "real-and-fake"],
        "listeners": [Restless()],
        "sample_every": "2steps",
    }
    train(tmp_path / "plain", **common, checkpoint_every=None)
    train(tmp_path / "watched", **watched, checkpoint_every="1steps", **{
        **common, "set": {**common["set"], "record_every_steps": 1, "callback.density.every_epochs": 1}
    })  # fmt: skip
    (tmp_path / "bare").mkdir()
    plain = state(tmp_path / "plain")
    newest = sorted((tmp_path / "watched" / "checkpoints").glob("step-*.safetensors"))[-1]
    seen = decode(newest.read_bytes(), "the checkpoint")
    for player, tensors in plain["networks"].items():
        assert same(tensors, seen["networks"][player])


def test_a_dry_run_writes_nothing_and_loads_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from ganzoo.datasets.gaussian import Gaussian

    monkeypatch.setattr(Gaussian, "load", lambda *_: pytest.fail("data were loaded"))
    made = train(tmp_path / "run", dry_run=True)
    assert made.step == 0
    ganzoo.run("gaussian", "gaussian", dry_run=True)
    assert os.listdir(tmp_path) == []


def test_a_dry_run_refuses_what_a_run_refuses(tmp_path):
    from ganzoo.errors import MisfitError

    with pytest.raises(MisfitError):
        train(tmp_path / "run", dry_run=True, generator="dcgan")


def test_records_say_where_they_are(tmp_path):
    train(tmp_path / "run", epochs=2, steps=None, set={"record_every_steps": 2})
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "d_loss" in line]
    assert [(line["step"], line["images"], line["epoch"]) for line in losses] == [
        (2, 16, 0.4), (4, 32, 0.8), (5, 40, 1.0), (7, 56, 1.4), (9, 72, 1.8), (10, 80, 2.0)
    ]  # fmt: skip
