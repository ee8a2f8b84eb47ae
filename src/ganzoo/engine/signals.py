"""Ctrl-C and SIGTERM: asked for at any moment; while training, obeyed between two steps."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


class Terminate(KeyboardInterrupt):
    """SIGTERM while nothing is trained: leave at once, as after Ctrl-C."""


class StopRequest:
    """Whether somebody asked the run to stop, and how."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the request; a second Ctrl-C ends the process at once."""
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a request while the block runs."""
    request = StopRequest()
    with _handled(request.receive):
        yield request


@contextmanager
def leaving() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt and Terminate while the block runs."""
    with _handled(_leave):
        yield


def _leave(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame):
        # An import may swallow the exception or make another of it. Nothing has been written yet: just go.
        os.write(2, b"ganzoo: terminated.\n" if number == signal.SIGTERM else b"ganzoo: interrupted.\n")
        os._exit(128 + number)
    raise Terminate if number == signal.SIGTERM else KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals arrive in the main thread alone
        yield
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
