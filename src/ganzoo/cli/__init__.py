"""The command line: finds commands by name, runs one, and turns errors into messages and exit codes."""

import importlib
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from ganzoo import registry
from ganzoo.cli import _output
from ganzoo.engine import launch
from ganzoo.engine.signals import Terminate, leaving
from ganzoo.errors import (
    DivergedError,
    GanzooError,
    Interrupted,
    PeerError,
    PluginError,
    Terminated,
    UsageError,
)
from ganzoo.options import suggest
from ganzoo.sources import docstring_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Modules that are imported when their command is used; none of them may import torch at its top.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "list": "ganzoo.cli.list_",
        "show": "ganzoo.cli.show",
        "run": "ganzoo.cli.run",
        "resume": "ganzoo.cli.resume",
        "sample": "ganzoo.cli.sample",
        "evaluate": "ganzoo.cli.evaluate",
        "study": "ganzoo.cli.study",
        "compare": "ganzoo.cli.compare",
        "plugin": "ganzoo.cli.plugin",
        "plugins": "ganzoo.cli.plugins",
        "doctor": "ganzoo.cli.doctor",
    }
)


@dataclass
class Session:
    """What the options before the command say."""

    debug: bool = False
    arguments: Sequence[str] = ()


class Commands(click.Group):
    """ganzoo's own commands by a table, others by entry points; each is imported only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, ganzoo's own first."""
        return list(_summaries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, or None. Raises PluginError where its package is broken."""
        if cmd_name in COMMANDS:
            command = importlib.import_module(COMMANDS[cmd_name]).command
        elif registry.named(cmd_name, registry.components("commands")):
            command = registry.find("commands", cmd_name).load()
        else:
            return None
        if not isinstance(command, click.Command):
            raise PluginError(
                f"command {cmd_name} is a {type(command).__name__}; it must be a click.Command."
            )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, and the rest of them."""
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            raise click.UsageError(f"there is no command {args[0]!r}.{suggest(args[0], _summaries())}", ctx)
        return args[0] if command else None, command, args[1:]

    def invoke(self, ctx: click.Context) -> None:
        """Run the command. Raises PluginError for any failure within a command of another package."""
        try:
            super().invoke(ctx)
        except (GanzooError, click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.invoked_subcommand in (None, *COMMANDS):
                raise
            reason = f"{type(error).__name__}: {error} ({registry.where(error)})"
            raise PluginError(f"command {ctx.invoked_subcommand} failed: {reason}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands with what each does, read from its source."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _output.printable(text)) for name, text in _summaries().items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Names of commands and options that start as typed."""
        from click.shell_completion import CompletionItem

        names = [(name, text) for name, text in _summaries().items() if name.startswith(incomplete)]
        items = [CompletionItem(name, help=_output.printable(text)) for name, text in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


def _summaries() -> dict[str, str]:
    own = {n: docstring_of(f"{module}:command").partition("\n")[0] for n, module in COMMANDS.items()}
    others = registry.components("commands")
    claims = Counter([*own, *(c.name for c in others)])
    return own | {c.name if claims[c.name] == 1 else c.full_name: c.summary for c in others}


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "GANZOO", "help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="ganzoo", message="ganzoo %(version)s", allow_from_autoenv=False)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """A zoo of generative adversarial networks: any generator, discriminator, loss and data set together."""
    ctx.ensure_object(Session).debug = debug
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors become messages on stderr."""
    # Before torch: threads that spin while they wait make a run beside other busy processes ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _output.make_streams_lenient()
    arguments = sys.argv[1:] if arguments is None else arguments
    session = Session(arguments=arguments)
    try:
        with leaving():
            code: Any = group.main(
                arguments, "ganzoo", standalone_mode=False, obj=session, color=_output.colour()
            )
        return code or 0
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error, Terminate) or isinstance(error.__cause__, Terminate):
            return _report(error, "terminated.", 143, session)
        return _report(error, "interrupted.", 130, session)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"\nTry '{context.command_path} --help'." if context else ""
        return _report(error, error.format_message() + hint, 2, session)
    except PeerError as error:
        time.sleep(PEER_FIRST_S)
        return _report(error, str(error), error.exit_code, session)
    except GanzooError as error:
        return _report(error, str(error), error.exit_code, session)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return _report(error, f"a defect of ganzoo, which --debug shows: {reason}", 1, session)


# The launcher takes the first end for the reason: the rank that failed has this long to come to its own.
PEER_FIRST_S = 3.0
# What every rank of a run finds out for itself: the first one says it for all.
USAGE = (click.ClickException, click.Abort, KeyboardInterrupt, UsageError)
SHARED = (*USAGE, DivergedError, PeerError, Interrupted, Terminated)


def rank_of_process() -> int:
    """The rank of this process, 0 where the environment makes no sense, which is said elsewhere."""
    try:
        return launch.place().rank
    except UsageError:
        return 0


def _report(error: BaseException, text: str, code: int, session: Session) -> int:
    rank = rank_of_process()
    if rank and isinstance(error, SHARED):
        return code
    if session.debug:
        traceback.print_exception(error, file=sys.stderr)
    _output.message(f"rank {rank}: {text}" if rank else text)
    return code
