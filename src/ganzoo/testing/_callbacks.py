"""Contract checks of callbacks, which watch a small run on random samples."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.engine import loop, state, tensor_file
from ganzoo.engine.run import Run
from ganzoo.spec import DataSpec
from ganzoo.testing._common import NOISE, SEED, SPECS, Check, Subject, leaves_the_process
from ganzoo.testing._steps import GOES_ON, SMALL, create, expect_resumption, prepare, same, weights

WATCHED = (SPECS[0], SPECS[1], DataSpec((1, 8, 8), (-1.0, 1.0), 3, 16))


def _watched(subject: Subject, spec: DataSpec, path: Path) -> tuple[Run, Any]:
    """A run that the callback watches, and the callback."""
    made = subject.part.build()
    return prepare(SMALL, spec, path, made, callback=subject.part), made


def _train(run: Run) -> Run:
    create(run)
    loop.train(run)
    return run


def _exercise_callback(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _train(_watched(subject, WATCHED[2], Path(folder, "run"))[0])


def _check_hooks(subject: Subject) -> None:
    run, made = _watched(subject, WATCHED[0], Path("unused"))
    subject.expect(bool(run.hooks.get_hookcallers(made)), "a hook at least", "none")


def _check_weights(subject: Subject) -> None:
    for spec in WATCHED:
        with tempfile.TemporaryDirectory() as folder:
            watched = _train(_watched(subject, spec, Path(folder, "watched"))[0])
            alone = _train(prepare(SMALL, spec, Path(folder, "alone")))
            subject.expect(same(weights(watched), weights(alone)), "the weights without it", "others")


def _check_callback_steps(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expect_resumption(subject, lambda name: _watched(subject, WATCHED[2], Path(folder, name))[0])


def _check_state(subject: Subject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = _train(_watched(subject, WATCHED[2], Path(folder, "run"))[0])
        saved = first.checkpoints.load()["callbacks"]
        again, _ = _watched(subject, WATCHED[2], Path(folder, "run"))
        again.go_on()
        back = state.callback_states(again)
        subject.expect(_written(saved) == _written(back), f"the state that it saved, {saved}", back)


def _written(states: Mapping[str, Any]) -> bytes:
    return b"".join(tensor_file.encode(states, "callbacks"))


CALLBACKS = (
    leaves_the_process(_exercise_callback, NOISE, SEED),
    Check("hooks", "has hooks, all of which exist", _check_hooks),
    Check("weights", "taking it away changes no weight", _check_weights),
    Check("saving", "takes back the state that it gives to a checkpoint", _check_state),
    Check("steps", GOES_ON, _check_callback_steps),
)
