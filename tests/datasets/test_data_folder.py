import io
import itertools
import logging
import os
import struct
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import message_of, picture_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganzoo.datasets import folder as module
from ganzoo.datasets.base import DataFolders, Samples
from ganzoo.datasets.folder import folder
from ganzoo.datasets.picture import UnreadablePicture, guarding_memory, read_picture
from ganzoo.datasets.picture_files import scan
from ganzoo.errors import ResourceError, UsageError
from ganzoo.options import complete, options_of

SIZE = 8
RED = (200, 30, 30)


def load(path: Path, **options: Any) -> Samples:
    samples = folder(DataFolders(), path=str(path), **{"image_size": SIZE, **options}).load("train")
    assert samples is not None
    return samples


def colour_of(path: Path, **options: Any) -> list[int]:
    """The one colour of the only picture in a folder."""
    (picture,) = load(path, **options).values
    assert (picture == picture[:, :1, :1]).all()
    return picture[:, 0, 0].tolist()


def save(path: Path, image: Image.Image, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


# Modes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg", "bmp", "gif", "webp", "tif", "TIFF", "ppm"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"x.{suffix}", Image.new("RGB", (20, 10), RED))
    (picture,) = load(tmp_path).values.float()
    assert np.allclose(picture.flatten(1).mean(1), RED, atol=6)


GREY_16 = Image.fromarray(np.full((9, 9), 40 * 257, np.uint16))
SHADES = {
    "1": (Image.new("1", (9, 9), 1), "png", [255, 255, 255]),
    "L": (Image.new("L", (9, 9), 40), "png", [40, 40, 40]),
    "LA": (Image.new("LA", (9, 9), (40, 255)), "png", [40, 40, 40]),
    "P": (Image.new("RGB", (9, 9), RED).convert("P"), "gif", None),
    "RGBA": (Image.new("RGBA", (9, 9), (*RED, 255)), "png", list(RED)),
    "CMYK": (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "tif", [255, 0, 0]),
    "YCbCr": (Image.new("YCbCr", (9, 9), (40, 128, 128)), "tif", [40, 40, 40]),
    "I;16": (GREY_16, "png", [40, 40, 40]),
    "I;16 tiff": (GREY_16, "tif", [40, 40, 40]),
    "I pgm": (GREY_16, "pgm", [40, 40, 40]),
}


@pytest.mark.parametrize("mode", SHADES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_mode_becomes_the_same_channels(tmp_path: Path, mode: str, channels: int) -> None:
    image, suffix, colour = SHADES[mode]
    save(tmp_path / f"x.{suffix}", image)
    values = load(tmp_path, channels=channels).values
    assert values.shape == (1, channels, SIZE, SIZE)
    assert values.dtype == torch.uint8
    if colour and channels != 1:
        assert values[0, :3, 0, 0].tolist() == colour
    if channels == 4:
        assert (values[:, 3] == 255).all()


@pytest.mark.parametrize(
    ("image", "suffix", "options"),
    [
        (Image.new("RGBA", (9, 9), (*RED, 0)), "png", {}),
        (Image.new("RGBA", (9, 9), (*RED, 0)), "webp", {"lossless": True}),
        (Image.new("LA", (9, 9), (10, 0)), "png", {}),
        (Image.new("P", (9, 9), 3), "gif", {"transparency": 3}),
        (Image.new("RGBA", (9, 9), (*RED, 0)).quantize(4), "png", {}),
        (Image.new("RGB", (9, 9), RED), "png", {"transparency": RED}),
    ],
)
def test_transparency_becomes_white(tmp_path: Path, image: Image.Image, suffix: str, options: Any) -> None:
    save(tmp_path / f"x.{suffix}", image, **options)
    assert colour_of(tmp_path) == [255, 255, 255]
    assert colour_of(tmp_path, channels=1) == [255]
    assert colour_of(tmp_path, channels=4)[3] == 0


def test_half_transparent_mixes_with_white(tmp_path: Path) -> None:
    save(tmp_path / "x.png", Image.new("RGBA", (40, 40), (0, 0, 0, 128)))
    assert colour_of(tmp_path, channels=1) == [127]


def test_invisible_colours_do_not_bleed(tmp_path: Path) -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 31, 64))
    save(tmp_path / "x.png", image)
    (picture,) = load(tmp_path).values
    assert torch.equal(picture[0], picture[1])  # no red


@pytest.mark.parametrize("array", [np.ones((4, 4), np.float32), np.full((4, 4), 70_000, np.int32)])
def test_numbers_of_unknown_range_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    save(tmp_path / "x.tif", Image.fromarray(array))
    assert "holds" in message_of(lambda: load(tmp_path))


# Size and orientation ---------------------------------------------------------------------------------------


