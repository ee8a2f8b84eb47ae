"""Numbers that are not finite: said exactly, never saved, and gone around if that is asked for."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import ganzoo
from faults import checks, small
from faults.conftest import quick  # noqa: F401 - used by every test here
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.run import Run
from ganzoo.errors import DivergedError
from ganzoo.hooks import hookimpl
from ganzoo.losses import SmoothedBCE

PROBE = 1  # calls of a loss before the first step


def poisoned(real: Callable[..., Tensor], calls: Callable[[int], bool]) -> Callable[..., Tensor]:
    """A loss that is NaN at some of its calls; it has to be called in each step, so no step is replayed."""
    count = [0]

    def loss(self: SmoothedBCE, *scores: Tensor) -> Tensor:
        count[0] += 1
        value = real(self, *scores)
        return value * math.nan if calls(count[0] - PROBE) else value

    return loss


def poison(patch: pytest.MonkeyPatch, calls: Callable[[int], bool], player: str = "generator") -> None:
    patch.setattr(SmoothedBCE, player, poisoned(getattr(SmoothedBCE, player), calls))


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_what_diverged_and_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int, player: str
) -> None:
    poison(monkeypatch, lambda call: call == 5, player)
    with pytest.raises(DivergedError) as caught:
        values = {"record_every_steps": every}
        small.train(tmp_path / "run", 7, checkpoint_every="2steps", set=values, replay="off")
    first, second, third = str(caught.value).splitlines()
    assert re.fullmatch(
        rf"training diverged at step 5: {player[0]}/loss is nan; first bad tensor: \w+\.layers\.0\.weight\.",
        first,
    )
    assert second == "The last good checkpoint is of step 4."
    assert "--on-nonfinite rollback" in third
    assert caught.value.exit_code == 6
    files = Checkpoints(tmp_path / "run" / "checkpoints")
    assert files.steps() == [2, 4]
    assert all(value.isfinite().all() for value in files.load()["networks"]["generator"].values())
    assert ganzoo.load(tmp_path / "run").sample(3).isfinite().all()


class Spoil:
    """Makes something infinite after a step."""

    def __init__(self, step: int, what: str) -> None:
        self.step, self.what = step, what

    @hookimpl
    def step_end(self, run: Run) -> None:
        if run.step == self.step:
            turn = run.game.turns[0]
            state = turn.optimizer.state[turn.parameters[0]]
            (turn.parameters[0].data if self.what == "weight" else state["square_avg"])[0] = math.inf


@pytest.mark.parametrize("what", ["weight", "state"])
def test_poison_that_no_loss_shows_is_never_saved(tmp_path: Path, what: str) -> None:
    with pytest.raises(
        DivergedError, match=r"step 4: the weights are not finite; first bad tensor: "
    ) as caught:
        small.train(tmp_path / "run", 7, checkpoint_every="2steps", listeners=[Spoil(4, what)])
    assert ("square_avg" in str(caught.value)) == (what == "state")
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [0, 2]


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Any) -> None:
    poison(monkeypatch, lambda call: call == 3)
    values = [f"--set={name}={value}" for name, value in small.SMALL.items()]
    arguments = [
        "run",
        "gaussian",
        small.DATASET,
        "--config",
        str(small.config(tmp_path)),
        "--steps=5",
        "--replay=off",
        *values,
    ]
    result = ganzoo(*arguments, "--out", str(tmp_path / "run"), "--quiet")
    assert result.code == 6
    assert result.err.startswith("ganzoo: training diverged at step 3: g/loss is nan")
    assert "Traceback" not in result.err


def roll_back(out: Path, steps: int = 7, **given: Any) -> Run:
    played = {"checkpoint_every": "2steps", "on_nonfinite": "rollback", "replay": "off"}
    return small.train(out, steps, **played, **given)


def test_rollback_goes_on_with_other_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []

    class Listener:
        @hookimpl
        def warning(self, message: str) -> None:
            warnings.append(message)

    small.train(tmp_path / "plain", 7)
    with monkeypatch.context() as patch:
        poison(patch, lambda call: call == 5)
        run = roll_back(tmp_path / "run", listeners=[Listener()])
    assert (run.step, run.rollbacks) == (7, 1)
    assert len(warnings) == 1
    assert "diverged at step 5" in warnings[0]
    assert "Going on from step 4 with other noise (1 of 5)" in warnings[0]
    plain = [json.loads(line) for line in (tmp_path / "plain" / "metrics.jsonl").read_text().splitlines()]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 8))
    assert lines[:4] == plain[:4]
    assert lines[4] != plain[4]


def test_rollback_is_repeatable_and_goes_on_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        with monkeypatch.context() as patch:
            poison(patch, lambda call: call == 3)
            roll_back(tmp_path / name)
    checks.agree(tmp_path / "one", tmp_path / "two", "rolled back twice")
    with monkeypatch.context() as patch:
        poison(patch, lambda call: call == 3)
        roll_back(tmp_path / "parts", 5)
    small.resume(tmp_path / "parts", steps=7)
    tree = Checkpoints(tmp_path / "parts" / "checkpoints").load()
    assert tree["rollbacks"] == 1
    checks.agree(tmp_path / "one", tmp_path / "parts", "gone on after a rollback")


def test_rollback_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, lambda call: call >= 3)
    with pytest.raises(DivergedError, match="diverged at step 3"):
        roll_back(tmp_path / "run")
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [0, 2]


def test_rollback_from_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, lambda call: call == 1)
    run = roll_back(tmp_path / "run")
    assert (run.step, run.rollbacks) == (7, 1)


def test_a_stopped_run_may_be_told_to_roll_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        poison(patch, lambda call: call == 5)
        with pytest.raises(DivergedError):
            small.train(out, 7, checkpoint_every="2steps", replay="off")
    with monkeypatch.context() as patch:
        poison(patch, lambda call: call == 1)
        run = small.resume(out, on_nonfinite="rollback")
    assert (run.step, run.rollbacks) == (7, 1)


def test_what_was_chosen_is_in_run_toml(tmp_path: Path) -> None:
    roll_back(tmp_path / "run", 1)
    assert 'on_nonfinite = "rollback"' in (tmp_path / "run" / "run.toml").read_text()
    assert torch.equal(ganzoo.load(tmp_path / "run").sample(2), ganzoo.load(tmp_path / "run").sample(2))
