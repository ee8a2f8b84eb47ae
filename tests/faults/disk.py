"""Disks that crash, fail or lose power: they stand in for the module `os` in `ganzoo.storage`."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = ("open", "write", "fsync", "ftruncate", "replace", "unlink", "mkdir")


class Crash(BaseException):
    """The process is gone: no `except` and no `finally` of it does anything any more."""


class Disk:
    """An `os` that counts the calls that change something, and lets one of them go wrong.

    fsync does nothing: a process that dies loses no data that it had given to the system.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.names: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._watched(name, real) if name in CHANGES else real

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self.calls += 1
            self.names.append(name)
            self.before(name, given)
            return None if name == "fsync" else real(*given, **named)

        return call

    def before(self, name: str, given: tuple[Any, ...]) -> None:
        """What happens instead of the call, if anything."""


class CrashingDisk(Disk):
    """Crashes at a call: before it or, where it writes, after half of it."""

    def __init__(self, at: int, half: bool = False) -> None:
        super().__init__()
        self.at, self.half = at, half

    def before(self, name: str, given: tuple[Any, ...]) -> None:
        if self.calls < self.at:
            return
        if self.calls == self.at and self.half and name == "write":
            os.write(given[0], bytes(given[1])[: len(given[1]) // 2])
        raise Crash


class Snapshots(Disk):
    """Keeps what a crash before each call, or after half of a write, would leave: copies of `root`."""

    def __init__(self, root: Path, copies: Path) -> None:
        super().__init__()
        self.root, self.copies = root, copies

    def before(self, name: str, given: tuple[Any, ...]) -> None:
        if not self.root.exists():
            return
        copy = self.copies / str(self.calls)
        shutil.copytree(self.root, copy)
        if name == "write":
            path = Path(os.readlink(f"/proc/self/fd/{given[0]}"))
            with (copy / path.relative_to(self.root)).open("ab") as file:
                file.write(bytes(given[1])[: len(given[1]) // 2])


class FailingDisk(Disk):
    """Answers a call with an error, later ones too if it is `lasting`; half of a write is done before."""

    def __init__(self, at: int, error: int, lasting: bool = False, only: str = "") -> None:
        super().__init__()
        self.at, self.error, self.lasting, self.only = at, error, lasting, only
        self.failed = 0

    def before(self, name: str, given: tuple[Any, ...]) -> None:
        if self.calls < self.at or (self.failed and not self.lasting) or not name.startswith(self.only):
            return
        self.failed += 1
        if name == "write":
            os.write(given[0], bytes(given[1])[: len(given[1]) // 2])
        raise OSError(self.error, os.strerror(self.error))


@dataclass
class Inode:
    """A file or folder: what is on the disk for certain, and what a program would read now."""

    is_folder: bool = False
    certain: bytes = b""
    current: bytes = b""

    def after_loss(self, variant: int) -> bytes:
        """What a power loss may leave: the old, the new, or zeros where something was written."""
        kept = self.certain if self.current.startswith(self.certain) else b""
        rest = self.current[len(kept) :]
        half, zeros = len(rest) // 2, bytes(len(rest))
        return (self.certain, self.current, kept + zeros, kept + rest[:half] + zeros[half:])[variant]


Names = dict[str, Inode | None]
State = dict[str, bytes | None]  # the content of files by path, None for folders


class Recorder(Disk):
    """Works, and tells `watch` after every call what a power loss now might leave below `root`.

    Contents that are not synced may be absent, whole, zero or half zero; names not synced may be there or
    not, each on its own: new files, renames and removals.
    """

    def __init__(self, root: Path, watch: Callable[[Iterator[State]], None]) -> None:
        super().__init__()
        self.root, self.watch = root, watch
        self.certain: Names = {}
        self.current: Names = {}
        self.pending: list[Names] = []
        self.opened: dict[int, str] = {}

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if name == "fsync":
                self._sync(self.opened[given[0]])
                return None
            result = real(*given, **named)
            self._note(name, given, result)
            self.watch(self.states())
            return result

        return call

    def _note(self, name: str, given: tuple[Any, ...], result: Any) -> None:
        path = self.opened.get(given[0], "") if isinstance(given[0], int) else self._relative(given[0])
        if name == "open":
            self.opened[result] = path
            if given[1] & os.O_CREAT and path not in self.current:
                self._change({path: Inode()})
            if given[1] & os.O_TRUNC:
                self._inode(path).current = b""
        elif name == "write":
            self._inode(path).current += bytes(given[1])[:result]
        elif name == "ftruncate":
            self._inode(path).current = self._inode(path).current[: given[1]]
        elif name == "replace":
            self._change({path: None, self._relative(given[1]): self._inode(path)})
        elif name == "unlink":
            self._change({path: None})
        elif name == "mkdir":
            self._change({path: Inode(is_folder=True)})

    def _relative(self, path: Any) -> str:
        return os.path.relpath(path, self.root)

    def _inode(self, path: str) -> Inode:
        inode = self.current[path]
        assert inode is not None
        return inode

    def _change(self, names: Names) -> None:
        self.pending.append(names)
        _apply(self.current, names)

    def _sync(self, path: str) -> None:
        inode = self.current.get(path)
        if inode is not None and not inode.is_folder:
            inode.certain = inode.current
            return
        for names in [names for names in self.pending if _folder(names) == path]:
            _apply(self.certain, names)
            self.pending.remove(names)

    def states(self) -> Iterator[State]:
        """All that may be left now."""
        for kept, variant in itertools.product(_choices(len(self.pending)), range(4)):
            names = dict(self.certain)
            for change in itertools.compress(self.pending, kept):
                _apply(names, change)
            yield {
                path: None if inode.is_folder else inode.after_loss(variant)
                for path, inode in sorted(names.items())
                if inode is not None and all(str(p) in names for p in list(Path(path).parents)[:-1])
            }


def _choices(count: int) -> list[tuple[bool, ...]]:
    """Which of some changes reach the disk: every choice; of many, the first ones, all but one, or one."""
    if count <= 5:
        return list(itertools.product((False, True), repeat=count))
    places = range(count)
    first = [tuple(place < end for place in places) for end in range(count + 1)]
    alone = [tuple(place == one for place in places) for one in places]
    return [*first, *alone, *[tuple(not kept for kept in choice) for choice in alone]]


def _apply(names: Names, change: Names) -> None:
    for path, inode in change.items():
        if inode is None:
            names.pop(path, None)
        else:
            names[path] = inode


def _folder(names: Names) -> str:
    return os.path.dirname(next(iter(names))) or "."


def lay_out(state: State, root: Path) -> None:
    """Put what a power loss has left into a new folder."""
    root.mkdir()
    for path, content in state.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)
