"""`ganzoo study`: many runs, planned in one file and ranked."""

import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli import _options, _output
from ganzoo.errors import GanzooError
from ganzoo.studies import file as files

if TYPE_CHECKING:
    from ganzoo.studies.job import Job, State
    from ganzoo.studies.leaderboard import Leaderboard
    from ganzoo.studies.plan import Plan


@click.command("study")
@click.argument("file", type=_options.FOLDER)
@click.option("--workers", type=int, metavar="N", help="Runs at a time.  [as many as cores allow]")
@click.option("--out", type=_options.FOLDER, metavar="DIR", help="The study's directory.  [runs/NAME]")
@click.option("--on", default="here", metavar="PLACE", help="here, ray, or a cluster's ray://HOST:PORT.")
@click.option("--dry-run", is_flag=True, help="Check every run; load no data and write nothing.")
@_options.face
def command(
    file: Path, workers: int | None, out: Path | None, on: str, dry_run: bool, quiet: bool, as_json: bool
) -> None:
    """Train, measure and rank every run that FILE describes.

    What is complete is not repeated: after an interruption or a change of FILE, the same command goes on.
    """
    files.read(file)  # before torch is imported
    _options.show_messages(quiet)

    from ganzoo.studies.study import Silent, study

    watcher = Silent() if quiet else Face()
    board = study(file, workers=workers, out=out, on=on, dry_run=dry_run, watcher=watcher)
    if as_json:
        _output.write_json(board.to_table())
    elif dry_run:
        _output.write("\n".join(fitting(board)))
    elif not quiet:
        _output.write("\n".join(closing(board)))
    if board.failed and not dry_run:
        raise Failed(board)


class Failed(GanzooError):
    """Some runs of a study failed; the exit code is that of the first."""

    def __init__(self, board: "Leaderboard") -> None:
        first = board.failed[0]
        count = len(board.failed)
        what = f"{first.job.label}, seed {first.job.seed}: {first.state.error.splitlines()[0]}"
        super().__init__(f"{count} run{'s' if count > 1 else ''} failed. {what}")
        self.exit_code = first.state.code or 1


SHOWN = 2  # numbers beside the score that a terminal has room for; leaderboard.md has all


def fitting(board: "Leaderboard") -> list[str]:
    """What a dry run found: a line for each case."""
    runs = [entry for row in board.cases for entry in row.entries]
    left = sum(not entry.is_done for entry in runs)
    lines = [
        f"{board.study.name}: {len(runs)} runs fit, {left} are to be done. Nothing was loaded or written."
    ]
    for row in board.cases:
        seeds = ", ".join(str(entry.job.seed) for entry in row.entries)
        steps = f"{row.entries[0].job.steps:,} steps, seed {seeds}" if row.entries else ""
        lines.append(_output.printable(f"  {row.label}: {steps or 'refused: ' + row.refused}"))
    return lines


def closing(board: "Leaderboard") -> list[str]:
    """The leaderboard as a table, what is to be said about it, and where it is kept."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    first, *titles = board.head(SHOWN)
    table.add_column(first, overflow="fold", min_width=12)
    for title in titles:
        table.add_column(Text(title), justify="right", no_wrap=True)
    for row in board.rows:
        table.add_row(*(Text(_output.printable(cell)) for cell in board.cells(row, SHOWN)))
    terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(file=StringIO(), force_terminal=terminal, width=None if terminal else 200)
    with console.capture() as captured:
        console.print(Text(_output.printable(board.study.name), "bold"))
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    remarks = [_output.printable(remark) for remark in board.remarks()]
    return [*lines, "", *remarks, f"look at {board.directory / 'leaderboard.md'} and leaderboard.png"]


class Face:
    """Progress on stderr: a live display in a terminal, a line for each finished run elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.status import Status

        console = Console(stderr=True)
        self.status = Status("", console=console) if sys.stderr.isatty() else None
        self.total = self.done = 0

    def planned(self, plan: "Plan", done: int) -> None:
        """Say what is to be done and what is refused."""
        self.total, self.done = len(plan.jobs), done
        told = f", {done} of them done already" if done else ""
        self._print(f"{plan.study.name}: {self.total} runs{told}, in {plan.directory}")
        for label, reason in plan.refused.items():
            self._print(f"{label} is refused: {reason}")

    def running(self, states: "Mapping[str, tuple[Job, State]]") -> None:
        """Show how far the runs are."""
        if self.status is not None:
            parts = [f"{job.label}, seed {job.seed} {share(job, state)}" for job, state in states.values()]
            shown = "   ".join(map(_output.printable, parts[:4]))
            more = f"   and {len(parts) - 4} more" if len(parts) > 4 else ""
            from rich.text import Text

            self.status.update(Text(f"{self.done}/{self.total}   {shown}{more}"))
            self.status.start()

    def finished(self, job: "Job", state: "State") -> None:
        """Say how a run ended."""
        self.done += 1
        if self.status is not None and self.done == self.total:
            self.status.stop()
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in list(state.numbers.items())[:4])
        how = f"failed: {state.error.splitlines()[0]}" if state.error else f"{numbers}  {state.seconds:.1f} s"
        self._print(f"{self.done}/{self.total}  {job.label}, seed {job.seed}  {how}")

    def _print(self, text: str) -> None:
        print(_output.printable(text), file=sys.stderr, flush=True)


def share(job: "Job", state: "State") -> str:
    """How much of a run is done, in percent."""
    return "is measured" if state.trained else f"{100 * state.step / max(job.steps, 1):.0f} %"
