"""Checkpoints: everything that decides the next step, in files that a crash cannot leave half written.

A checkpoint is `step-N.safetensors` and, written after it, its manifest `step-N.json` with size and checksum.
Without its manifest it does not count.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from ganzoo import storage
from ganzoo.engine.tensor_file import VERSION, Tree, decode, encode
from ganzoo.errors import CheckpointError

FORMAT = "ganzoo-checkpoint"
KEPT = 2
NAME = re.compile(r"\.?step-(\d{9,})\.(safetensors|json)(\.tmp)?")
_log = logging.getLogger("ganzoo")


class DamagedError(CheckpointError):
    """A file is not what was saved; an older one may be whole."""


class Checkpoints:
    """The checkpoints of a run, the newest few. `current` is the step that was last saved or loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.current: int | None = None

    def save(self, step: int, tree: Tree) -> None:
        """Write the checkpoint of a step, then forget the oldest. Raises ResourceError, CheckpointError."""
        content = encode(tree, FORMAT)
        size = sum(map(len, content))
        manifest = describe(VERSION, step, size, digest(content))
        storage.write(self.data(step), *content)
        storage.write(self.manifest(step), manifest)
        self.current = step
        self._forget()

    def load(self) -> Tree:
        """The newest whole checkpoint; damaged ones are set aside, and that is said.

        Raises CheckpointError where none can be read.
        """
        for step in reversed(self.steps()):
            try:
                tree = self._read(step)
            except DamagedError as error:
                self._set_aside(step, error)
            else:
                self.current = step
                return tree
        raise CheckpointError(
            f"{self.folder} holds no checkpoint that can be read: there is nothing to go on from."
        )

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, oldest first."""
        return sorted(step for step, name in self._files() if name == self.manifest(step).name)

    def data(self, step: int) -> Path:
        """The file with the state of a step."""
        return self.folder / f"step-{step:09d}.safetensors"

    def manifest(self, step: int) -> Path:
        """The file with its size and checksum."""
        return self.folder / f"step-{step:09d}.json"

    def _files(self) -> list[tuple[int, str]]:
        """The step and the name of every file of a checkpoint, whole or not."""
        matches = (NAME.fullmatch(path.name) for path in self.folder.glob("*step-*"))
        return [(int(match[1]), match[0]) for match in matches if match]

    def _forget(self) -> None:
        """Remove old checkpoints, manifests first, and what a crash has left of others."""
        kept = self.steps()[-KEPT:]
        for step, name in sorted(self._files(), key=lambda file: file[1].endswith(".safetensors")):
            if step not in kept or name.endswith(".tmp"):
                storage.remove(self.folder / name)

    def _read(self, step: int) -> Tree:
        try:
            manifest, content = storage.read(self.manifest(step)), storage.read(self.data(step))
        except PermissionError as error:
            raise CheckpointError(f"{self.data(step)} cannot be read: {error.strerror}.") from error
        except OSError as error:
            raise DamagedError(f"{self.data(step).name} cannot be read: {error.strerror}.") from error
        return read(step, manifest, content, self.data(step).name)

    def _set_aside(self, step: int, error: DamagedError) -> None:
        """Rename a damaged checkpoint so that nothing loads it and a person can look at it."""
        for path in (self.manifest(step), self.data(step)):
            storage.rename(path, f"{path.name}.damaged")
        _log.warning("%s It is set aside as %s.damaged.", error, self.data(step).name)


def read(step: int, manifest: bytes, content: bytes, name: str) -> Tree:
    """The tree of a checkpoint from the content of its files.

    Raises DamagedError, or CheckpointError where a whole file was written by a newer ganzoo.
    """
    try:
        known = json.loads(manifest) if len(manifest) < 1000 else None
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{name} has a damaged manifest.") from error
    version = known.get("format") if isinstance(known, dict) else None
    if manifest != describe(version, step, len(content), digest([content])):
        raise DamagedError(f"{name} does not match its checksum.")
    tree = decode(content, name, FORMAT)
    if version != VERSION:
        raise DamagedError(f"{name} does not match its manifest.")
    return tree


def describe(version: object, step: int, size: int, checksum: str) -> bytes:
    """A manifest, in the one form that it is written and accepted in."""
    table = {"format": version, "step": step, "bytes": size, "blake2b": checksum}
    return json.dumps(table, separators=(",", ":")).encode()


def content(tree: Tree) -> bytes:
    """A tree as it would be saved, to send it."""
    return b"".join(encode(tree, FORMAT))


def tree(content: bytes) -> Tree:
    """The tree of a content that was sent."""
    return decode(content, "the checkpoint of rank 0", FORMAT)


def digest(content: Iterable[bytes | memoryview]) -> str:
    """The checksum of a file's content, in pieces."""
    hasher = hashlib.blake2b(digest_size=16)
    for piece in content:
        hasher.update(piece)
    return hasher.hexdigest()
