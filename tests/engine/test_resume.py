"""Going on exactly: N + M steps equal N, stop, resume and M, and what watches a run never changes it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

from faults import checks, small
from faults.conftest import quick  # noqa: F401 - used by every test here
from ganzoo import registry
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.errors import CheckpointError

DIGITS = "standin:digits"
SIX = ("gaussian", "vanilla", "vanilla-bn", "cgan", "dcgan", "fashion")
OTHERS = [c.name for c in registry.components("recipes") if c.is_builtin and c.name not in SIX]


@pytest.mark.parametrize("recipe", [*SIX, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_recipe_goes_on_exactly(tmp_path: Path, recipe: str) -> None:
    dataset = small.DATASET if recipe == "gaussian" else DIGITS
    checks.resume_is_exact(tmp_path, recipe, dataset=dataset, set={"record_every_steps": 2})


VARIANTS: dict[str, dict[str, Any]] = {
    "averaged": {"set": {"ema_half_life_images": 20}},
    "with replacement": {"set": {"order": "replacement"}},
    "last batch kept": {"set": {"order": "shuffled", "last_batch": "keep"}},
    "last batch dropped": {"set": {"order": "shuffled", "last_batch": "drop"}},
    "a penalty that draws": {"loss": "wasserstein", "penalty": "wgan-gp"},
    "another optimizer": {
        "config": {"d_optimizer": {"name": "sgd", "momentum": 0.5}, "g_optimizer": {"name": "adam"}}
    },
    "a player that moves seldom": {"config": {"game": {"name": "standard", "g_every": 5}}},
    "in double precision": {"precision": "float64"},
    "in half precision": {"precision": "bfloat16"},
    "another seed": {"seed": 7},
    "records of several epochs": {"set": {"record_every_steps": 100}},
    "an augmentation that adapts": {
        "recipe": "vanilla",
        "dataset": DIGITS,
        "augmentation": "adaptive",
        "set": {"augmentation.every_steps": 2},
    },
    "packs": {"set": {"game.pack": 2}},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_goes_on_exactly(tmp_path: Path, variant: str) -> None:
    given = dict(VARIANTS[variant])
    if "config" in given:
        given["config"] = small.config(tmp_path, **given["config"])
    checks.resume_is_exact(tmp_path, **given)


@pytest.mark.parametrize("schedule", ["linear", "inverse-time"])
def test_a_schedule_goes_on_exactly(tmp_path: Path, schedule: str) -> None:
    """Where the rates depend on the length of the whole run, which the stopped run must know."""
    config = small.config(tmp_path, d_schedule={"name": schedule}, g_schedule={"name": schedule})
    small.train(tmp_path / "whole", 7, config=config)
    for step in (2, 3, 4):
        out = tmp_path / str(step)
        with pytest.raises(KeyboardInterrupt):
            small.train(out, 7, config=config, checkpoint_every="1steps", listeners=[checks.Stop(step)])
        small.resume(out)
        checks.agree(tmp_path / "whole", out, f"{schedule} stopped at step {step}")


def test_going_on_many_times_is_exact(tmp_path: Path) -> None:
    small.train(tmp_path / "whole", 7, set={"record_every_steps": 4})
    out = tmp_path / "parts"
    small.train(out, 1, set={"record_every_steps": 4})
    for steps in range(2, 8):
        small.resume(out, steps=steps)
        small.resume(out)
    checks.agree(tmp_path / "whole", out, "gone on after every step")


def _weights(out: Path) -> dict[str, Any]:
    tree = Checkpoints(out / "checkpoints").load()
    return {"networks": tree["networks"], "optimizers": tree["optimizers"]}


WATCHING: dict[str, dict[str, Any]] = {
    "checkpoints": {"checkpoint_every": "1steps"},
    "no checkpoints": {"checkpoint_every": "100epochs"},
    "records": {"set": {"record_every_steps": 3}},
    "another length": {},
}


@pytest.mark.parametrize("what", WATCHING)
def test_what_is_saved_and_recorded_changes_no_weight(tmp_path: Path, what: str) -> None:
    small.train(tmp_path / "plain", 5, "vanilla", dataset=DIGITS)
    given = WATCHING[what]
    if what == "another length":
        small.train(tmp_path / "watched", 3, "vanilla", dataset=DIGITS)
        small.resume(tmp_path / "watched", {"dataset": DIGITS}, steps=5)
    else:
        small.train(tmp_path / "watched", 5, "vanilla", dataset=DIGITS, **given)
    assert checks.same(_weights(tmp_path / "plain"), _weights(tmp_path / "watched"))


@pytest.mark.parametrize("recipe", ["vanilla", "gaussian"])
def test_callbacks_change_no_weight(tmp_path: Path, recipe: str) -> None:
    """Drawing, measuring and sampling at every step, or not at all."""
    dataset = small.DATASET if recipe == "gaussian" else DIGITS
    often = {"every_steps": 1}
    density = {"name": "density", "every_epochs": 0.3, "count": 20}
    watched = [{"name": "samples", **often, "count": 4}, {"name": "curves"}, density]
    watched += [{"name": "probabilities", "every_epochs": 0.3, "samples": 20}]
    small.train(tmp_path / "plain", 5, recipe, dataset=dataset)
    config = small.config(tmp_path, callback=watched)
    run = small.train(
        tmp_path / "watched", 5, recipe, dataset=dataset, config=config, checkpoint_every="1steps"
    )
    assert len(list((run.directory / "samples").iterdir())) > 1
    assert checks.same(_weights(tmp_path / "plain"), _weights(tmp_path / "watched"))


def _edit(out: Path, change: Any) -> None:
    table = tomllib.loads((out / "run.toml").read_text())
    change(table)
    (out / "run.toml").write_text(tomli_w.dumps(table))


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of four steps."""
    out = tmp_path / "run"
    small.train(out, 4, threads=1, checkpoint_every="2steps")
    return out


