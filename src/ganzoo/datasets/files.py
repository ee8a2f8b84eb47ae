"""Reading a file of known size, packed by gzip or not, without trusting what it says about itself."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from ganzoo.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"


def damaged(path: Path, reason: str) -> DataError:
    """The error for a file that is there but cannot be used."""
    return DataError(f"{path} cannot be used: {reason}.\nPut an intact copy in its place, or remove it.")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The content of a file, unpacked where it is gzip. Raises DataError where it is damaged or unreadable.

    Read a bounded number of bytes, and one more than expected: only at its end gzip compares the checksum.
    """
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(BinaryIO, unpacked)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise damaged(path, reason.rstrip(".")) from error
