"""Damaged files: noticed whatever the change, set aside where an older one is whole."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import checks, small
from ganzoo.engine import checkpoint, generator_file
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.record import read_metrics
from ganzoo.errors import CheckpointError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps with checkpoints of steps 2 and 4."""
    out = tmp_path_factory.mktemp("damage") / "run"
    small.train(out, 4, checkpoint_every="2steps", set={"generator.width": 1, "discriminator.width": 1})
    return out


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(run, tmp_path / "copy")


def test_every_change_of_a_checkpoint(run: Path) -> None:
    files = Checkpoints(run / "checkpoints")
    manifest, content = files.manifest(4).read_bytes(), files.data(4).read_bytes()
    assert checkpoint.read(4, manifest, content, "x")["step"] == 4
    tried = checks.every_change_is_noticed(
        content, lambda changed: checkpoint.read(4, manifest, changed, "x")
    )
    assert tried > 10 * len(content)
    checks.every_change_is_noticed(manifest, lambda changed: checkpoint.read(4, changed, content, "x"))


def test_every_change_of_a_generator(run: Path) -> None:
    content = (run / "generator.safetensors").read_bytes()
    assert generator_file.read(content, "x").sample(2).shape == (2, 2)
    tried = checks.every_change_is_noticed(content, lambda changed: generator_file.read(changed, "x"))
    assert tried > 10 * len(content)


def _zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


DAMAGES = (_zero, _cut, _empty, _folder, _pipe, _link_to_nothing)


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_older_checkpoint_is_used_and_that_is_said(
    run: Path, copy: Path, damage: Callable[[Path], None], suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    damage(copy / "checkpoints" / f"step-000000004.{suffix}")
    assert small.resume(copy).step == 4
    assert "step-000000004.safetensors" in caplog.text
    assert "is set aside as step-000000004.safetensors.damaged" in caplog.text
    assert small.names(list((copy / "checkpoints").glob("*.damaged")))
    checks.agree(run, copy, "gone on from an older checkpoint")


@pytest.mark.parametrize("damage", DAMAGES)
def test_nothing_begins_anew_when_all_are_damaged(
    copy: Path, damage: Callable[[Path], None], ganzoo: Callable[..., object]
) -> None:
    for path in list((copy / "checkpoints").glob("*.safetensors")):
        damage(path)
    before = (copy / "metrics.jsonl").read_bytes()
    result = ganzoo("resume", str(copy), "--dataset", small.DATASET, "--quiet")
    assert result.code == 4
    assert "nothing to go on from" in result.err
    assert "Traceback" not in result.err
    assert (copy / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_generator_is_refused(
    copy: Path, damage: Callable[[Path], None], ganzoo: Callable[..., object]
) -> None:
    damage(copy / "generator.safetensors")
    result = ganzoo("sample", str(copy), "--out", str(copy / "x.npy"))
    assert result.code == (2 if damage is _link_to_nothing else 4)
    assert "Traceback" not in result.err
    assert not (copy / "x.npy").exists()


def test_a_checkpoint_that_may_not_be_read_is_not_set_aside(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkpoint.storage, "read", refuse)
    with pytest.raises(CheckpointError, match="Permission denied"):
        Checkpoints(copy / "checkpoints").load()
    assert not list((copy / "checkpoints").glob("*.damaged"))


def test_lost_records_are_said(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.truncate(copy / "metrics.jsonl", 100)
    small.resume(copy, steps=6)
    assert "has lost its last lines" in caplog.text
    assert [record["step"] for record in read_metrics(copy / "metrics.jsonl")] == [5, 6]
