"""Options that several commands share, and logging as messages on stderr."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ganzoo.cli import _output
from ganzoo.engine import launch
from ganzoo.errors import UsageError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def several(*options: Decorator) -> Decorator:
    """Several click options as one decorator, in the order they are written."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class _Path(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "\0" in str(value):
            self.fail(f"{value!r} holds a NUL, which no path can.", param, ctx)
        return super().convert(value, param, ctx)


FOLDER = _Path(path_type=Path)

length = several(
    click.option("--epochs", type=float, metavar="N", help="Train for N epochs in all."),
    click.option("--steps", type=int, metavar="N", help="Train for N steps in all."),
    click.option("--images", type=int, metavar="N", help="Train until N real images were seen in all."),
)
machine = several(
    click.option("--data", type=FOLDER, envvar="GANZOO_DATA", help="Folder to look for data in first."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.  [auto]"),
    click.option("--threads", type=int, metavar="N", help="Processor threads; fewer on a shared machine."),
    click.option(
        "--replay",
        type=click.Choice(["auto", "on", "off"]),
        help="Record a step and play it again, to the same bits.  [auto]",
    ),
    click.option("--checkpoint-every", metavar="N", help="Save every N epochs, 400steps or 30s.  [300s]"),
)
ranks = click.option(
    "--ranks", type=click.IntRange(1, 1024), metavar="N", help="Train with N processes of this machine."
)
face = several(
    click.option("--quiet", is_flag=True, help="No progress and no summary."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
)


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """`PART.OPTION=VALUE` texts as a table. Raises UsageError."""
    table = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise UsageError(f"--set {text}: write PART.OPTION=VALUE, for example --set generator.width=512.")
        table[path.strip()] = value.strip()
    return table


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _output.message(record.getMessage())


def show_messages(quiet: bool) -> None:
    """Print what the library logs on stderr: warnings, and unless `quiet` what it downloads.

    Of several ranks only the first has something to say.
    """
    logger = logging.getLogger("ganzoo")
    logger.handlers, logger.propagate = [_Messages()], False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.disabled = launch.place().rank > 0


def start_ranks(ranks: int | None, device: str | None) -> None:
    """Where `--ranks` asks for several processes, run this very command in each of them, and exit."""
    if launch.starts_processes(ranks):
        context = click.get_current_context()
        arguments = context.find_root().obj.arguments
        context.exit(launch.start(ranks or 1, device or "auto", arguments))
