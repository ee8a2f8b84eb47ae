"""Printing: results on stdout, messages on stderr, and no text of others raw in a terminal."""

import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import click

from ganzoo.errors import ResourceError


def printable(text: str) -> str:
    """The text on one line, with control characters, which could steer a terminal, written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else repr(c)[1:-1] for c in text)


def colour() -> bool | None:
    """False where the user wants no colours (NO_COLOR, a dumb terminal); None leaves it to the terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def make_streams_lenient() -> None:
    """Let stdout and stderr escape what their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write(text: str) -> None:
    """Print a result; a reader that has gone ends the command. Raises ResourceError where that fails."""
    try:
        click.echo(text, color=colour())
    except BrokenPipeError:
        _silence_stdout()
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        _silence_stdout()
        raise ResourceError(f"cannot write the result: {error.strerror or error}.") from error


def write_json(document: Any) -> None:
    """Print a result as one JSON document."""
    write(json.dumps(document, indent=2, default=str))


def message(text: str) -> None:
    """Print a message for the user on stderr: at most three lines, marked as coming from ganzoo."""
    lines = [printable(line) for line in text.splitlines() if line.strip()]
    shown = [*lines[:2], f"{lines[2]} ..."] if len(lines) > 3 else lines
    click.echo(click.style("ganzoo:", fg="red") + " " + "\n".join(shown), err=True, color=colour())


def heading(title: str, description: str = "") -> str:
    """A line above a group of rows."""
    return click.style(title, bold=True) + (click.style(f"  {description}", dim=True) if description else "")


def rows(pairs: Iterable[tuple[str, str]], *, indent: int = 2) -> Iterator[str]:
    """Lines of two columns; in a terminal the second is wrapped to its width."""
    clean = [(printable(left), printable(right)) for left, right in pairs]
    edge = indent + max((len(left) for left, _ in clean), default=0) + 2
    for left, right in clean:
        first, *rest = _wrap(right, edge)
        start = " " * indent + click.style(left, fg="cyan")
        yield (start + " " * (edge - indent - len(left)) + first).rstrip()
        yield from (" " * edge + line for line in rest)


def _wrap(text: str, edge: int) -> list[str]:
    stream: TextIO | None = sys.stdout  # None where the user closed it
    if stream is None or not stream.isatty():
        return [text]
    room = max(shutil.get_terminal_size().columns - edge, 30)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _silence_stdout() -> None:
    # Python flushes stdout once more when it ends, and would complain there.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
