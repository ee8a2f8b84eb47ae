import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import message_of

from ganzoo.datasets import cifar10 as module
from ganzoo.datasets.base import DataFolders
from ganzoo.datasets.cifar10 import RECORD_BYTES, cifar10

RECORDS = 20
NAMES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
REAL_ORDER = [NAMES[0], "batches.meta.txt", NAMES[2], NAMES[3], NAMES[1], "readme.html", NAMES[4], NAMES[5]]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORDS", RECORDS)


def batch(name: str) -> bytes:
    """Twenty pictures: the red plane is the number of the batch, green 100, blue 200; labels 0 to 9 twice."""
    records = np.empty((RECORDS, RECORD_BYTES), np.uint8)
    records[:, 0] = np.arange(RECORDS) % 10
    records[:, 1:1025] = (NAMES.index(name) + 1) * 10
    records[:, 1025:2049] = 100
    records[:, 2049:] = 200
    return records.tobytes()


def write_archive(folder: Path | None, *extra: tarfile.TarInfo, **replaced: bytes) -> Path:
    assert folder is not None
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for member in extra:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
        for name in REAL_ORDER:
            content = replaced.get(name.partition(".")[0], batch(name) if name in NAMES else b"text")
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def check(folders: DataFolders) -> None:
    train, test = cifar10(folders).load("train"), cifar10(folders).load("test")
    assert train.values.shape == (5 * RECORDS, 3, 32, 32)
    assert train.values.dtype == torch.uint8
    assert train.values[::RECORDS, 0, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert train.values[0, :, 31, 31].tolist() == [10, 100, 200]
    assert train.labels is not None
    assert train.labels[:11].tolist() == [*range(10), 0]
    assert len(test) == RECORDS
    assert test.values[0, 0, 0, 0] == 60


def test_the_promise_needs_no_file(folders: DataFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECORDS", 10_000)
    spec = cifar10(folders).spec
    assert (spec.shape, spec.value_range, spec.classes, spec.size) == ((3, 32, 32), (0, 255), 10, 50_000)


def test_read_from_the_archive_without_unpacking(folders: DataFolders, tmp_path: Path) -> None:
    path = write_archive(folders.data)
    check(folders)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("place", ["cifar-10-batches-bin", "."])
def test_read_from_the_unpacked_folder(folders: DataFolders, place: str) -> None:
    assert folders.data is not None
    (folders.data / place).mkdir(exist_ok=True)
    for name in NAMES:
        (folders.data / place / name).write_bytes(batch(name))
    check(folders)


def test_without_files_and_network(folders: DataFolders) -> None:
    message = message_of(lambda: cifar10(folders).load("train"))
    assert "cifar-10-binary.tar.gz" in message
    assert "mnist-5k" in message
    assert not folders.cache.exists()


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (member("../evil.bin"), "outside"),
        (member("a/../../evil.bin"), "outside"),
        (member("/etc/evil.bin"), "outside"),
        (member("link", tarfile.SYMTYPE, target="/etc/passwd"), "neither a file nor a folder"),
        (member("data_batch_1.bin", tarfile.LNKTYPE, target="/etc/passwd"), "neither a file nor a folder"),
        (member("pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member("bomb", size=50_000_000), "unpacks to more"),
    ],
)
def test_a_hostile_archive(folders: DataFolders, tmp_path: Path, extra: tarfile.TarInfo, reason: str) -> None:
    path = write_archive(folders.data, extra)
    message = message_of(lambda: cifar10(folders).load("train"))
    assert reason in message
    assert str(path) in message
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_an_archive_of_very_many_members(folders: DataFolders) -> None:
    write_archive(folders.data, *(member(f"{number}") for number in range(200)))
    assert "more than 100 files" in message_of(lambda: cifar10(folders).load("train"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (batch(NAMES[1])[:-1], "data_batch_2.bin holds"),
        (batch(NAMES[1]) + b"!", "data_batch_2.bin holds more"),
        (b"", "data_batch_2.bin holds 0"),
        (b"\x0a" + batch(NAMES[1])[1:], "the label 10"),
    ],
)
def test_a_damaged_batch(folders: DataFolders, content: bytes, reason: str) -> None:
    write_archive(folders.data, data_batch_2=content)
    assert reason in message_of(lambda: cifar10(folders).load("train"))


def test_an_archive_cut_off_anywhere_or_with_a_wrong_checksum(folders: DataFolders) -> None:
    path = write_archive(folders.data)
    packed = path.read_bytes()
    for length in range(0, len(packed), len(packed) // 40):
        path.write_bytes(packed[:length])
        assert str(path) in message_of(lambda: cifar10(folders).load("train"))
    wrong = bytearray(packed)
    wrong[-8] ^= 1
    path.write_bytes(wrong)
    assert "CRC" in message_of(lambda: cifar10(folders).load("test"))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", gzip.compress(b"<html>" * 1000), gzip.compress(bytes(10_240))],
    ids=["nothing", "a page", "a packed page", "packed zeros"],
)
def test_something_else_under_its_name(folders: DataFolders, content: bytes) -> None:
    assert folders.data is not None
    (folders.data / "cifar-10-binary.tar.gz").write_bytes(content)
    message_of(lambda: cifar10(folders).load("train"))
