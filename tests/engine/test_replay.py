"""Replayed steps: the same bits as played ones, and no replay where a step could be another."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganzoo.engine import state
from ganzoo.engine.distributed import Group
from ganzoo.engine.game import StandardGame
from ganzoo.engine.replay import Replay, Tape, replaying
from ganzoo.engine.run import Run
from ganzoo.errors import UsageError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

from .small import ready, same, weights


def tapes(run: Run) -> list[object]:
    return list(run.replay.tapes.values())


def both(folder: Path, steps: int, **changes) -> tuple[Run, Run]:
    """A run that was played and one that was replayed, after so many steps, to the same bit."""
    played, replayed = (ready(folder, replay=choice, **changes) for choice in ("off", "on"))
    for _ in range(steps):
        played.play()
        replayed.play()
        assert same(weights(played), weights(replayed))
    return played, replayed


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_replayed_steps_give_the_same_bits(tmp_path, precision):
    digits = Part("standin:digits", size=400)
    played, replayed = both(
        tmp_path,
        8,
        precision=precision,
        dataset=digits,
        generator=Part("dcgan", width=4),
        discriminator=Part("vanilla", width=16, dropout=0.3),
        penalty=(Part("r1"),),
        d_schedule=Part("linear", hold=0.0),
        record_every_steps=1000,
    )
    assert isinstance(tapes(replayed)[0], Tape)
    ours, theirs = played.window.state_dict(), replayed.window.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_the_turns_share_is_there_for_callbacks(tmp_path):
    played, replayed = both(tmp_path, 4, game=Part("standard", share="fakes"))
    assert isinstance(tapes(replayed)[0], Tape)
    assert torch.equal(played.batch.shared["fakes"], replayed.batch.shared["fakes"])


def test_each_kind_of_step_has_its_tape(tmp_path):
    game = Part("standard", g_every=2, penalty_every=3)
    points = Part("standin:points", size=18)  # the last of its five batches has two samples
    _, replayed = both(tmp_path, 60, game=game, dataset=points, penalty=(Part("r1"),), last_batch="keep")
    assert len(tapes(replayed)) == 12
    assert all(isinstance(tape, Tape) for tape in tapes(replayed))
    lengths = {len(tape.module.graph.nodes) for tape in tapes(replayed)}
    assert len(lengths) == 4, "with and without a penalty, with and without a turn of G"


def test_a_checkpoint_put_back_is_recorded_anew(tmp_path):
    run = ready(tmp_path)
    for _ in range(4):
        run.play()
    assert any(isinstance(tape, Tape) for tape in tapes(run))
    run.restore(state.gather(run))
    assert tapes(run) == []


class Plain(nn.Module):
    """A generator for the others to spoil."""

    def __init__(self, spec: DataSpec, latent: int) -> None:
        super().__init__()
        self.linear, self.steps = nn.Linear(latent, spec.features), 0

    def forward(self, z: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            self.steps += 1
        return self.spoil(self.linear(z))

    def spoil(self, x: Tensor) -> Tensor:
        return x


class Growing(Plain):
    def spoil(self, x):
        return x * self.steps


class Alternating(Plain):
    def spoil(self, x):
        return x.tanh() if self.steps % 2 else x


class FromNumpy(Plain):
    def spoil(self, x):
        return x + torch.from_numpy(np.full(x.shape, self.steps, dtype=np.float32))


class FromPython(Plain):
    def spoil(self, x):
        return x + torch.tensor([random.random(), 1.0])


class Remembering(Plain):
    def spoil(self, x):
        self.last, before = x.detach().mean(), getattr(self, "last", 0.0)
        return x + before


class Looking(Plain):
    def spoil(self, x):
        return x if x.detach().sum().item() > 1e9 else 2 * x


class Choosing(Plain):
    def spoil(self, x):
        return x[x[:, 0] > -1e9]


@pytest.mark.parametrize(
    "spoiled", [Growing, Alternating, FromNumpy, FromPython, Remembering, Looking, Choosing]
)
def test_a_step_that_python_takes_part_in_is_not_replayed(tmp_path, caplog, spoiled):
    def play() -> Run:
        random.seed(0)
        run = ready(tmp_path, replay=choice, generator=Part(f"{__name__}:{spoiled.__name__}"))
        for _ in range(7):
            run.play()
        return run

    choice = "off"
    played = play()
    choice = "on"
    replayed = play()
    assert tapes(replayed) == [None]
    assert [line for line in caplog.messages if line.startswith("nothing is replayed")]
    assert same(weights(played), weights(replayed))


def test_by_itself_only_what_ganzoo_brings_is_replayed(tmp_path):
    assert isinstance(ready(tmp_path).replay, Replay)
    assert ready(tmp_path, replay="off").replay is None
    others = {"generator": Part(f"{__name__}:Plain")}
    assert ready(tmp_path, **others).replay is None
    assert isinstance(ready(tmp_path, replay="on", **others).replay, Replay)


class Unsteady:
    """The standard game without its promise."""

    def __new__(cls, parts):
        game = StandardGame(parts)
        game.turns = tuple(replace(turn, repeats=0) for turn in game.turns)
        return game


def test_a_game_without_the_promise_is_played(tmp_path):
    game = Part(f"{__name__}:Unsteady")
    assert ready(tmp_path, game=game).replay is None
    with pytest.raises(UsageError, match="does not promise that its steps repeat themselves"):
        ready(tmp_path, game=game, replay="on")


def test_steps_of_very_many_kinds_are_played(tmp_path):
    game = Part("standard", g_every=65)
    assert ready(tmp_path, game=game).replay is None
    with pytest.raises(UsageError, match="65 kinds, of which 64 are the most"):
        ready(tmp_path, game=game, replay="on")


def test_ranks_play_their_steps(tmp_path):
    run = ready(tmp_path)
    parts = replace(run.parts, group=Group(0, 2))
    assert replaying(run.game, parts, "auto") is None
    with pytest.raises(UsageError, match="ranks exchange numbers within a step"):
        replaying(run.game, parts, "on")


def test_a_tape_holds_nothing_but_weights(tmp_path):
    run = ready(tmp_path)
    for _ in range(3):
        run.play()
    (tape,) = tapes(run)
    players = run.game.players.values()
    own = {t.untyped_storage().data_ptr() for p in players for t in (*p.parameters(), *p.buffers())}
    assert {t.untyped_storage().data_ptr() for t in tape.kept} <= own
