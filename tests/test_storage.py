"""Files are replaced whole, appended whole, and never through a link."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.disk import Crash, CrashingDisk, Disk, FailingDisk
from ganzoo import storage
from ganzoo.errors import ResourceError, UsageError

OLD, NEW = b"old content", b"new and longer content"


def test_write_is_all_or_nothing_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, calls, seen = tmp_path / "file", 6, set()
    for at in range(1, calls + 1):
        for half in (False, True):
            path.write_bytes(OLD)
            with monkeypatch.context() as patch, pytest.raises(Crash):
                patch.setattr(storage, "os", CrashingDisk(at, half))
                storage.write(path, NEW[:5], NEW[5:])
            assert path.read_bytes() in (OLD, NEW)
            seen.add(path.read_bytes())
    assert seen == {OLD, NEW}
    storage.write(path, NEW)
    assert list(tmp_path.iterdir()) == [path]


def test_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    for at in range(1, 5):
        with monkeypatch.context() as patch, pytest.raises(ResourceError, match="22 bytes needed, .* free"):
            patch.setattr(storage, "os", FailingDisk(at, errno.ENOSPC))
            storage.write(path, NEW)
        assert path.read_bytes() == OLD
        assert list(tmp_path.iterdir()) == [path]


def test_a_second_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(Disk):
        def before(self, name: str, given: tuple[object, ...]) -> None:
            if name == "fsync":
                raise KeyboardInterrupt

    monkeypatch.setattr(storage, "os", Impatient())
    with pytest.raises(KeyboardInterrupt):
        storage.write(tmp_path / "file", NEW)
    assert list(tmp_path.iterdir()) == []


def test_append_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    storage.append(path, b"one\n")
    with monkeypatch.context() as patch, pytest.raises(ResourceError, match="the disk is full"):
        patch.setattr(storage, "os", FailingDisk(2, errno.ENOSPC))
        storage.append(path, b"two\n")
    assert path.read_bytes() == b"one\n"
    storage.append(path, b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


def test_a_system_that_writes_little_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def __getattr__(self, name: str) -> object:
            if name == "write":
                return lambda descriptor, data: os.write(descriptor, bytes(data)[:3])
            return getattr(os, name)

    monkeypatch.setattr(storage, "os", Slow())
    storage.write(tmp_path / "file", NEW)
    assert (tmp_path / "file").read_bytes() == NEW


def test_truncate_only_cuts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    storage.truncate(path, 100)
    assert path.read_bytes() == OLD
    storage.truncate(path, 3)
    assert path.read_bytes() == b"old"
    storage.truncate(tmp_path / "none", 3)
    assert not (tmp_path / "none").exists()


def test_files_that_are_gone_already(tmp_path: Path) -> None:
    storage.remove(tmp_path / "none")
    storage.rename(tmp_path / "none", "other")
    storage.sync(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


WRITERS: dict[str, Callable[[Path], None]] = {
    "append": lambda path: storage.append(path, NEW),
    "truncate": lambda path: storage.truncate(path, 0),
}


@pytest.mark.parametrize("how", WRITERS)
def test_no_link_is_followed(tmp_path: Path, how: str) -> None:
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ResourceError):
        WRITERS[how](tmp_path / "link")
    assert (tmp_path / "target").read_bytes() == OLD


def test_a_link_is_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(OLD)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    storage.write(tmp_path / "link", NEW)
    assert (tmp_path / "target").read_bytes() == OLD
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("how", WRITERS)
def test_a_pipe_does_not_hang(tmp_path: Path, how: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ResourceError):
        WRITERS[how](tmp_path / "pipe")
    with pytest.raises(OSError, match="not an ordinary file"):
        storage.read(tmp_path / "pipe")


def test_read_takes_ordinary_files_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OLD)
    assert storage.read(tmp_path / "file") == OLD
    with pytest.raises(OSError, match="not an ordinary file"):
        storage.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        storage.read(tmp_path / "none")


def test_make_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    with pytest.raises(UsageError, match="exists already"):
        storage.make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(UsageError, match="Choose another --out"):
        storage.make_folder(tmp_path / "file" / "b")
    monkeypatch.setattr(storage, "os", FailingDisk(1, errno.ENOSPC))
    with pytest.raises(ResourceError, match="the disk is full"):
        storage.make_folder(tmp_path / "c")


def test_a_lock_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "os", FailingDisk(1, errno.ENOSPC))
    with pytest.raises(ResourceError, match="the disk is full"), storage.lock(tmp_path):
        pass


def test_an_error_within_a_lock_is_not_taken_for_another_run(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), storage.lock(tmp_path):
        raise BlockingIOError
    with storage.lock(tmp_path):
        pass
