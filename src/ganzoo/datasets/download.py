"""Downloads with a checksum, and what to say when there are neither files nor a network."""

import errno
import hashlib
import http.client
import logging
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ganzoo.datasets.base import DataFolders
from ganzoo.errors import DataError, ResourceError

TIMEOUT_S = 20.0
DEADLINE_S = 3600.0
MEGABYTE = 1_000_000
REPORT_BYTES = 20 * MEGABYTE

log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded: its name, its md5 sum, where it is offered and how large it may be."""

    name: str
    md5: str
    urls: tuple[str, ...]
    limit_mb: int = 40


def fetch(name: str, folders: DataFolders, files: Sequence[RemoteFile], into: str, advice: str) -> list[Path]:
    """The files of the data set `name`, downloaded into a folder of the cache; those that are there are kept.

    A file appears whole and with the right checksum, or not at all. advice: what to do without it, two lines.
    Raises DataError where a file cannot be had and ResourceError where the disk is full.
    """
    return [_fetch_one(name, folders, file, folders.cache / into / file.name, advice) for file in files]


def _fetch_one(name: str, folders: DataFolders, file: RemoteFile, path: Path, advice: str) -> Path:
    if os.path.isfile(path):
        return path
    failures = []
    for url in file.urls if folders.download else ():
        try:
            body = _get(url, file)
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{urlsplit(url).hostname}: {_reason(error)}")
            continue
        _store(body, path)
        return path
    tried = f"download failed ({'; '.join(failures)})" if folders.download else "downloads are off"
    looked = ", ".join(map(str, folders.search))
    raise DataError(f"{name} is not in {looked}; {tried}.\n{advice}")


def _get(url: str, file: RemoteFile) -> bytearray:
    """The body behind an address. Raises OSError where it is not the file that it should be."""
    log.info("downloading %s", url)
    body = bytearray()
    deadline = time.monotonic() + DEADLINE_S
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
        declared = response.headers.get("Content-Length", "")
        # read1: read would wait for a whole block, so a server that drips would never meet the deadline.
        while chunk := response.read1(2**18):
            if (len(body) + len(chunk)) // REPORT_BYTES > len(body) // REPORT_BYTES:
                log.info("%d MB so far", (len(body) + len(chunk)) // MEGABYTE)
            body += chunk
            if len(body) > file.limit_mb * MEGABYTE:
                raise OSError(f"sent more than {file.limit_mb} MB for {file.name}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"took longer than {DEADLINE_S:.0f} s")
    if declared.isdecimal() and len(body) < int(declared):
        raise OSError(f"sent {len(body)} of {declared} bytes of {file.name}")
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != file.md5:
        what = (
            "an HTML page" if body[:256].lstrip().startswith((b"<", b"\xef\xbb\xbf<")) else "a wrong checksum"
        )
        raise OSError(f"sent {what} for {file.name}")
    return body


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"HTTP {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        error = error.reason
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text or type(error).__name__).partition("\n")[0]


def _store(body: bytearray, path: Path) -> None:
    """Write the file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with open(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        kind = ResourceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else DataError
        needed = f"{len(body) / MEGABYTE:.0f} MB are needed"
        raise kind(f"cannot store {path}: {error.strerror}; {needed}.") from error
