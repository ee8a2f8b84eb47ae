"""Files of data sets made for tests, and the text of the errors about them."""

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.errors import DataError


def idx_bytes(array: np.ndarray) -> bytes:
    """An intact IDX file of unsigned bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Write an IDX file, packed where the name ends in .gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = idx_bytes(array.astype(np.uint8))
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def picture_bytes(kind: str = "PNG", size: tuple[int, int] = (12, 8), **options: Any) -> bytes:
    """A picture file with a gradient, left to right in red and top to bottom in green."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 128)], -1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def message_of(call: Callable[[], object]) -> str:
    """The text of the DataError that a call raises; like every message of ganzoo, at most three lines."""
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    assert len(text.splitlines()) <= 3
    assert caught.value.exit_code == 3
    return text
