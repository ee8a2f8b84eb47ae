"""Files: every write of a run goes through here, so that a crash leaves the old content or the new, never neither."""

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ganzoo.errors import BusyError, ResourceError, UsageError


def write(path: Path, content: bytes) -> None:
    """Replace a file: a temporary file beside it, fsync, rename, fsync of the folder. Raises ResourceError."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise full(path, len(content), error) from error


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file. Raises ResourceError."""
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise full(path, len(content), error) from error


def truncate(path: Path, size: int) -> None:
    """Cut a file to its first `size` bytes, e.g. lines written after the checkpoint that a run goes on from."""
    if path.exists() and path.stat().st_size > size:
        os.truncate(path, size)


def remove(path: Path) -> None:
    """Remove a file that may be gone already."""
    path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    if path.exists():
        _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Wait until a folder's list of names is on the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def full(path: Path, needed: int, error: OSError) -> ResourceError:
    """The error for a write that failed: what was needed and what is free."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        free = 0
    reason = (
        "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
    )
    return ResourceError(f"cannot write {path}: {reason}; {needed:,} bytes needed, {free:,} free.")


def make_folder(path: Path) -> None:
    """Make a new folder and its missing parents. Raises UsageError where that is not possible."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{path} exists already.") from None
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {path}: {error.strerror}. Choose another with --out."
        ) from error


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the lock goes with the process, however it ends. Raises BusyError."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(f"cannot write in {folder}: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BusyError(
            f"{folder} is in use by another ganzoo. Wait for it, or choose another --out."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
