import contextlib
import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import idx_bytes, message_of, write_idx
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.datasets.idx import read_idx
from ganzoo.errors import DataError

SHAPE = (5, 4, 3)
ARRAY = np.arange(60, dtype=np.uint8).reshape(SHAPE)


@pytest.mark.parametrize("name", ["x-ubyte", "x-ubyte.gz"])
def test_reads_what_was_written(tmp_path: Path, name: str) -> None:
    values = read_idx(write_idx(tmp_path / name, ARRAY), SHAPE)
    assert values.dtype == torch.uint8
    assert np.array_equal(values.numpy(), ARRAY)
    values += 1  # the tensor owns its memory


def damaged_plain() -> dict[str, tuple[bytes, str]]:
    good = idx_bytes(ARRAY)
    return {
        "empty": (b"", "not an IDX file"),
        "three bytes": (good[:3], "not an IDX file"),
        "header only half": (good[:9], "header is cut off"),
        "magic": (b"\1" + good[1:], "not an IDX file"),
        "floats": (good[:2] + b"\x0d" + good[3:], "0x0d"),
        "two dimensions": (good[:3] + b"\2" + good[4:], "2-dimensional"),
        "2^60 dimensions": (good[:4] + struct.pack(">3I", *[2**20] * 3) + good[16:], "1048576 x 1048576"),
        "fewer items than expected": (idx_bytes(ARRAY[:4]), "declares 4 x 4 x 3"),
        "truncated": (good[:-1], "59 of the 60"),
        "trailing": (good + b"!", "bytes follow"),
        "page": (b"<html>404</html>", "not an IDX file"),
    }


@pytest.mark.parametrize("fault", damaged_plain())
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_content_is_refused_with_file_and_reason(tmp_path: Path, fault: str, packed: bool) -> None:
    content, reason = damaged_plain()[fault]
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    message = message_of(lambda: read_idx(path, SHAPE))
    assert reason in message
    assert str(path) in message


def test_gzip_truncated_at_every_length(tmp_path: Path) -> None:
    packed = gzip.compress(idx_bytes(ARRAY))
    path = tmp_path / "x.gz"
    for length in range(len(packed)):
        path.write_bytes(packed[:length])
        assert str(path) in message_of(lambda: read_idx(path, SHAPE))


def test_gzip_with_a_wrong_checksum(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(idx_bytes(ARRAY)))
    packed[-8] ^= 1
    path = tmp_path / "x.gz"
    path.write_bytes(packed)
    assert "CRC" in message_of(lambda: read_idx(path, SHAPE))


def test_gzip_bomb_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx_bytes(ARRAY) + bytes(50 * 2**20)))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    message = message_of(lambda: read_idx(path, SHAPE))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "bytes follow" in message
    assert peak < 2**20


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "directory" in message_of(lambda: read_idx(tmp_path, SHAPE))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_noise_raises_nothing_but_data_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = idx_bytes(ARRAY)
    content = bytearray(gzip.compress(good) if data.draw(st.booleans()) else good)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert read_idx(path, SHAPE).shape == SHAPE
