import contextlib
import stat
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from data_files import message_of, picture_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo.datasets import picture_files
from ganzoo.datasets.base import DataFolders, Samples
from ganzoo.datasets.folder import PictureFolder, folder
from ganzoo.errors import DataError

PNG = picture_bytes()


def open_zip(path: Path, **options: object) -> PictureFolder:
    return folder(DataFolders(), path=str(path), image_size=8, **options)  # type: ignore[arg-type]


def load(path: Path, **options: object) -> Samples:
    samples = open_zip(path, **options).load("train")
    assert samples is not None
    return samples


def write_zip(path: Path, *members: str | zipfile.ZipInfo, content: bytes = PNG, packing: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for member in members:
            archive.writestr(member, content, packing)
    return path


def test_a_zip_is_read_like_its_folder_and_never_unpacked(tmp_path: Path) -> None:
    names = ["b/1.png", "a/2.png", "a/1.png"]
    for index, name in enumerate(names):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(picture_bytes(size=(10 + 5 * index, 9)))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(tmp_path / "folder" / name, name)
    before = sorted(tmp_path.rglob("*"))
    from_folder = load(tmp_path / "folder", labels=True)
    from_zip = load(tmp_path / "x.zip", labels=True)
    assert torch.equal(from_folder.values, from_zip.values)
    assert from_folder.labels is not None
    assert from_zip.labels is not None
    assert from_folder.labels.tolist() == from_zip.labels.tolist() == [0, 0, 1]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_enclosing_folder_is_no_class(tmp_path: Path) -> None:
    names = [
        "pets/dog/1.png",
        "pets/cat/1.png",
        "__MACOSX/pets/cat/._1.png",
        "pets/.DS_Store",
        "pets/note.txt",
    ]
    dataset = open_zip(write_zip(tmp_path / "x.zip", *names, "pets/"), labels=True)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.spec.size == 2
    assert dataset.load("train") is not None
    assert open_zip(write_zip(tmp_path / "y.zip", "cat/1.png", "cat/2.png"), labels=True).class_names == (
        "cat",
    )


def link_member() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "member",
    ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "C:\\evil.png", "\\\\host\\evil.png"],
)
def test_members_outside_the_archive(tmp_path: Path, member: str) -> None:
    path = write_zip(tmp_path / "x.zip", "good.png", member)
    message = message_of(lambda: open_zip(path))
    assert "outside itself" in message
    assert str(path) in message
    assert list(tmp_path.parent.rglob("evil*")) == []


def test_a_link(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", "good.png", link_member(), content=b"/etc/passwd")
    assert "link" in message_of(lambda: open_zip(path))


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    packed = write_zip(tmp_path / "x.zip", "x.png", content=bytes(20 * 2**20), packing=zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 50_000
    assert "would unpack" in message_of(lambda: open_zip(packed))
    plain = write_zip(tmp_path / "y.zip", "x.png")
    content = bytearray(plain.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 20 : directory + 28] = struct.pack("<2L", 2**31, 2**31)
    plain.write_bytes(content)
    assert "would unpack" in message_of(lambda: open_zip(plain))


def test_a_member_that_lies_about_its_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", "a.png", "b.png", packing=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\1\2")
    content[directory + 24 : directory + 28] = struct.pack("<L", 10)
    path.write_bytes(content)
    assert "'a.png' cannot be opened" in message_of(lambda: load(path))
    assert len(load(path, on_error="skip")) == 1


def many_members(count: int, declared: int) -> bytes:
    """The directory of an archive without its members, and the record at its end."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 4, 0, 0, 0, 5, *[0] * 6) + b"x.png"
    size = count * len(entry)
    assert len(entry) == 51
    return entry * count + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, declared, declared, size, 0, 0)


@pytest.mark.parametrize(("count", "declared"), [(250_000, 65_535), (250_000, 1), (1_000_000, 65_535)])
def test_very_many_members(tmp_path: Path, count: int, declared: int) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(many_members(count, declared))
    message = message_of(lambda: open_zip(path))
    assert "more than 200000 files" in message or "its directory alone" in message


def test_the_made_directory_is_one_that_zipfile_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(many_members(3, 3))
    assert open_zip(path).files.names == ["x.png"]


def test_stored_pictures_larger_than_a_directory_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "x.zip", "x.bmp", content=picture_bytes("BMP", (60, 60)))
    monkeypatch.setattr(picture_files, "DIRECTORY_LIMIT_BYTES", 5_000)
    assert len(load(path)) == 1


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4 and no more", b"PK\5\6" + bytes(18), b"PK\5\6" + b"\xff" * 18]
)
def test_no_zip_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert str(path) in message_of(lambda: open_zip(path))


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", "x.png")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in message_of(lambda: load(path))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_noise_raises_nothing_but_data_errors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_zip(
        tmp_path_factory.getbasetemp() / "noise.zip", "a/x.png", "b.png", packing=zipfile.ZIP_DEFLATED
    )
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\1\2") if data.draw(st.booleans()) else 0
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(start, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) - 30, len(content)))])
    with contextlib.suppress(DataError):
        assert len(load(path)) <= 2