def test_a_picture_of_the_right_size_is_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    save(tmp_path / "x.png", Image.fromarray(pixels))
    assert np.array_equal(load(tmp_path).values[0].numpy(), pixels.transpose(2, 0, 1))


def test_the_middle_of_the_longer_side_is_kept(tmp_path: Path) -> None:
    wide = np.zeros((SIZE, 3 * SIZE), np.uint8)
    wide[:, SIZE : 2 * SIZE] = 250
    save(tmp_path / "a.png", Image.fromarray(wide))
    save(tmp_path / "b.png", Image.fromarray(wide.T.copy()))
    assert (load(tmp_path, channels=1).values == 250).all()


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    y, x = np.mgrid[0:400, 0:400]
    save(tmp_path / "x.png", Image.fromarray(((x + y) % 2 * 255).astype(np.uint8)))
    values = load(tmp_path, channels=1).values.float()
    assert (values - 127.5).abs().max() < 3


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 7)])
def test_tiny_and_thin_pictures_are_enlarged(tmp_path: Path, size: tuple[int, int]) -> None:
    save(tmp_path / "x.png", Image.new("RGB", size, RED))
    assert colour_of(tmp_path) == list(RED)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    upright = Image.open(io.BytesIO(picture_bytes(size=(48, 32))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / f"x.{suffix}", upright.transpose(turned) if turned is not None else upright, exif=exif)
    red, green, _ = load(tmp_path).values[0].float()
    assert (red[:, -1] > red[:, 0] + 50).all()
    assert (green[-1] > green[0] + 50).all()


def test_a_large_jpeg_is_read_like_a_png(tmp_path: Path) -> None:
    picture = Image.open(io.BytesIO(picture_bytes(size=(900, 600))))
    save(tmp_path / "a.png", picture)
    save(tmp_path / "b.jpg", picture, quality=98)
    a, b = load(tmp_path).values.float()
    assert (a - b).abs().max() < 5


# What is found ----------------------------------------------------------------------------------------------


def test_names_are_sorted_and_hidden_or_other_files_left_out(tmp_path: Path) -> None:
    names = ["b/a.png", "a.png", "b.PNG", "b/c/deep.png", "B.png", "z é\n.png"]
    for name in [*names, ".hidden.png", ".thumbnails/x.png", "b/._a.png"]:
        save(tmp_path / name, Image.new("L", (4, 4)), format="PNG")
    (tmp_path / "readme.txt").write_text("no picture")
    assert scan(tmp_path).names == sorted(names)
    assert folder(DataFolders(), path=str(tmp_path)).spec.size == len(names)


def test_order_of_the_file_system_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(150):
        save(tmp_path / f"{index % 3}" / f"{index:03}.png", Image.new("L", (4, 4), index))
    first = load(tmp_path, channels=1, labels=True)
    real_scandir = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            with real_scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    again = load(tmp_path, channels=1, labels=True)
    assert torch.equal(first.values, again.values)
    assert first.labels is not None
    assert again.labels is not None
    assert first.labels.tolist() == again.labels.tolist() == [0] * 50 + [1] * 50 + [2] * 50
    assert first.values[:, 0, 0, 0].tolist() == [i for r in range(3) for i in range(r, 150, 3)]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/x.png", Image.new("L", (4, 4)))
    (tmp_path / "here").mkdir()
    (tmp_path / "here/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/a").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "here")
    assert scan(tmp_path / "here").names == ["a/x.png"]


def test_class_folders(tmp_path: Path) -> None:
    for name, shade in (("dog/1.png", 10), ("cat/sub/1.png", 20), ("cat/2.png", 30), ("zebra<b>/1.png", 40)):
        save(tmp_path / name, Image.new("L", (4, 4), shade))
    (tmp_path / "empty").mkdir()
    dataset = folder(DataFolders(), path=str(tmp_path), labels=True, channels=1, image_size=SIZE)
    assert dataset.class_names == ("cat", "dog", "zebra<b>")
    assert dataset.spec.classes == 3
    samples = load(tmp_path, labels=True, channels=1)
    assert samples.labels is not None
    assert samples.labels.dtype == torch.int64
    assert dict(zip(samples.values[:, 0, 0, 0].tolist(), samples.labels.tolist(), strict=True)) == {
        10: 1,
        20: 0,
        30: 0,
        40: 2,
    }
    assert dataset.load("test") is None
    assert load(tmp_path).labels is None


