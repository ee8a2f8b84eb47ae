"""Pictures that are too many for the memory: decoded once, in little memory, and further after a kill."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from ganzoo import storage
from ganzoo.datasets import folder as module
from ganzoo.datasets import on_disk
from ganzoo.datasets.base import DataFolders, Samples
from ganzoo.datasets.folder import folder
from ganzoo.errors import ResourceError

SIZE = 64
BYTES = 3 * SIZE**2


def make(home: Path, count: int) -> Path:
    """So many pictures of one colour each, of which every ninth is broken."""
    home.mkdir()
    for index in range(count):
        if index % 9 == 4:
            (home / f"{index:05}.png").write_bytes(b"broken")
        else:
            Image.new("RGB", (3, 3), (index % 256, index // 256, 7)).save(home / f"{index:05}.png")
    return home


def load(home: Path, limit_mb: int = 1, **options: Any) -> Samples:
    place = DataFolders(cache=home.parent / "cache")
    options = {"path": str(home), "image_size": SIZE, "on_error": "skip", **options}
    return folder(place, memory_limit_mb=limit_mb, **options).load("train")


CHILD = """
import sys
from pathlib import Path
from datasets.test_data_on_disk import load
from memory import peak_bytes
before = peak_bytes()
samples = load(Path(sys.argv[1]))
print(len(samples), (peak_bytes() - before) // 1024)
"""


def child(home: Path) -> subprocess.Popen[str]:
    """A process that loads the pictures and says how many there are and how many kB it took for that."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home)], env=variables, stdout=subprocess.PIPE, text=True
    )


def file_of(home: Path, suffix: str) -> Path:
    (found,) = (home.parent / "cache").rglob(f"*{suffix}")
    return found


def test_decoding_goes_on_where_it_was_killed(tmp_path, monkeypatch):
    """A process is killed while it decodes; the next one decodes the rest alone, to the same pixels."""
    home = make(tmp_path / "p", 2000)
    expected = load(home, limit_mb=1000)
    process = child(home)
    while process.poll() is None:  # some have arrived, and not all
        found = list((tmp_path / "cache").rglob("*.pixels"))
        if found and os.path.getsize(found[0]) > 200 * BYTES:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == ""
    arrived = os.path.getsize(file_of(home, ".pixels")) // BYTES
    assert 200 <= arrived < len(expected)
    assert torch.equal(load(home).values, expected.values)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_what_was_noted_is_not_decoded_again(tmp_path, monkeypatch, kept):
    """It dies after the third piece; what the note does not count is cut off."""
    home = make(tmp_path / "p", 120)
    expected = load(home, limit_mb=1000)
    monkeypatch.setattr(on_disk, "NOTE_BYTES", 1 if kept else 2**30)
    append, calls, opened = storage.append, [], []

    def dying(path, content):
        calls.append(path)
        append(path, content)
        if len(calls) == kept + 1:
            raise KeyboardInterrupt

    read = module.read_picture
    with monkeypatch.context() as patch:
        patch.setattr(storage, "append", dying)
        with pytest.raises(KeyboardInterrupt):
            load(home)
    monkeypatch.setattr(module, "read_picture", lambda *given: opened.append(1) or read(*given))
    assert torch.equal(load(home).values, expected.values)
    assert len(opened) == 120 - kept * module.CHUNK


def test_memory_does_not_grow_with_the_pictures(tmp_path):
    """Two thousand take 22 MB on the disk and next to nothing more in memory than two hundred."""
    taken = []
    for count in (200, 2000):
        process = child(make(tmp_path / str(count), count))
        size, kilobytes = map(int, process.communicate(timeout=120)[0].split())
        assert size == count - count // 9
        taken.append(kilobytes)
    assert taken[1] - taken[0] < 6_000, taken


def test_a_disk_that_fills_up_ends_it_and_later_it_goes_on(tmp_path, monkeypatch):
    home = make(tmp_path / "p", 120)
    expected = load(home, limit_mb=1000)
    monkeypatch.setattr(on_disk, "NOTE_BYTES", 1)
    put, calls = storage._put, []

    def full(descriptor, content):
        calls.append(len(content))
        if len(calls) > 4 and len(content) > 1000:
            os.write(descriptor, content[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        put(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "_put", full)
        with pytest.raises(ResourceError, match=r"the disk is full; [\d,]+ bytes needed"):
            load(home)
    assert 0 < os.path.getsize(file_of(home, ".pixels")) < expected.values.nbytes
    assert torch.equal(load(home).values, expected.values)


def test_room_is_needed_for_the_rest_alone(tmp_path, monkeypatch):
    home = make(tmp_path / "p", 120)
    load(home)
    note = file_of(home, ".json")
    note.write_text(note.read_text().replace('"rows": 120', '"rows": 119'))
    monkeypatch.setattr(on_disk.shutil, "disk_usage", lambda path: type("Usage", (), {"free": BYTES})())
    assert len(load(home)) == 107
    note.write_text(note.read_text().replace('"rows": 120', '"rows": 118'))
    with pytest.raises(ResourceError, match=rf"need {2 * BYTES:,} bytes .* and has {BYTES:,} free"):
        load(home)


def test_a_second_process_waits_and_decodes_nothing(tmp_path, monkeypatch, caplog):
    home = make(tmp_path / "p", 120)
    expected = load(home)
    note = file_of(home, ".json")
    text = note.read_text()
    note.write_text("{}")  # the other one is not done yet
    monkeypatch.setattr(module, "read_picture", lambda *given: pytest.fail("decoded again"))
    with open(note.with_suffix(""), "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done: list[Samples] = []
        waiting = threading.Thread(target=lambda: done.append(load(home)))
        waiting.start()
        while "waiting for it" not in caplog.text:
            time.sleep(0.01)
        note.write_text(text)
        assert not done
    waiting.join(10)
    assert torch.equal(done[0].values, expected.values)


def test_a_cache_that_cannot_be_written(tmp_path):
    home = make(tmp_path / "p", 120)
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(ResourceError, match="cannot write .*Not a directory.\nSet XDG_CACHE_HOME"):
        load(home)
