"""Training that goes wrong: extreme scores, hopeless games, full memory."""

import json
import multiprocessing.process
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from faults import small
from ganzoo import registry
from ganzoo.callbacks import health
from ganzoo.engine import faults
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.errors import ResourceError
from ganzoo.zoo import gaussian

PATH = "faults.test_training"
LOSSES = {component.name: {} for component in registry.components("losses") if component.is_builtin}
VARIANTS = {
    "paper, saturating": {"form": "saturating"},
    "paper, average": {"average": True},
    "relativistic, average": {"form": "average"},
}


class Steep(nn.Module):
    """Scores near 1e4 and -1e4, whatever it is shown."""

    def __init__(self, spec, *, width: int = 1):
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), 1e4))
        self.slope = nn.Linear(spec.features, 1)

    def forward(self, x):
        return self.scale.mean() * (1000 * x.mean(1)).tanh() + self.slope(x).squeeze(1)


# Extreme scores ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("loss", [*LOSSES, *VARIANTS])
def test_scores_of_10000_leave_every_loss_and_weight_finite_and_both_players_moving(
    tmp_path, loss, precision
):
    options = {f"loss.{name}": value for name, value in VARIANTS.get(loss, {}).items()}
    given = {"loss": loss.partition(",")[0], "precision": precision, "set": options}
    given |= {"discriminator": f"{PATH}:Steep"}
    fresh = small.train(tmp_path / "run", 3, dry_run=True, **given)
    run = small.train(tmp_path / "run", 3, **given)
    scores = run.score(run.real(40)[0])
    assert scores.abs().median() > 5000
    assert len(scores.sign().unique()) == 2
    for record in run.metrics.read():
        assert all(np.isfinite(value) for value in record.values())
    for player, network in run.game.players.items():
        before, after = fresh.game.players[player].state_dict(), network.state_dict()
        assert all(value.isfinite().all() and value.dtype == torch.float32 for value in after.values())
        assert any(not torch.equal(before[name], after[name]) for name in after), player


@pytest.mark.parametrize("name", [c.name for c in registry.components("recipes") if c.is_builtin])
def test_every_recipe_trains_in_bfloat16(tmp_path, name):
    data = small.DATASET if name == "gaussian" else "standin:digits"
    run = small.train(tmp_path / "run", 3, name, dataset=data, precision="bfloat16")
    assert [record["step"] for record in run.metrics.read()] == [1, 2, 3]
    for record in run.metrics.read():
        assert all(np.isfinite(value) for value in record.values())
    for network in run.game.players.values():
        for value in network.state_dict().values():
            assert value.isfinite().all()
            assert not value.is_floating_point() or value.dtype == torch.float32


# A hopeless game --------------------------------------------------------------------------------------------


class Same(gaussian.Generator):
    """Makes the same point from all noise."""

    def forward(self, z):
        return super().forward(0 * z)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_warning_goes_to_stderr_and_into_the_summary_and_training_goes_on(ganzoo, tmp_path, quiet):
    out, callback = tmp_path / "run", {"name": "health", "patience_steps": 6, "every_steps": 2}
    config = small.config(tmp_path, callback=[callback])
    arguments = ["--batch", "10", "--steps", "20", "--generator", f"{PATH}:Same", "--config", str(config)]
    shown = ["--quiet", "--json"] if quiet else []
    done = ganzoo("run", "gaussian", small.DATASET, "--out", str(out), *arguments, *shown)
    assert done.code == 0
    (said,) = [
        line for line in done.err.splitlines() if "the generator has made nearly the same sample" in line
    ]
    (kept,) = (out / health.FILE).read_text().splitlines()
    assert said == f"ganzoo: {kept}"
    assert "Traceback" not in done.err
    if quiet:
        assert done.err.splitlines() == [said]
        assert json.loads(done.out)["warnings"] == [kept]
    else:
        assert f"  warning  {kept}" in done.out.splitlines()


# Full memory ------------------------------------------------------------------------------------------------


def of_tensors(discriminator, real, fake, labels):
    """A penalty that asks for more memory than there is, once a batch has come."""
    return torch.zeros((), device=real.device) if len(real) < 5 else real.new_empty(10**13).sum()


def of_arrays(discriminator, real, fake, labels):
    """The same with numpy."""
    return torch.zeros(()) if len(real) < 5 else torch.from_numpy(np.empty(10**15)).sum()


def of_a_device(discriminator, real, fake, labels):
    """What torch raises for a GPU."""
    if len(real) < 5:
        return torch.zeros(())
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore\nlines")


def is_full(done, *words: str) -> None:
    """Exit code 7 and a message of at most three lines with these words in it."""
    assert done.code == 7, done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3, done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in {done.err!r}"