def test_other_data_are_refused_unless_allowed(stopped: Path, ganzoo: Any) -> None:
    _edit(stopped, lambda table: table["recipe"]["dataset"].update(seed=5))
    arguments = ("resume", str(stopped), "--steps", "6", "--dataset", small.DATASET, "--quiet")
    refused = ganzoo(*arguments)
    assert refused.code == 4
    assert "--allow-other-data" in refused.err
    assert small.names(list((stopped / "checkpoints").glob("*.json")))[-1] == "step-000000004.json"
    allowed = ganzoo(*arguments, "--allow-other-data")
    assert allowed.code == 0
    assert allowed.err == "ganzoo: not bit-exact: other training data\n"


def test_another_environment_is_said_in_one_line(
    stopped: Path, ganzoo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "__version__", "99.0")
    done = ganzoo("resume", str(stopped), "--steps=6", "--threads=2", "--dataset", small.DATASET, "--quiet")
    assert done.code == 0
    version = r"torch 99\.0 instead of \S+"
    assert re.fullmatch(rf"ganzoo: not bit-exact: {version}, threads 2 instead of 1\n", done.err)


def test_the_same_environment_is_not_mentioned(stopped: Path, ganzoo: Any) -> None:
    done = ganzoo("resume", str(stopped), "--steps", "6", "--dataset", small.DATASET, "--quiet")
    assert (done.code, done.err) == (0, "")


MISFITS: dict[str, tuple[Any, str]] = {
    "another width": (
        lambda t: t["recipe"]["generator"].update(width=5),
        r"\(4, 3\) float32, \(5, 3\) float32",
    ),
    "another network": (lambda t: t["recipe"].update(generator={"name": "vanilla"}), "missing .*and .* more"),
    "another optimizer": (lambda t: t["recipe"].update(d_optimizer={"name": "adam"}), "exp_avg"),
    "an average": (lambda t: t["recipe"].update(ema_half_life_images=5.0), r"missing average\.layers"),
    "another type": (lambda t: t["run"].update(precision="float64"), "float32, .*float64 is needed"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_a_checkpoint_of_another_recipe_is_refused(stopped: Path, what: str) -> None:
    change, message = MISFITS[what]
    before = small.product(stopped)
    _edit(stopped, change)
    with pytest.raises(CheckpointError, match=message) as caught:
        small.resume(stopped, steps=6)
    assert caught.value.exit_code == 4
    assert str(caught.value).count(";") <= 4
    assert small.product(stopped) == before


def test_nothing_is_put_back_when_something_does_not_fit(stopped: Path, tmp_path: Path) -> None:
    tree = Checkpoints(stopped / "checkpoints").load()
    moved = tree["networks"]["generator"].pop("layers.0.weight")
    tree["networks"]["generator"]["layers.0.wait"] = moved
    run = small.train(tmp_path / "other", 1, seed=3)
    before = {name: value.clone() for name, value in run.game.generator.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"missing generator\.layers\.0\.weight"):
        run.restore(tree)
    assert checks.same(before, dict(run.game.generator.state_dict()))
    assert run.step == 1


def test_random_numbers_of_others_are_left_alone(tmp_path: Path) -> None:
    """A run is a function of its seed: what was drawn before it in the same process does not matter."""
    small.train(tmp_path / "one", 3)
    torch.rand(5)
    small.train(tmp_path / "two", 3)
    checks.agree(tmp_path / "one", tmp_path / "two", "after other random numbers")
