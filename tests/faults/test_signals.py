"""Ctrl-C and SIGTERM: a whole step is saved, and going on from it is exact."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults import checks, small
from ganzoo import storage
from ganzoo.datasets.base import Samples
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.sampling import Trained
from ganzoo.engine.signals import leaving, listening
from ganzoo.errors import Interrupted, Terminated
from ganzoo.hooks import hookimpl
from ganzoo.losses import SmoothedBCE
from standin import Standin

STEPS = 7
ENDS = {signal.SIGTERM: (Terminated, 143), signal.SIGINT: (Interrupted, 130)}
Send = Callable[[], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    out = tmp_path_factory.mktemp("signals") / "whole"
    small.train(out, STEPS)
    return out


def sender(number: int) -> Send:
    return lambda: os.kill(os.getpid(), number)


def nth(count: int, send: Send, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which sends a signal at its nth call."""
    calls = [0]

    def call(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == count:
            send()
        return function(*given, **named)

    return call


def in_d_loss(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    patch.setattr(SmoothedBCE, "discriminator", nth(5, send, SmoothedBCE.discriminator))
    return []


def in_g_loss(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    patch.setattr(SmoothedBCE, "generator", nth(5, send, SmoothedBCE.generator))
    return []


def in_a_save(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    patch.setattr(storage, "write", nth(6, send, storage.write))
    return []


def in_the_first_save(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    patch.setattr(storage, "write", nth(3, send, storage.write))
    return []


def at_the_start(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    class Listener:
        @hookimpl
        def run_start(self) -> None:
            send()

    return [Listener()]


def after_a_step(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    class Listener:
        @hookimpl
        def step_end(self, run: Any) -> None:
            if run.step == 4:
                send()

    return [Listener()]


def while_recording(patch: pytest.MonkeyPatch, send: Send) -> list[object]:
    class Listener:
        @hookimpl
        def record(self, numbers: dict[str, float]) -> None:
            if numbers["step"] == 3:
                send()

    return [Listener()]


POINTS = (at_the_start, in_the_first_save, in_d_loss, in_g_loss, after_a_step, while_recording, in_a_save)


@pytest.mark.parametrize("number", ENDS)
@pytest.mark.parametrize("point", POINTS)
def test_a_signal_saves_a_whole_step(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: Callable[[pytest.MonkeyPatch, Send], list[object]],
    number: int,
) -> None:
    out, (error, code) = tmp_path / "run", ENDS[number]
    with monkeypatch.context() as patch, pytest.raises(error) as caught:
        small.train(out, STEPS, checkpoint_every="2steps", listeners=point(patch, sender(number)))
    step = max(Checkpoints(out / "checkpoints").steps())
    expected = f"stopped at step {step}, saved; continue with: ganzoo resume {out}"
    assert (str(caught.value), caught.value.exit_code) == (expected, code)
    assert step < STEPS
    small.resume(out)
    checks.agree(whole, out, point.__name__)


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Path) -> None:
    out, send = tmp_path / "run", sender(signal.SIGINT)

    def twice() -> None:
        send()
        time.sleep(0.1)
        send()
        time.sleep(60)

    monkeypatch.setattr(SmoothedBCE, "discriminator", nth(5, twice, SmoothedBCE.discriminator))
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        small.train(out, STEPS, checkpoint_every="2steps", replay="off")  # the loss is called in each step
    assert time.monotonic() - began < 30
    monkeypatch.undo()
    assert max(Checkpoints(out / "checkpoints").steps()) == 2
    small.resume(out)
    checks.agree(whole, out, "left at once")


def test_handlers_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in ENDS]
    small.train(tmp_path / "run", 1)
    with leaving(), listening():
        assert [signal.getsignal(number) for number in ENDS] != before
    assert [signal.getsignal(number) for number in ENDS] == before


def _arguments(folder: Path) -> list[str]:
    values = [f"--set={name}={value}" for name, value in small.SMALL.items()]
    return ["run", "gaussian", small.DATASET, "--config", str(small.config(folder)), "--steps", "7", *values]


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_a_signal_while_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Callable[..., Any], number: int, word: str
) -> None:
    def load(self: Standin, split: str) -> Samples | None:
        os.kill(os.getpid(), number)
        raise AssertionError("it went on")

    monkeypatch.setattr(Standin, "load", load)
    result = ganzoo(*_arguments(tmp_path), "--out", str(tmp_path / "run"))
    assert (result.code, result.err.strip()) == (128 + number, f"ganzoo: {word}.")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_while_sampling(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Callable[..., Any], number: int
) -> None:
    monkeypatch.setattr(Trained, "sample", nth(1, sender(number), Trained.sample))
    result = ganzoo("sample", str(whole), "--out", str(tmp_path / "x.npy"))
    assert result.code == 128 + number
    assert result.err.count("\n") <= 2
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_a_file_is_written(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Callable[..., Any]
) -> None:
    class Slow:
        def __getattr__(self, name: str) -> Any:
            real = getattr(os, name)
            return nth(1, sender(signal.SIGTERM), real) if name == "replace" else real

    monkeypatch.setattr(storage, "os", Slow())
    result = ganzoo("sample", str(whole), "--out", str(tmp_path / "x.npy"))
    assert result.code == 143
    assert list(tmp_path.iterdir()) == []


IMPORTING = """
import os, signal, sys
class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == "torch.nn":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Sender())
from ganzoo.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("number", "word"), [(15, "terminated"), (2, "interrupted")])
def test_a_signal_while_torch_is_imported(tmp_path: Path, number: int, word: str) -> None:
    code = IMPORTING.replace("{number}", str(number))
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "gaussian", "gaussian", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (128 + number, f"ganzoo: {word}.\n")
    assert not (tmp_path / "run").exists()


def test_a_process_that_is_terminated(tmp_path: Path) -> None:
    """From outside, with the command line's message and exit code."""
    out = tmp_path / "run"
    main = [sys.executable, "-c", "import sys; from ganzoo.cli import main; sys.exit(main())"]
    arguments = ["run", "gaussian", "gaussian", "--out", str(out), "--config", str(small.config(tmp_path))]
    process = subprocess.Popen([*main, *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()  # its first line says that it trains
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"saved; continue with: ganzoo resume {out}" in err
    assert "Traceback" not in err
