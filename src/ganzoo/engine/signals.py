"""Ctrl-C and SIGTERM: asked for at any moment; while training, obeyed between two steps."""

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
    with _handled({signal.SIGINT: request.receive, signal.SIGTERM: request.receive}):
        yield request


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into `Terminate` while the block runs, so that it cleans up and says a word."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise Terminate

    with _handled({signal.SIGTERM: leave}):
        yield


@contextmanager
def _handled(handlers: dict[signal.Signals, Handler]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # signals arrive in the main thread alone
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