@pytest.mark.parametrize("penalty", ["of_tensors", "of_arrays", "of_a_device"])
def test_full_memory_names_the_batch_and_what_to_lower(ganzoo, tmp_path, penalty):
    sizes = ["--batch", "10", "--steps", "2", "--quiet", "--out", str(tmp_path / "run"), "--device", "cpu"]
    done = ganzoo("run", "gaussian", small.DATASET, *sizes, "--penalty", f"{PATH}:{penalty}")
    is_full(
        done,
        "the memory is full in step 1, with a batch of 10",
        "Lower --batch, which is 10",
        "Step 0 is saved",
    )
    assert "Traceback" in (tmp_path / "run" / faults.TRACEBACK).read_text()


class Hungry(gaussian.Generator):
    """A generator for which the memory of a GPU is too small in its fourth pass of training."""

    def __init__(self, spec, latent, *, width: int = 8):
        super().__init__(spec, latent, width=width)
        self.passes = 0

    def forward(self, z):
        self.passes += len(z) == 10  # not on trial
        if self.passes == 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nmore\nlines")
        return super().forward(z)


@pytest.mark.parametrize("interval", ["1steps", "1000steps"])
def test_full_memory_of_a_gpu_on_the_way_loses_nothing_that_was_saved(ganzoo, tmp_path, interval):
    """Three steps are whole; the fourth, in which it happens, is not saved."""
    out = str(tmp_path / "run")
    sizes = ["--batch", "10", "--steps", "6", "--quiet", "--out", out, "--checkpoint-every", interval]
    done = ganzoo("run", "gaussian", small.DATASET, *sizes, "--generator", f"{PATH}:Hungry")
    saved = 3 if interval == "1steps" else 0
    words = ("the memory is full in step 4, with a batch of 10", "OutOfMemoryError: CUDA out of memory.")
    is_full(done, *words, "Lower --batch, which is 10", f"Step {saved} is saved")
    assert Checkpoints(tmp_path / "run" / "checkpoints").load()["step"] == saved


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_full_memory_of_a_gpu(ganzoo, tmp_path):
    sizes = ["--batch", "10", "--steps", "2", "--quiet", "--out", str(tmp_path / "run"), "--device", "cuda"]
    done = ganzoo("run", "gaussian", small.DATASET, *sizes, "--penalty", f"{PATH}:of_tensors")
    is_full(done, "the memory is full in step 1, with a batch of 10", "OutOfMemoryError")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            ["generator.width=10000000000000"],
            ["generator gaussian (width=10000000000000)", "Choose smaller sizes"],
        ),
        (["generator.width=100000000000000000000"], ["generator gaussian", "Choose smaller sizes"]),
        (["discriminator.width=10000000000000"], ["discriminator gaussian", "Choose smaller sizes"]),
        (["latent=1000000000000"], ["latent 1,000,000,000,000", "GB are free"]),
        (["order=replacement", "batch=1000000000000"], ["a batch of 1,000,000,000,000", "Lower --batch"]),
    ],
)
def test_sizes_that_no_memory_holds_are_refused_before_anything_is_written(ganzoo, tmp_path, changes, words):
    values = [text for change in ("batch=10", *changes) for text in ("--set", change)]
    done = ganzoo("run", "gaussian", small.DATASET, "--quiet", "--out", str(tmp_path / "run"), *values)
    is_full(done, *words)
    assert not (tmp_path / "run").exists()


class Huge:
    """A data set that does not fit."""

    def __init__(self, folders):
        from ganzoo.spec import DataSpec

        self.spec = DataSpec((2,), None, None, 40)

    def load(self, split):
        return torch.empty(10**13)


def test_data_that_do_not_fit_are_refused_before_anything_is_written(ganzoo, tmp_path):
    sizes = ["--batch", "10", "--quiet", "--out", str(tmp_path / "run")]
    is_full(ganzoo("run", "gaussian", f"{PATH}:Huge", *sizes), "the memory is full before the first step")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("count", ["1000000000000", "99999999999999999999999999"])
def test_more_samples_than_fit_are_refused(ganzoo, tmp_path, count):
    small.train(tmp_path / "run", 1)
    done = ganzoo("sample", str(tmp_path / "run"), "-n", count, "--out", str(tmp_path / "a.npy"))
    is_full(done, "samples would take", "Ask for fewer")
    assert not (tmp_path / "a.npy").exists()


def test_free_memory_is_what_the_system_says(monkeypatch):
    assert 0 < faults.available_memory() < 2**60
    monkeypatch.setattr(faults, "available_memory", lambda: 10**9)
    faults.require_memory(10**9, "it", "Stop.")
    with pytest.raises(ResourceError, match=r"^it would take 1,000\.0 GB .* Stop\.$"):
        faults.require_memory(10**12, "it", "Stop.")


# No workers -------------------------------------------------------------------------------------------------


def test_data_are_in_memory_and_no_process_is_started_that_could_hang_or_die(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a process was started")

    for name in ("fork", "posix_spawn"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
    assert small.train(tmp_path / "run", 6).step == 6
    source = Path(faults.__file__).parents[1]
    assert not [path for path in source.rglob("*.py") if "DataLoader(" in path.read_text()]
