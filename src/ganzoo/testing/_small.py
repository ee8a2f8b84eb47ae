"""Contract checks of optimizers, schedules and commands."""

import os
import subprocess
import sys
from typing import Any

import click
import torch
from torch import Tensor, nn

from ganzoo.cli import COMMANDS as BUILT_IN
from ganzoo.engine import promises
from ganzoo.testing._common import SPECS, Check, Subject, leaves_the_process
from ganzoo.testing._steps import GOES_ON, SMALL, check_resumption


def _optimizer(subject: Subject, w: nn.Parameter) -> torch.optim.Optimizer:
    return promises.optimizer(subject.part, subject.part.build([w]))


def _descend(subject: Subject) -> tuple[nn.Parameter, torch.optim.Optimizer]:
    """Ten steps down the parabola w * w from (1, -3)."""
    w = nn.Parameter(torch.tensor([1.0, -3.0]))
    optimizer = _optimizer(subject, w)
    for _ in range(10):
        w.grad = 2 * w.detach()
        optimizer.step()
    return w, optimizer


def _exercise_optimizer(subject: Subject) -> None:
    _descend(subject)


def _check_rate(subject: Subject) -> None:
    subject.expect("lr" in subject.part.options, "an option lr", sorted(subject.part.options))


def _check_descent(subject: Subject) -> None:
    w, _ = _descend(subject)
    subject.expect(bool(w.detach().square().sum() < 10), "w * w to fall below 10", w.tolist())


def _check_state(subject: Subject) -> None:
    w, optimizer = _descend(subject)
    odd = [
        value for value in optimizer.state[w].values() if not isinstance(value, Tensor | float | int | None)
    ]
    subject.expect(not odd, "tensors and numbers as its state", odd)


def _check_steps(subject: Subject) -> None:
    both = {f"{side}_{subject.part.role}": subject.part for side in "dg"}
    check_resumption(subject, SMALL, SPECS[0], **both)


_STEPS = Check("steps", GOES_ON, _check_steps)
OPTIMIZERS = (
    leaves_the_process(_exercise_optimizer),
    Check("rate", "its learning rate is an option lr", _check_rate),
    Check("descent", "goes downhill", _check_descent),
    Check("saving", "its state is tensors and numbers", _check_state),
    _STEPS,
)

POSITIONS = ((0, 1), (0, 10**9), (1, 10**9), (10**9 - 1, 10**9), (10**9, 10**9))


def _exercise_schedule(subject: Subject) -> None:
    schedule = promises.schedule(subject.part, subject.part.build())
    for images, total in POSITIONS:
        schedule(images, total)


def _check_factor(subject: Subject) -> None:
    schedule = promises.schedule(subject.part, subject.part.build())
    for images, total in POSITIONS:
        factor = schedule(images, total)
        where = f"after {images} of {total} images"
        subject.expect(0 <= factor < torch.inf, f"one factor >= 0 {where}", factor)


def _check_same_factor(subject: Subject) -> None:
    schedule = promises.schedule(subject.part, subject.part.build())
    for images, total in POSITIONS:
        factors = schedule(images, total), schedule(images, total)
        where = f"after {images} of {total} images"
        subject.expect(factors[0] == factors[1], f"one factor {where}", f"{factors[0]}, then {factors[1]}")


SCHEDULES = (
    leaves_the_process(_exercise_schedule),
    Check("factor", "gives a finite factor, not below zero", _check_factor),
    Check("repeat", "depends on the images seen and their total alone", _check_same_factor),
    _STEPS,
)


def _help(subject: Subject) -> str:
    command: Any = subject.part.factory
    subject.expect(isinstance(command, click.Command), "a click.Command", type(command).__name__)
    return command.get_help(click.Context(command, info_name=subject.part.component.name))


def _exercise_command(subject: Subject) -> None:
    _help(subject)


def _check_command(subject: Subject) -> None:
    _help(subject)
    text = subject.part.factory.get_short_help_str()  # type: ignore[attr-defined]
    subject.expect(bool(text), "a docstring as its help", "none")


def _check_name(subject: Subject) -> None:
    name = subject.part.component.name
    subject.expect(name not in BUILT_IN, "a name that ganzoo's own commands leave free", repr(name))


def _check_light(subject: Subject) -> None:
    module = subject.part.component.value.partition(":")[0]
    code = "import importlib, sys; importlib.import_module(sys.argv[1]); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    expected = "that torch is imported in the command, not above it"
    subject.expect(done.stdout.splitlines()[-1:] == ["False"], expected, done.stderr[-200:] or "it above it")


COMMANDS = (
    leaves_the_process(_exercise_command),
    Check("command", "is a click command, and its docstring says what it does", _check_command),
    Check("name", "has a name that is not one of ganzoo's own commands", _check_name),
    Check("light", "imports torch only when it runs", _check_light),
)
