"""Checkpoints: everything that decides the next step, in safetensors files that a crash cannot leave half written.

A checkpoint is `step-N.safetensors` and, written after it, `step-N.json` with its size and checksum. A tree of tables,
lists, numbers and text is stored as JSON in the header of the file, its tensors beside it under their path. No pickle.
"""

import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ganzoo import storage
from ganzoo.errors import CheckpointError

FORMAT = "ganzoo-checkpoint"
VERSION = 1
KEPT = 2
LARGEST_HEADER = 32 * 1024 * 1024
_log = logging.getLogger("ganzoo")

Tree = Any  # tensors, numbers, text, None, and lists and string-keyed tables of these


def pack(tree: Tree, path: str = "") -> tuple[dict[str, Tensor], Any]:
    """The tensors of a tree by path, and the rest as JSON. Raises CheckpointError for any other type."""
    if isinstance(tree, Tensor):
        # A copy of its own: tied weights share memory, which the format does not allow.
        return {path: tree.detach().cpu().clone(memory_format=torch.contiguous_format)}, {"tensor": path}
    if (
        tree is None
        or isinstance(tree, bool | int | str)
        or (isinstance(tree, float) and math.isfinite(tree))
    ):
        return {}, tree
    tensors: dict[str, Tensor] = {}
    if isinstance(tree, list | tuple):
        items = []
        for index, item in enumerate(tree):
            found, plain = pack(item, f"{path}/{index}")
            tensors |= found
            items.append(plain)
        return tensors, items
    if isinstance(tree, Mapping) and all(isinstance(key, str) for key in tree):
        table = {}
        for key, item in tree.items():
            found, table[key] = pack(item, f"{path}/{key}" if path else key)
            tensors |= found
        return tensors, {"table": table}
    raise CheckpointError(
        f"cannot save {path or 'the state'}: {type(tree).__name__} {tree!r:.60} is not a type it keeps."
    )


def unpack(tensors: Mapping[str, Tensor], plain: Any) -> Tree:
    """The tree that `pack` took apart. Raises KeyError and TypeError for anything else."""
    if isinstance(plain, list):
        return [unpack(tensors, item) for item in plain]
    if isinstance(plain, dict):
        if "tensor" in plain:
            return tensors[plain["tensor"]]
        return {key: unpack(tensors, item) for key, item in plain["table"].items()}
    return plain


def encode(tree: Tree, format_name: str = FORMAT) -> bytes:
    """A tree as the content of a safetensors file."""
    tensors, plain = pack(tree)
    # One entry only: safetensors writes several in an order that changes from run to run.
    header = json.dumps({"format": format_name, "version": VERSION, "tree": plain})
    return bytes(safetensors.torch.save(tensors, {"ganzoo": header}))


def decode(content: bytes, what: str, format_name: str = FORMAT) -> Tree:
    """The tree of a safetensors file's content. Raises CheckpointError for anything that `encode` did not write."""
    header = _header(content, what)
    if header.get("format") != format_name:
        raise CheckpointError(f"{what} is not a {format_name} file.")
    if header.get("version") != VERSION:
        raise CheckpointError(
            f"{what} has format {header.get('version')!r:.20}; this ganzoo reads {VERSION}. Upgrade ganzoo."
        )
    try:
        return unpack(safetensors.torch.load(content), header["tree"])
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{what} is damaged: {error}") from error


def _header(content: bytes, what: str) -> dict[str, Any]:
    """ganzoo's entry in the header of a safetensors file, read before any tensor is made."""
    length = int.from_bytes(content[:8], "little")
    try:
        if len(content) < 8 or length > min(len(content) - 8, LARGEST_HEADER):
            raise ValueError("its header does not fit the file")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["ganzoo"])
        if not isinstance(header, dict):
            raise TypeError("its header is no table")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{what} is damaged or not a file of ganzoo's.") from error
    return header


class Checkpoints:
    """The checkpoints of a run: the newest few, each with its checksum."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, tree: Tree) -> Path:
        """Write the checkpoint of a step, then forget the oldest. Raises ResourceError and CheckpointError."""
        content = encode(tree)
        path = self.folder / f"step-{step:09d}.safetensors"
        storage.write(path, content)
        manifest = {"format": VERSION, "step": step, "bytes": len(content), "blake2b": _digest(content)}
        storage.write(path.with_suffix(".json"), json.dumps(manifest, separators=(",", ":")).encode())
        for old in self.steps()[:-KEPT]:
            storage.remove(self._manifest(old))
            storage.remove(self._manifest(old).with_suffix(".safetensors"))
        return path

    def load(self) -> tuple[int, Tree]:
        """The newest whole checkpoint, (step, tree); damaged ones are set aside. Raises CheckpointError if none is."""
        for step in reversed(self.steps()):
            try:
                return step, self._read(step)
            except CheckpointError as error:
                self._set_aside(step, error)
        raise CheckpointError(
            f"{self.folder} holds no checkpoint that can be read. There is nothing to go on from."
        )

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, oldest first."""
        names = (re.fullmatch(r"step-(\d{9,})\.json", p.name) for p in self.folder.glob("step-*.json"))
        return sorted(int(match[1]) for match in names if match)

    def _manifest(self, step: int) -> Path:
        return self.folder / f"step-{step:09d}.json"

    def _read(self, step: int) -> Tree:
        path = self._manifest(step).with_suffix(".safetensors")
        try:
            manifest = json.loads(self._manifest(step).read_bytes())
            content = path.read_bytes() if path.is_file() else b""
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{self._manifest(step).name} cannot be read: {error}") from error
        known = {
            "format": manifest.get("format"),
            "step": step,
            "bytes": len(content),
            "blake2b": _digest(content),
        }
        if isinstance(known["format"], int) and known["format"] > VERSION:
            raise CheckpointError(f"{path.name} was written by a newer ganzoo. Upgrade ganzoo to read it.")
        if manifest != known or known["format"] != VERSION:
            raise CheckpointError(f"{path.name} does not match its checksum.")
        return decode(content, path.name)

    def _set_aside(self, step: int, error: CheckpointError) -> None:
        """Rename a damaged checkpoint so that nothing loads it and a person can look at it."""
        for path in (self._manifest(step), self._manifest(step).with_suffix(".safetensors")):
            if path.exists():
                path.replace(path.with_name(path.name + ".damaged"))
        _log.warning("%s It was set aside; an older checkpoint is tried.", error)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
