"""How long steps take, written while a run is trained and shown by a command."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.errors import DataError, UsageError
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from ganzoo.engine.run import Run

FILE = "timing.jsonl"
WIDTH = 40


class Timing:
    """How long steps took, in the run's timing.jsonl; it only listens.

    every_steps: how many steps one line sums up. Saving, drawing and measuring between two steps count too.
    """

    def __init__(self, *, every_steps: PositiveInt = 100) -> None:
        self.every_steps = every_steps
        self.began, self.step = 0.0, 0

    @hookimpl
    def run_start(self, run: "Run") -> None:
        """Start the clock; forget what was written beyond the checkpoint from which a run goes on."""
        path = run.directory / FILE
        if path.is_file():
            kept = [line for line in read(path) if line["step"] <= run.step]
            path.write_text("".join(f"{json.dumps(line)}\n" for line in kept))
        self.began, self.step = time.perf_counter(), run.step

    @hookimpl
    def step_end(self, run: "Run") -> None:
        """Write a line when it is time."""
        if run.step % self.every_steps == 0:
            self.write(run)

    @hookimpl
    def run_end(self, run: "Run") -> None:
        """Write the steps since the last line, also of a run that failed."""
        if run.directory.is_dir() and run.step > self.step:
            self.write(run)

    def write(self, run: "Run") -> None:
        """Write how many steps were played since the last line, and in how many seconds."""
        now = time.perf_counter()
        line = {"step": run.step, "steps": run.step - self.step, "seconds": round(now - self.began, 6)}
        with (run.directory / FILE).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")
        self.began, self.step = now, run.step


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a timing file. Raises DataError for a damaged one."""
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except ValueError as error:
        raise DataError(f"{path} holds a damaged line: {error}. Remove that line.") from error


@click.command("timing")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(run: Path, as_json: bool) -> None:
    """Show how fast RUN was trained, in steps a second, from what the callback `timing` wrote."""
    path = run / FILE
    if not path.is_file():
        raise UsageError(f"{run} has no {FILE}. Train with: ganzoo run ... --callback timing")
    lines = [{**line, "steps_per_s": line["steps"] / max(line["seconds"], 1e-9)} for line in read(path)]
    if as_json:
        click.echo(json.dumps(lines, indent=2))
        return
    fastest = max((line["steps_per_s"] for line in lines), default=1.0)
    click.echo(f"{'step':>9}  {'seconds':>8}  {'steps/s':>8}")
    for line in lines:
        bar = "#" * round(WIDTH * line["steps_per_s"] / fastest)
        click.echo(f"{line['step']:>9,}  {line['seconds']:>8.2f}  {line['steps_per_s']:>8.1f}  {bar}")
