"""The picture files of a folder or of a zip file, in an order that is the same on every machine."""

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from ganzoo.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
MEMBERS_LIMIT = 200_000
DIRECTORY_LIMIT_BYTES = 32 * 2**20
MEMBER_LIMIT_BYTES = 128 * 2**20
# An uncompressed picture may shrink a thousandfold in a zip, so only large members are judged by ratio.
RATIO_LIMIT = 200
RATIO_FROM_BYTES = 16 * 2**20

Opener = Callable[[str], IO[bytes]]


class PictureFiles(Protocol):
    """Names of picture files, `/` between their parts, and a way to open them from several threads."""

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        ...

    def opening(self) -> AbstractContextManager[Opener]:
        """A function that opens a file by its name; it raises OSError and the like where it cannot."""
        ...

    def fingerprint(self) -> str:
        """A text that changes when a file is added, removed or written anew."""
        ...


def shown(name: str) -> str:
    """A file name as a message may show it: control characters escaped, long names cut."""
    text = repr(name)
    return text if len(text) <= 120 else f"{text[:60]}...{text[-57:]}"


def scan(path: Path) -> PictureFiles:
    """All pictures of a folder and its subfolders, or of a zip file. Hidden files are left out.

    Raises DataError where the path is neither, holds no picture, or is a zip file that looks hostile.
    """
    if os.path.isdir(path):
        files: PictureFiles = FolderPictures(path, _scan_folder(path))
    elif os.path.isfile(path):
        files = _scan_zip(path)
    else:
        raise DataError(f"{shown(str(path))} is neither a folder nor a zip file. Set dataset.path to one.")
    if not files.names:
        raise DataError(f"{shown(str(path))} holds no pictures: no files that end in {' '.join(SUFFIXES)}.")
    files.names.sort()
    return files


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


@dataclass(frozen=True)
class FolderPictures:
    """The pictures below a folder."""

    root: Path
    names: list[str]

    @contextmanager
    def opening(self) -> Iterator[Opener]:
        """Opens ordinary files only: a pipe of that name would wait for ever."""

        def open_file(name: str) -> IO[bytes]:
            path = f"{self.root}/{name}"
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise OSError("is not an ordinary file")
            return open(path, "rb")

        yield open_file

    def fingerprint(self) -> str:
        """Of names, sizes and times; a file that is gone by now counts as empty."""
        hasher = hashlib.blake2b(str(self.root.resolve()).encode(errors="surrogateescape"), digest_size=12)
        for name in self.names:
            hasher.update(f"{name}\0{_size_and_time(f'{self.root}/{name}')}".encode(errors="surrogateescape"))
        return hasher.hexdigest()


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _scan_folder(root: Path) -> list[str]:
    """Names relative to the root. Links to folders are followed, each folder once."""
    names: list[str] = []
    pending = [""]
    seen = {_identity(os.stat(root))}
    while pending:
        prefix = pending.pop()
        subfolders = []
        try:
            with os.scandir(f"{root}/{prefix}") as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        subfolders.append((f"{prefix}{entry.name}/", _identity(entry.stat())))
                    elif _is_picture(entry.name):
                        names.append(prefix + entry.name)
        except OSError as error:
            raise DataError(
                f"cannot list the folder {shown(f'{root}/{prefix}')}: {error.strerror}."
            ) from error
        # Sorted, so that of two links to one folder the same is followed on every machine; the last is next.
        new = {identity: name for name, identity in sorted(subfolders, reverse=True) if identity not in seen}
        seen.update(new)
        pending += sorted(new.values(), reverse=True)
    return names


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


@dataclass(frozen=True)
class ZipPictures:
    """The pictures of a zip file, read in memory and never written to disk.

    prefix: the folder that encloses all pictures, left out of the names.
    """

    path: Path
    names: list[str]
    prefix: str

    @contextmanager
    def opening(self) -> Iterator[Opener]:
        """Reads a member whole; its size was checked when the file was scanned."""
        with _opened_zip(self.path) as archive:

            def open_member(name: str) -> IO[bytes]:
                # A member that was left out of the scan is never asked for.
                return io.BytesIO(archive.read(self.prefix + name))

            yield open_member

    def fingerprint(self) -> str:
        """Of the zip file's place, size and time."""
        text = f"{self.path.resolve()}\0{_size_and_time(str(self.path))}"
        return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=12).hexdigest()


def _scan_zip(path: Path) -> ZipPictures:
    with _opened_zip(path) as archive:
        names = [member.filename for member in archive.infolist() if _checked_member(path, member)]
    names = list(dict.fromkeys(names))
    prefix = _enclosing_folder(names)
    return ZipPictures(path, [name.removeprefix(prefix) for name in names], prefix)


def _enclosing_folder(names: list[str]) -> str:
    """The one folder that holds all others, as it is in a zip made from a folder; else nothing."""
    folders = {name.partition("/")[0] for name in names}
    if len(folders) == 1 and all(name.count("/") >= 2 for name in names):
        return f"{folders.pop()}/"
    return ""


def _checked_member(path: Path, member: zipfile.ZipInfo) -> bool:
    """Whether a member is a picture to read. Raises DataError for one that no honest archive holds."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if not parts[0] or ":" in parts[0] or ".." in parts:
        raise _hostile(path, f"it names a file outside itself, {shown(name)}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _hostile(path, f"it holds a link, {shown(name)}")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    if hidden or member.is_dir() or not _is_picture(name):
        return False
    size, packed = member.file_size, member.compress_size
    if size > MEMBER_LIMIT_BYTES or (size > RATIO_FROM_BYTES and size > RATIO_LIMIT * packed):
        raise _hostile(path, f"{shown(name)} would unpack from {packed} to {size} bytes")
    return True


def _hostile(path: Path, reason: str) -> DataError:
    return DataError(f"{shown(str(path))} is refused: {reason}.\nMake the zip file anew, or give a folder.")


@contextmanager
def _opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    with _ZipReader(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        # zipfile answers damaged directories with whatever its parser stumbles over.
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            LookupError,
            NotImplementedError,
            OverflowError,
        ) as error:
            raise DataError(
                f"{shown(str(path))} is not a zip file ({error}). Set dataset.path to one."
            ) from error
        file.bounded = False
        with archive:
            yield archive


class _ZipReader(io.BufferedReader):
    """A zip file whose directory, which zipfile reads whole, may not be huge.

    bounded: whether the directory is being read; unset it before reading members.
    """

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(io.FileIO(path))
        except OSError as error:
            raise DataError(f"cannot read {shown(str(path))}: {error.strerror}.") from error
        self._path = path
        self.bounded = True

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes. Raises DataError for more than an honest directory holds."""
        if not self.bounded:
            return super().read(size)
        if size is not None and size > DIRECTORY_LIMIT_BYTES:
            raise _hostile(self._path, f"its directory alone is {size} bytes")
        data = super().read(size)
        # Every entry of the directory starts with this signature.
        if len(data) > MEMBERS_LIMIT and data.count(b"PK\x01\x02") > MEMBERS_LIMIT:
            raise _hostile(self._path, f"it holds more than {MEMBERS_LIMIT} files")
        return data
