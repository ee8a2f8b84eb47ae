"""Files: every write of a run goes through here, so that a crash leaves the old content or the new.

The disk is touched by functions of `os` alone: tests put another `os` here that crashes, fails or loses power
at any call. No link is followed to write a file: a stranger's run must not lead out of its directory.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ganzoo.errors import BusyError, ResourceError, UsageError

Content = bytes | memoryview
FULL = (errno.ENOSPC, errno.EDQUOT)
READING = os.O_RDONLY | os.O_NONBLOCK  # opening a pipe would wait for ever
WRITING = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def read(path: Path) -> bytes:
    """The content of an ordinary file. Raises OSError for anything else."""
    with _opened(path, READING) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()


def write(path: Path, *content: Content) -> None:
    """Replace a file: temporary file beside it, fsync, rename, fsync of the folder. Raises ResourceError."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _explained(path, sum(map(len, content))):
        try:
            with _opened(temporary, WRITING | os.O_TRUNC) as descriptor:
                for piece in content:
                    _put(descriptor, piece)
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync(path.parent)


def append(path: Path, content: Content) -> None:
    """Add to the end of a file all of the content or, with ResourceError, nothing."""
    with _explained(path, len(content)), _opened(path, WRITING | os.O_APPEND) as descriptor:
        size = os.fstat(descriptor).st_size
        try:
            _put(descriptor, content)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def truncate(path: Path, size: int) -> None:
    """Cut a file, if there is one, to its first `size` bytes. Raises ResourceError."""
    if os.path.exists(path):
        with _explained(path, 0), _opened(path, WRITING) as descriptor:
            os.ftruncate(descriptor, min(size, os.fstat(descriptor).st_size))


def remove(path: Path) -> None:
    """Remove a file that may be gone already. Raises ResourceError."""
    with _explained(path, 0), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def rename(path: Path, name: str) -> None:
    """Give a file, if there is one, another name in its folder. Raises ResourceError."""
    with _explained(path, 0), contextlib.suppress(FileNotFoundError):
        os.replace(path, path.with_name(name))


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk; a file may be absent."""
    with _explained(path, 0), contextlib.suppress(FileNotFoundError), _opened(path, READING) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _put(descriptor: int, content: Content) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextlib.contextmanager
def _explained(path: Path, needed: int) -> Iterator[None]:
    """Turn a failure of the disk into an error that says what was needed and what is free."""
    try:
        yield
    except OSError as error:
        raise _failure(path, needed, error) from error


def _failure(path: Path, needed: int, error: OSError) -> ResourceError:
    reason = "the disk is full" if error.errno in FULL else error.strerror or str(error)
    try:
        free = f"{shutil.disk_usage(path.parent).free:,} free"
    except OSError:
        free = "how many are free is unknown"
    return ResourceError(f"cannot write {path}: {reason}; {needed:,} bytes needed, {free}.")


def make_folder(path: Path) -> None:
    """Make a new folder and its missing parents. Raises UsageError where that is not possible."""
    try:
        os.makedirs(path.parent, exist_ok=True)
        os.mkdir(path)
        sync(path.parent)
    except FileExistsError:
        raise UsageError(f"{path} exists already. Choose another --out.") from None
    except OSError as error:
        if error.errno in FULL:
            raise _failure(path, 0, error) from error
        raise UsageError(f"cannot make the folder {path}: {error.strerror}. Choose another --out.") from error


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the lock goes with the process, however it ends. Raises BusyError."""
    with contextlib.ExitStack() as held:
        try:
            descriptor = held.enter_context(_opened(folder / ".lock", WRITING))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"{folder} is in use by another ganzoo. Wait for it, or choose another --out."
            ) from None
        except OSError as error:
            if error.errno in FULL:
                raise _failure(folder, 0, error) from error
            raise UsageError(f"cannot write in {folder}: {error.strerror}.") from error
        yield
