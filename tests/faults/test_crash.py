"""A process or a machine that stops at any moment leaves the old state or the new."""

import errno
from pathlib import Path

import pytest

from faults import checks, small
from faults.disk import Disk, FailingDisk, Snapshots
from ganzoo import storage
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.errors import GanzooError, ResourceError


def test_crash_at_every_call_of_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.save_survives_a_crash(tmp_path, monkeypatch) > 60


def test_power_loss_at_every_call_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.run_survives_power_loss(tmp_path, monkeypatch) > 60


def test_crash_at_every_call_of_a_run_then_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that crashes goes on to the same end, whatever it was doing; before its first save it says so."""
    whole, crashed = tmp_path / "whole", tmp_path / "crashed"
    monkeypatch.setattr(storage, "os", disk := Snapshots(whole, crashed))
    small.train(whole, 4, checkpoint_every="2steps")
    monkeypatch.setattr(storage, "os", Disk())
    seen, resumed = list[dict[str, bytes]](), 0
    for at in range(disk.names.index("write") + 1, disk.calls + 1):
        out = crashed / str(at)
        left = {
            path.name: path.read_bytes()
            for path in out.rglob("*")
            if path.is_file() and path.suffix != ".tmp"
        }
        if left in seen:
            continue
        seen.append(left)
        if Checkpoints(out / "checkpoints").steps():
            small.resume(out)
            checks.agree(whole, out, f"crash at call {at}")
            resumed += 1
        else:
            assert not resumed
            with pytest.raises(GanzooError, match="nothing to go on from|not a run directory"):
                small.resume(out)
    assert resumed > 15


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("lasting", [False, True])
def test_error_at_every_call_of_a_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, lasting: bool
) -> None:
    counting = Disk()
    Checkpoints(tmp_path).save(1, checks.tree(1))
    with monkeypatch.context() as patch:
        patch.setattr(storage, "os", counting)
        Checkpoints(tmp_path).save(2, checks.tree(2))
    for at in range(1, counting.calls + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        Checkpoints(folder).save(1, checks.tree(1))
        with monkeypatch.context() as patch:
            patch.setattr(storage, "os", FailingDisk(at, error, lasting))
            with pytest.raises(ResourceError, match=r"bytes needed, .* free"):
                Checkpoints(folder).save(2, checks.tree(2))
        found = Checkpoints(folder).load()
        assert checks.same(found, checks.tree(found["step"]))
        left = small.names(list(folder.iterdir()))
        assert lasting or not any(name.endswith(".tmp") for name in left)
