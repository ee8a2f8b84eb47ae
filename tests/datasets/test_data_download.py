import errno
import hashlib
import http.server
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from data_files import message_of

from ganzoo.datasets import download
from ganzoo.datasets.base import DataFolders
from ganzoo.datasets.download import RemoteFile, fetch
from ganzoo.errors import DataError, ResourceError

BODY = b"the right content" * 100
MD5 = hashlib.md5(BODY).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """A server whose paths are the ways in which a download fails."""

    def do_GET(self) -> None:
        if self.path == "/404":
            self.send_error(404)
            return
        if self.path == "/hang":
            time.sleep(1)
            return
        self.send_response(200)
        if self.path in ("/good", "/half"):
            self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.path == "/drip":
            self.drip()
        self.wfile.write(
            {
                "/good": BODY,
                "/half": BODY[: len(BODY) // 2],
                "/half-unannounced": BODY[: len(BODY) // 2],
                "/page": b"\n<!DOCTYPE html><html>Sign in to the network</html>",
                "/wrong": BODY[::-1],
                "/long": bytes(2_000_000),
            }.get(self.path, b"")
        )

    def drip(self) -> None:
        try:
            for _ in range(50):
                self.wfile.write(b".")
                time.sleep(0.02)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def get(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """Fetch `file` from these paths of the server into an empty cache."""
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT_S", 0.3)

    def run(*paths: str) -> list[Path]:
        file = RemoteFile("file", MD5, tuple(address + path for path in paths), limit_mb=1)
        return fetch("thing", DataFolders(cache=tmp_path / "cache"), [file], "in/side", "Do this.")

    return run


def test_a_good_file_arrives_and_is_kept(get: Callable[..., list[Path]], tmp_path: Path) -> None:
    assert get("good") == [tmp_path / "cache/in/side/file"]
    assert get("404")[0].read_bytes() == BODY
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


def test_the_second_mirror_is_tried(get: Callable[..., list[Path]]) -> None:
    assert get("404", "page", "good")[0].read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("404", "HTTP 404"),
        ("half", f"sent {len(BODY) // 2} of {len(BODY)} bytes"),
        ("half-unannounced", "wrong checksum"),
        ("page", "HTML page"),
        ("wrong", "wrong checksum"),
        ("long", "more than 1 MB"),
        ("hang", "timed out"),
    ],
)
def test_a_failed_download_leaves_nothing(
    get: Callable[..., list[Path]], tmp_path: Path, path: str, reason: str
) -> None:
    message = message_of(lambda: get(path))
    assert reason in message
    assert "127.0.0.1" in message
    assert message.endswith("Do this.")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_drips_meets_the_deadline(
    get: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "DEADLINE_S", 0.1)
    start = time.monotonic()
    assert "took longer" in message_of(lambda: get("drip"))
    assert time.monotonic() - start < 0.8


def test_nobody_listens(tmp_path: Path) -> None:
    file = RemoteFile("file", MD5, ("http://127.0.0.1:9/file",))
    folders = DataFolders(cache=tmp_path / "cache")
    assert "refused" in message_of(lambda: fetch("thing", folders, [file], ".", "Do this."))


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, ResourceError), (errno.EACCES, DataError)])
def test_a_write_that_fails_leaves_nothing(
    get: Callable[..., list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    kind: type[Exception],
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=os.strerror(code)):
        get("good")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
