"""A full disk: exit code 7 with numbers, the last good step named, and no half line after going on."""

import errno
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults import checks, small
from faults.disk import FailingDisk
from ganzoo import storage
from ganzoo.callbacks._common import keep
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.record import read_metrics
from ganzoo.errors import ResourceError
from ganzoo.hooks import hookimpl


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("full") / "whole"
    small.train(out, 7)
    return out


class Filled(FailingDisk):
    """Full from the nth write of a file whose name contains a word."""

    def __init__(self, word: str, after: int) -> None:
        super().__init__(0, errno.ENOSPC, lasting=True)
        self.word, self.after, self.writes = word, after, 0

    def before(self, name: str, given: tuple[Any, ...]) -> None:
        if name == "write" and self.word in os.readlink(f"/proc/self/fd/{given[0]}"):
            self.writes += 1
            if self.writes > self.after:
                super().before(name, given)


class Drawing:
    """Draws a sample after every step."""

    @hookimpl
    def step_end(self, run: Any) -> None:
        keep(run, f"samples/{run.step:03d}.png", b"x" * 100)


@pytest.mark.parametrize(
    ("word", "after", "step"),
    [("checkpoints", 30, 2), ("metrics", 3, 2), ("samples", 4, 4), ("generator", 8, 0), ("json.tmp", 2, 2)],
)
def test_a_full_disk_at_any_file(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, after: int, step: int
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(ResourceError) as caught:
        patch.setattr(storage, "os", Filled(word, after))
        small.train(out, 7, checkpoint_every="2steps", listeners=[Drawing()])
    message, kept = str(caught.value), max(Checkpoints(out / "checkpoints").steps())
    assert "the disk is full" in message
    assert "bytes needed" in message
    assert f"Step {kept} is saved; continue with: ganzoo resume {out}" in message
    assert len(message.splitlines()) <= 3
    lines = (
        (out / "metrics.jsonl").read_bytes().splitlines(keepends=True)
        if (out / "metrics.jsonl").exists()
        else []
    )
    assert all(line.endswith(b"}\n") for line in lines)
    assert not list(out.rglob("*.tmp"))
    small.resume(out)
    checks.agree(whole, out, f"disk full at {word}")
    assert len(read_metrics(out / "metrics.jsonl")) == 7


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, where mounting is allowed."""
    path = tmp_path / "tiny"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "ganzoo-test", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_tiny_file_system(whole: Path, tiny: Path, tmp_path: Path, ganzoo: Callable[..., Any]) -> None:
    """Filled up by a stranger between two steps; after he has gone, the run goes on."""

    class Stranger:
        @hookimpl
        def step_end(self, run: Any) -> None:
            if run.step == 5:
                room = os.statvfs(tiny)
                (tiny / "stranger").write_bytes(bytes(room.f_bavail * room.f_frsize))

    out = tiny / "run"
    with pytest.raises(ResourceError, match=r"the disk is full; [\d,]+ bytes needed, 0 free"):
        small.train(out, 7, config=small.config(tmp_path), checkpoint_every="2steps", listeners=[Stranger()])
    (tiny / "stranger").unlink()
    assert Checkpoints(out / "checkpoints").load()["step"] == 4
    result = ganzoo("resume", str(out), "--dataset", small.DATASET, "--quiet")
    assert result.code == 0
    checks.agree(whole, out, "after the disk was full")


def test_the_command_line_exits_with_7(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ganzoo: Callable[..., Any]
) -> None:
    monkeypatch.setattr(storage, "os", Filled("checkpoints", 5))
    values = [f"--set={name}={value}" for name, value in small.SMALL.items()]
    arguments = [
        "run",
        "gaussian",
        small.DATASET,
        "--config",
        str(small.config(tmp_path)),
        "--steps",
        "7",
        *values,
    ]
    result = ganzoo(*arguments, "--out", str(tmp_path / "run"), "--quiet")
    assert result.code == 7
    assert "the disk is full" in result.err
    assert "Traceback" not in result.err


def test_a_file_may_not_grow(whole: Path, tmp_path: Path) -> None:
    """A limit of the system on the size of files, instead of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(ResourceError, match=r"File too large; [\d,]+ bytes needed"):
            small.train(tmp_path / "run", 7)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_samples_on_a_full_disk(whole: Path, tmp_path: Path, ganzoo: Callable[..., Any]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        result = ganzoo("sample", str(whole), "-n", "100", "--out", str(tmp_path / "x.npy"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.code == 7
    assert list(tmp_path.iterdir()) == []