def test_pictures_outside_class_folders(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png", Image.new("L", (4, 4)))
    save(tmp_path / "loose.png", Image.new("L", (4, 4)))
    save(tmp_path / "more.png", Image.new("L", (4, 4)))
    message = message_of(lambda: load(tmp_path, labels=True))
    assert "'loose.png' and 1 more" in message


def test_a_relative_path_is_looked_for_below_the_data_folder(folders: DataFolders) -> None:
    assert folders.data is not None
    save(folders.data / "cats/1.png", Image.new("L", (4, 4)))
    assert folder(folders, path="cats").spec.size == 1


@pytest.mark.parametrize("name", ["nowhere", "empty", "text.txt"])
def test_no_pictures(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("not a zip file")
    assert name in message_of(lambda: load(tmp_path / name))


def test_too_many_pictures_for_the_memory_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Onto the disk, the same pixels as in memory; again only when a file has changed."""
    for index in range(20):
        save(tmp_path / "p" / f"{index % 2}" / f"{index}.png", Image.new("RGB", (9, 7), (index, 90, 200)))
    (tmp_path / "p" / "0" / "broken.png").write_bytes(b"broken")
    place = DataFolders(cache=tmp_path / "cache")
    options: dict[str, Any] = {"path": str(tmp_path / "p"), "labels": True, "on_error": "skip"}
    in_memory = folder(place, image_size=256, **options).load("train")
    assert not (tmp_path / "cache").exists()
    on_disk = folder(place, image_size=256, memory_limit_mb=1, **options).load("train")
    assert torch.equal(in_memory.values, on_disk.values)
    assert torch.equal(in_memory.labels, on_disk.labels)
    on_disk.values.zero_()

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr(module, "read_picture", refuse)
        again = folder(place, image_size=256, memory_limit_mb=1, **options).load("train")
    assert torch.equal(in_memory.values, again.values)
    options["on_error"] = "stop"
    assert "broken.png" in message_of(
        lambda: folder(place, image_size=256, memory_limit_mb=1, **options).load("train")
    )
    save(tmp_path / "p" / "0" / "broken.png", Image.new("RGB", (9, 7), RED))
    assert len(folder(place, image_size=256, memory_limit_mb=1, **options).load("train")) == 21


@pytest.mark.parametrize("damage", ["cut", "no json", "bad json"])
def test_what_is_not_whole_on_the_disk_is_decoded_anew(tmp_path: Path, damage: str) -> None:
    save(tmp_path / "p" / "x.png", Image.new("RGB", (9, 7), RED))
    place = DataFolders(cache=tmp_path / "cache")
    made = folder(place, path=str(tmp_path / "p"), image_size=600, memory_limit_mb=1)
    whole = made.load("train").values.clone()
    (pixels,), (outcome,) = (tmp_path / "cache").rglob("*.pixels"), (tmp_path / "cache").rglob("*.json")
    {
        "cut": lambda: os.truncate(pixels, 1000),
        "no json": outcome.unlink,
        "bad json": lambda: outcome.write_text('{"bytes": '),
    }[damage]()
    assert torch.equal(made.load("train").values, whole)


def test_a_disk_without_room_is_an_error_before_decoding(tmp_path: Path) -> None:
    save(tmp_path / "x.png", Image.new("L", (4, 4)))
    place = DataFolders(cache=tmp_path / "cache")
    with pytest.raises(ResourceError, match=r"needs? .* bytes for decoded pictures and has .* free"):
        folder(place, path=str(tmp_path), image_size=10**8).load("train")
    assert not list((tmp_path / "cache").rglob("*.*"))


def test_a_failure_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "x.png").write_bytes(b"broken")
    place = DataFolders(cache=tmp_path / "cache")
    message_of(
        lambda: folder(place, path=str(tmp_path / "p"), image_size=600, memory_limit_mb=1).load("train")
    )
    assert not list((tmp_path / "cache").rglob("*.*"))


def test_options_are_checked(tmp_path: Path) -> None:
    options = options_of(folder)
    given = complete("dataset", options, {"path": str(tmp_path), "channels": "4", "labels": "yes"})
    assert given["channels"] == 4
    assert given["labels"] is True
    for wrong in ({"channels": "2"}, {"on_error": "ignore"}, {"image_size": "0"}):
        with pytest.raises(UsageError):
            complete("dataset", options, {"path": "x", **wrong})
    with pytest.raises(UsageError, match="path"):
        complete("dataset", options, {})


def test_scanning_many_names_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def __init__(self, number: int) -> None:
            self.name = f"{number:08}.png"

        def is_dir(self) -> bool:
            return False

    class Entries:
        def __init__(self, path: str) -> None:
            pass

        def __enter__(self) -> Iterator[Entry]:
            return map(Entry, range(50_000))

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Entries)
    tracemalloc.start()
    files = scan(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(files.names) == 50_000
    assert peak < 10e6  # a twentieth of what a million may take


# Damage -----------------------------------------------------------------------------------------------------


def bomb_bytes() -> bytes:
    """A small PNG whose header declares 20,000 x 20,000 pixels."""
    good = picture_bytes()
    header = b"IHDR" + struct.pack(">2L", 20_000, 20_000) + good[24:29]
    return good[:12] + header + struct.pack(">L", zlib.crc32(header)) + good[33:]


def write_damaged(path: Path, fault: str) -> None:
    good = picture_bytes("JPEG", (60, 40))
    contents = {
        "empty": b"",
        "text": b"this is no picture, whatever its name says",
        "truncated": good[: len(good) // 2],
        "outsized": bomb_bytes(),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    }
    if fault == "dangling":
        path.symlink_to(path.parent / "nowhere.png")
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "unreadable":
        path.write_bytes(good)
        path.chmod(0)
    else:
        path.write_bytes(contents[fault])


FAULTS = {
    "empty": "is empty",
    "text": "is not a picture",
    "truncated": "cannot be decoded",
    "outsized": "is too large",
    "postscript": "is not a picture",
    "dangling": "No such file",
    "pipe": "not an ordinary file",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_picture_stops_or_is_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    for name, shade in (("a/1.png", 10), ("b/3.png", 30), ("c/4.png", 40)):
        save(tmp_path / name, Image.new("L", (4, 4), shade))
    write_damaged(tmp_path / "a/2.png", fault)
    (tmp_path / "c/5.png").write_bytes(b"")
    message = message_of(lambda: load(tmp_path))
    assert f"'a/2.png' {'cannot be opened: ' if fault in ('dangling', 'pipe') else ''}" in message
    assert FAULTS[fault] in message
    assert "1 more of 5 cannot be read" in message
    assert "--set dataset.on_error=skip" in message
    assert caplog.messages == []
    samples = load(tmp_path, on_error="skip", labels=True, channels=1)
    assert samples.values[:, 0, 0, 0].tolist() == [10, 30, 40]
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 2]
    assert len(caplog.messages) == 1
    assert "skipped 2 of 5" in caplog.text
    assert FAULTS[fault] in caplog.text


def test_without_permission(caplog: pytest.LogCaptureFixture) -> None:
    # Not tmp_path: nobody but its owner may enter that.
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        save(place / "good.png", Image.new("L", (4, 4)))
        write_damaged(place / "locked.png", "unreadable")
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(65534)
        try:
            assert "'locked.png' cannot be opened: Permission denied" in message_of(lambda: load(place))
            assert len(load(place, on_error="skip")) == 1
        finally:
            if was_root:
                os.seteuid(0)


def test_none_left_to_read(tmp_path: Path) -> None:
    for index in range(3):
        (tmp_path / f"{index}.png").write_bytes(b"")
    assert "none of the 3" in message_of(lambda: load(tmp_path, on_error="skip"))


def test_odd_names_are_shown_harmlessly(tmp_path: Path) -> None:
    name = "\x1b[31m" + "x" * 200 + "\n\udcff.png"
    (tmp_path / os.fsdecode(os.fsencode(name))).write_bytes(b"")
    message = message_of(lambda: load(tmp_path))
    assert "\x1b" not in message
    assert "\udcff" not in message
    assert len(message) < 600


def test_failures_beyond_one_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    for index in range(20):
        save(tmp_path / f"{index:02}.png", Image.new("L", (4, 4), index))
    for index in (0, 5, 6, 19):
        (tmp_path / f"{index:02}.png").write_bytes(b"broken")
    values = load(tmp_path, channels=1, on_error="skip").values[:, 0, 0, 0]
    assert values.tolist() == [i for i in range(20) if i not in (0, 5, 6, 19)]
    assert "'00.png' is not a picture, and 3 more of 20" in message_of(lambda: load(tmp_path))


def test_the_modes_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganzoo")
    for index, mode in enumerate(["L", "RGB", "RGB", "RGBA"]):
        save(tmp_path / f"{index}.png", Image.new(mode, (4, 4)))
    load(tmp_path)
    assert "read 4 pictures" in caplog.text
    assert "(L: 1, RGB: 2, RGBA: 1)" in caplog.text


ENCODERS: dict[str, Callable[[], bytes]] = {
    kind: (lambda kind=kind: picture_bytes(kind))
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM")
}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_noise_raises_nothing_but_unreadable(data: st.DataObject) -> None:
    content = bytearray(ENCODERS[data.draw(st.sampled_from(sorted(ENCODERS)))]())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(1, len(content)))
    for channels, size in itertools.product((1, 4), (3,)):
        try:
            with guarding_memory():
                pixels, _ = read_picture(io.BytesIO(content[:length]), size, channels)
            assert pixels.shape == (channels, size, size)
        except UnreadablePicture:
            pass
