"""The tests bite: with one safeguard taken away, the checks that the other tests use fail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults import checks, small
from faults.disk import Recorder
from ganzoo import storage
from ganzoo.engine import checkpoint, distributed, generator_file, record, state, tensor_file
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.run import Run

FAILS = pytest.raises(AssertionError)


def nothing(*given: Any, **named: Any) -> None:
    """In place of what is taken away."""


def test_without_any_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "_sync", nothing)
    with FAILS:
        checks.run_survives_power_loss(tmp_path, monkeypatch)


def _write_without(monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    """`storage.write` with the fsync of the file, the rename, or the fsync of the folder left out."""

    def write(path: Path, *content: storage.Content) -> None:
        temporary = path if left_out == "rename" else path.with_name(f".{path.name}.tmp")
        with storage._opened(temporary, storage.WRITING | os.O_TRUNC) as descriptor:
            for piece in content:
                storage._put(descriptor, piece)
            if left_out != "fsync":
                storage.os.fsync(descriptor)
        if left_out != "rename":
            storage.os.replace(temporary, path)
        if left_out != "fsync of the folder":
            storage.sync(path.parent)

    monkeypatch.setattr(storage, "write", write)


def test_the_copy_of_write_is_a_true_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_without(monkeypatch, "nothing")
    checks.run_survives_power_loss(tmp_path, monkeypatch)


@pytest.mark.parametrize("left_out", ["fsync", "rename", "fsync of the folder"])
def test_without_a_part_of_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    _write_without(monkeypatch, left_out)
    with FAILS:
        checks.run_survives_power_loss(tmp_path, monkeypatch)


def test_without_the_fsync_of_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = storage.sync
    monkeypatch.setattr(storage, "sync", lambda path: None if path.suffix == ".jsonl" else sync(path))
    with FAILS:
        checks.run_survives_power_loss(tmp_path, monkeypatch)


def test_without_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only one is kept under one name, a crash while it is replaced leaves none."""
    monkeypatch.setattr(Checkpoints, "data", lambda self, step: self.folder / "step-000000001.safetensors")
    monkeypatch.setattr(Checkpoints, "manifest", lambda self, step: self.folder / "step-000000001.json")
    with FAILS:
        checks.save_survives_a_crash(tmp_path, monkeypatch)


@pytest.mark.parametrize("module", [checkpoint, generator_file])
def test_without_the_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    monkeypatch.setattr(module, "digest", lambda content: "0" * 32)
    small.train(tmp_path / "run", 2)
    if module is checkpoint:
        files = Checkpoints(tmp_path / "run" / "checkpoints")
        manifest, content = files.manifest(2).read_bytes(), files.data(2).read_bytes()
        read: Callable[[bytes], Any] = lambda changed: checkpoint.read(2, manifest, changed, "x")  # noqa: E731
    else:
        content = (tmp_path / "run" / "generator.safetensors").read_bytes()
        read = lambda changed: generator_file.read(changed, "x")  # noqa: E731
    with FAILS:
        checks.every_change_is_noticed(content, read)


def _restore_without(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Going on with a part of the state as it was at the start."""
    restore = state.restore

    def forgetful(run: Run, tree: dict[str, Any]) -> None:
        fresh = state.gather(run)
        restore(run, {**tree, part: fresh[part]})

    monkeypatch.setattr(state, "restore", forgetful)


@pytest.mark.parametrize("part", ["networks", "optimizers", "window"])
def test_without_a_part_of_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    _restore_without(monkeypatch, part)
    with FAILS:
        checks.resume_is_exact(tmp_path, set={"record_every_steps": 2})


def test_without_the_restore_of_random_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "reseed", nothing)
    with FAILS:
        checks.resume_is_exact(tmp_path)


def test_without_the_position_in_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.engine.feed import Feed

    batch, begun = Feed.batch, dict[int, int]()

    def restarting(self: Feed, step: int, part: slice | None = None) -> Any:
        return batch(self, step - begun.setdefault(id(self), step), part)

    monkeypatch.setattr(Feed, "batch", restarting)
    with FAILS:
        checks.resume_is_exact(tmp_path)


def test_without_the_cut_of_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record.Metrics, "cut", nothing)
    with FAILS:
        checks.resume_is_exact(tmp_path, set={"record_every_steps": 2})


def test_without_the_limits_on_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What test_hostile holds: without the limit, the header would be read."""
    monkeypatch.setattr(tensor_file, "is_too_large", lambda text: False)
    content = b"[" + b"[]," * tensor_file.MOST_BRACKETS + b"[]]"
    assert len(tensor_file._parse(content)) > tensor_file.MOST_BRACKETS
