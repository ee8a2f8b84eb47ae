"""A tree of tables, lists, numbers, text and tensors as one safetensors file: no pickle, written or read.

The metadata of the file have one entry, `ganzoo`: JSON with the format, its version and the tree. In the tree
a table is {"table": {...}}, a tensor {"tensor": NAME}, a number that JSON cannot write {"float": "inf"}. The
name of a tensor is the JSON pointer (RFC 6901) of its place.
"""

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ganzoo.errors import CheckpointError

VERSION = 1
LARGEST_HEADER = 4 * 1024 * 1024
MOST_BRACKETS = 100_000  # each may cost some hundred bytes of memory when it is read

# What Python, torch and safetensors raise for content that is not what it says it is.
UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    SafetensorError,
)

Tree = Any  # tensors, numbers, text, None, and lists and string-keyed tables of these
DTYPES: Mapping[torch.dtype, str] = MappingProxyType(
    {
        torch.float64: "F64",
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.int16: "I16",
        torch.int8: "I8",
        torch.uint8: "U8",
        torch.bool: "BOOL",
    }
)


def encode(tree: Mapping[str, Tree], format_name: str, version: int = VERSION) -> list[memoryview]:
    """A table as the content of a file in pieces, the header first; the others are views of the tensors.

    Raises CheckpointError for what a file cannot hold.
    """
    tensors: dict[str, Tensor] = {}
    entry = {"format": format_name, "version": version, "tree": pack(tree, tensors)}
    header: dict[str, Any] = {"__metadata__": {"ganzoo": json.dumps(entry)}}
    pieces = [_view(name, tensor) for name, tensor in tensors.items()]
    end = 0
    for (name, tensor), piece in zip(tensors.items(), pieces, strict=True):
        start, end = end, end + len(piece)
        dtype, shape = DTYPES[tensor.dtype], list(tensor.shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if is_too_large(text):
        raise CheckpointError(f"cannot save {len(text):,} bytes of plain values: keep long lists as tensors.")
    return [memoryview(len(text).to_bytes(8, "little") + text), *pieces]


def pack(tree: Tree, tensors: dict[str, Tensor], path: str = "") -> Any:
    """The tree as JSON; its tensors are added to `tensors`. Raises CheckpointError for any other type."""
    if isinstance(tree, Tensor):
        tensors[path] = tree
        return {"tensor": path}
    if isinstance(tree, float) and not math.isfinite(tree):
        return {"float": str(float(tree))}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, list | tuple):
        return [pack(item, tensors, f"{path}/{index}") for index, item in enumerate(tree)]
    if isinstance(tree, Mapping) and all(isinstance(key, str) for key in tree):
        escaped = {key: key.replace("~", "~0").replace("/", "~1") for key in tree}
        return {"table": {key: pack(item, tensors, f"{path}/{escaped[key]}") for key, item in tree.items()}}
    what = f"{type(tree).__name__} {tree!r:.60} at {path or '/'}"
    raise CheckpointError(
        f"cannot save {what}. State is made of tensors, numbers, text, and lists and tables of these."
    )


def _view(name: str, tensor: Tensor) -> memoryview:
    if tensor.dtype not in DTYPES or tensor.layout != torch.strided or not name.isprintable():
        raise CheckpointError(f"cannot save {name!r}, a tensor of {tensor.dtype}, {tensor.layout}.")
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def decode(content: bytes, what: str, format_name: str, newest: int = VERSION) -> dict[str, Any]:
    """The table that a file's content holds. Raises CheckpointError for what `encode` did not write.

    newest: the highest version of the format that the caller understands.
    """
    entry = _entry(content, what)
    if entry.get("format") != format_name:
        raise CheckpointError(f"{what} is not a {format_name} file.")
    version = entry.get("version")
    if isinstance(version, int) and version > newest:
        raise CheckpointError(
            f"{what} has format {version!r:.20}; this ganzoo reads {newest}. Upgrade ganzoo."
        )
    try:
        if type(version) is not int or version < VERSION:
            raise ValueError(f"format {version!r:.20}")
        tree = unpack(entry["tree"], safetensors.torch.load(content))
        if not isinstance(tree, dict):
            raise TypeError("it holds no table")
    except UNREADABLE as error:
        raise CheckpointError(f"{what} is damaged: {str(error)[:200]}") from error
    return tree


def unpack(plain: Any, tensors: Mapping[str, Tensor]) -> Tree:
    """The tree that `pack` took apart. For any other it raises one of the errors in `UNREADABLE`."""
    if isinstance(plain, list):
        return [unpack(item, tensors) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, value),) = plain.items()
    if kind == "table":
        return {key: unpack(item, tensors) for key, item in value.items()}
    if kind == "tensor":
        return tensors[value]
    if kind == "float":
        return float(value)
    raise ValueError(f"unknown kind {kind!r:.20}")


def _entry(content: bytes, what: str) -> dict[str, Any]:
    """ganzoo's entry in the metadata of a file, read before any tensor is made."""
    length = int.from_bytes(content[:8], "little")
    try:
        if length > len(content) - 8:
            raise ValueError("it is cut off")
        header = _parse(content[8 : 8 + min(length, LARGEST_HEADER + 1)])
        entry = _parse(header["__metadata__"]["ganzoo"].encode())
        if not isinstance(entry, dict):
            raise TypeError("its metadata are no table")
    except UNREADABLE as error:
        raise CheckpointError(f"{what} is damaged or not a file of ganzoo's.") from error
    return entry


def _parse(text: bytes) -> Any:
    if is_too_large(text):
        raise ValueError("its header is too large")
    return json.loads(text)


def is_too_large(header: bytes) -> bool:
    """Whether a header would take more memory than any that is saved: it is refused before it is read."""
    return len(header) > LARGEST_HEADER or header.count(b"{") + header.count(b"[") > MOST_BRACKETS
