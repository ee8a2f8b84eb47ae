"""`ganzoo plugin`: begin a plugin, and hold installed components to what their kind promises."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo import registry, scaffold
from ganzoo.cli import COMMANDS, _options, _output
from ganzoo.engine import directory
from ganzoo.errors import PluginError, UsageError
from ganzoo.options import suggest
from ganzoo.registry import Component, singular

if TYPE_CHECKING:
    from ganzoo.testing import Outcome

COLOURS = {"pass": "green", "fail": "red", "untried": "yellow"}


@click.group("plugin", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Write a plugin, and check what installed ones promise."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


@command.command("new")
@click.argument("name")
@click.option("--out", type=_options.FOLDER, help="The folder to make.  [NAME]")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(list(scaffold.ATTRIBUTES)),
    help="What the package brings; may be repeated.  [generator]",
)
def new(name: str, out: Path | None, kinds: tuple[str, ...]) -> None:
    """Write a package NAME that works: components, tests, README, entry points."""
    plan = scaffold.plan(name, kinds or ("generator",))
    if "command" in plan.kinds and plan.component in COMMANDS:
        raise UsageError(f"ganzoo has a command {plan.component!r} of its own. Choose another name.")
    folder = directory.choose(out or Path(plan.package), "", "")
    scaffold.write(plan, folder)
    path = f"{folder}" if folder.is_absolute() else f"./{folder}"  # else pip would take it for a name
    _output.message(f"{folder} is written. Go on with:")
    _output.write(
        f"pip install --editable {shlex.quote(f'{path}[test]')}\n"
        f"pytest {shlex.quote(path)}\n"
        f"ganzoo plugin check {plan.package}"
    )


@dataclass(frozen=True)
class Report:
    """A component and what came of its checks."""

    component: Component
    outcomes: Sequence["Outcome"]


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    found = registry.components()
    names = {c.name for c in found} | {c.package for c in found}
    return sorted(name for name in names if name.startswith(incomplete))


@command.command("check")
@click.argument("names", nargs=-1, shell_complete=_complete)
@click.option(
    "--set", "assignments", multiple=True, metavar="OPTION=VALUE", help="An option of the component."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def check(names: tuple[str, ...], assignments: tuple[str, ...], as_json: bool) -> None:
    """Hold components to what their kind promises, check by check.

    A NAME is one of a component, a package, PACKAGE/NAME or KIND/NAME; without any, whatever other packages
    than ganzoo bring is checked.
    """
    chosen = _choose(names)
    options = _options.pairs(assignments)
    if options and len(chosen) != 1:
        raise UsageError(f"--set is for one component, and {len(chosen)} are meant. Name one as KIND/NAME.")

    from ganzoo.testing import examine

    reports = [Report(c, list(examine(c.kind, c.full_name, options=options))) for c in chosen]
    if options and reports[0].outcomes[-1].check.name == "import":
        raise UsageError(reports[0].outcomes[-1].reason)
    counts = Counter(outcome.status for report in reports for outcome in report.outcomes)
    if as_json:
        _output.write_json([_table(report) for report in reports])
    else:
        _output.write("\n\n".join("\n".join(_lines(report)) for report in reports))
    if counts["fail"]:
        raise PluginError(f"{counts['fail']} of {counts.total()} checks failed; they are marked above.")


def _choose(names: Sequence[str]) -> list[Component]:
    installed = registry.components()
    if not names:
        others = [c for c in installed if not c.is_builtin]
        if not others:
            raise UsageError("no other package than ganzoo brings components. Name what to check.")
        return others
    return list(dict.fromkeys(component for name in names for component in _meant(name, installed)))


def _meant(name: str, installed: Sequence[Component]) -> list[Component]:
    """The components of a package, of a kind and name, or of a name."""
    before, _, rest = name.partition("/")
    kinds = {word: kind for kind in registry.KINDS for word in (kind, singular(kind), kind.removesuffix("s"))}
    found = [c for c in installed if c.package == name]
    if rest and before in kinds:
        found = registry.named(rest, [c for c in installed if c.kind == kinds[before]])
    found = found or registry.named(name, installed)
    if not found:
        known = {c.full_name if "/" in name else c.name for c in installed} | {c.package for c in installed}
        raise UsageError(f"nothing that is installed is named {name!r}.{suggest(name, known)}")
    return found


def _lines(report: Report) -> Iterator[str]:
    component, outcomes = report.component, report.outcomes
    kept = sum(outcome.status == "pass" for outcome in outcomes)
    title = f"{singular(component.kind)} {component.name}"
    brought = f"{component.package} {component.version}: {kept} of {len(outcomes)} promises kept"
    yield _output.heading(title, brought)
    said = ""
    wide = max(len(outcome.check.name) for outcome in outcomes)
    for outcome in outcomes:
        status = click.style(f"{outcome.status:7}", fg=COLOURS[outcome.status])
        text = _output.printable(outcome.reason or outcome.check.promise)
        if (outcome.status, outcome.check.name) == ("untried", "import"):
            text += " Options are given with --set OPTION=VALUE."
        yield f"  {status}  {outcome.check.name:{wide}}  {'as above' if text == said else text}"
        said = text


def _table(report: Report) -> dict[str, object]:
    component = report.component
    return {
        "kind": component.kind,
        "name": component.name,
        "package": component.package,
        "version": component.version,
        "checks": [
            {
                "check": o.check.name,
                "promise": o.check.promise,
                "status": o.status,
                "reason": o.reason or None,
            }
            for o in report.outcomes
        ],
    }
