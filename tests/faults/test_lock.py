"""Run directories: taken, locked, moved, copied, or not to be written."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults import checks, small
from ganzoo import storage
from ganzoo.errors import BusyError
from ganzoo.hooks import hookimpl

HOLD = "import sys, time; from pathlib import Path; from ganzoo import storage\n"
HOLD += "with storage.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
NOT_TORCH = "assert 'torch' not in sys.modules"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lock") / "whole"
    small.train(out, 7)
    return out


def test_a_second_run_is_refused_and_the_first_unharmed(whole: Path, tmp_path: Path) -> None:
    out, refused = tmp_path / "run", []

    class Second:
        @hookimpl
        def step_end(self, run: Any) -> None:
            before = (out / "metrics.jsonl").read_bytes()
            with pytest.raises(BusyError, match="in use by another ganzoo") as caught:
                small.resume(out)
            refused.append(caught.value.exit_code)
            assert (out / "metrics.jsonl").read_bytes() == before

    small.train(out, 7, checkpoint_every="2steps", listeners=[Second()])
    assert refused == [8] * 7
    checks.agree(whole, out, "beside a second run")


def test_kill_frees_the_lock(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(BusyError), storage.lock(tmp_path):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with storage.lock(tmp_path):
        pass


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_moved_run_goes_on_exactly(whole: Path, tmp_path: Path, how: Callable[[Path, Path], Any]) -> None:
    small.train(tmp_path / "before", 3)
    out = tmp_path / "elsewhere" / "after"
    out.parent.mkdir()
    how(tmp_path / "before", out)
    small.resume(out, steps=7)
    checks.agree(whole, out, how.__name__)
    for path in out.rglob("*.*"):
        assert str(tmp_path).encode() not in path.read_bytes(), f"{path} knows where it was"


def test_an_existing_directory_is_refused_before_torch(
    whole: Path, tmp_path: Path, ganzoo_process: Callable[..., Any]
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "link").symlink_to("nowhere")
    for out, hint in (
        (whole, "ganzoo resume"),
        (tmp_path, "exists already"),
        (tmp_path / "file", "exists already"),
        (tmp_path / "link", "exists already"),
        (tmp_path / "file" / "below", "no folder"),
        (tmp_path / "missing" / "run", "no folder"),
    ):
        result = ganzoo_process("run", "gaussian", "gaussian", "--out", str(out), then=NOT_TORCH)
        assert result.code == 2, out
        assert hint in result.err
        assert "Traceback" not in result.err


def test_runs_that_is_a_file_is_refused_before_torch(
    tmp_path: Path, ganzoo_process: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("in the way")
    result = ganzoo_process("run", "gaussian", "gaussian", then=NOT_TORCH)
    assert (result.code, "no folder" in result.err, "Traceback" in result.err) == (2, True, False)


AS_NOBODY = """
import os, sys
import ganzoo.cli.resume, ganzoo.cli.run  # what an unprivileged user might not be allowed to read
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
codes = [ganzoo.cli.main(["run", "gaussian", "gaussian", "--out", out]) for out in sys.argv[1:]]
codes.append(ganzoo.cli.main(["resume", sys.argv[2]]))
assert "torch" not in sys.modules
sys.exit(codes != [2, 2, 2])
"""


def test_a_folder_that_may_not_be_written() -> None:
    """As an unprivileged user: read-only, and not to be entered at all."""
    with tempfile.TemporaryDirectory() as home:
        os.chmod(home, 0o755)
        outs = []
        for name, mode in (("readonly", 0o555), ("closed", 0o000)):
            (Path(home) / name).mkdir(mode)
            outs.append(f"{home}/{name}/run")
        command = [sys.executable, "-c", AS_NOBODY, *outs]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("cannot write in the folder") == 2, done.stderr
    assert done.returncode == 0, done.stderr


def test_a_lock_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(storage.os, "open", refuse)
    with pytest.raises(storage.UsageError, match="cannot write in"), storage.lock(tmp_path):
        pass
