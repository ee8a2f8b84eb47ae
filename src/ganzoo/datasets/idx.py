"""IDX, the file format of MNIST: four magic bytes, 32-bit sizes, then unsigned bytes (LeCun et al., 1998)."""

import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.datasets.files import damaged, opened

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The uint8 array of exactly this shape that an IDX file holds, packed by gzip or not.

    Never reads more than the shape needs and one byte. Raises DataError for anything else than such a file.
    """
    size = math.prod(shape)
    with opened(path) as file:
        _check_header(path, file.read(4 + 4 * len(shape)), shape)
        body = file.read(size + 1)
    if len(body) > size:
        raise damaged(path, f"bytes follow after the {size} that its header declares")
    if len(body) < size:
        raise damaged(path, f"it ends after {len(body)} of the {size} bytes that its header declares")
    return torch.from_numpy(np.frombuffer(body, np.uint8).copy()).view(shape)


def _check_header(path: Path, header: bytes, shape: tuple[int, ...]) -> None:
    if len(header) < 4 or header[:2] != b"\0\0":
        raise damaged(path, "it is not an IDX file")
    kind, dimensions = header[2], header[3]
    if kind != UNSIGNED_BYTE or dimensions != len(shape):
        given = f"{dimensions}-dimensional data of type 0x{kind:02x}"
        raise damaged(path, f"it holds {given}, not {len(shape)}-dimensional unsigned bytes (0x08)")
    if len(header) < 4 + 4 * dimensions:
        raise damaged(path, "its header is cut off")
    sizes = struct.unpack(f">{dimensions}I", header[4:])
    if sizes != shape:
        raise damaged(path, f"it declares {_by(sizes)} bytes, not {_by(shape)}")


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
