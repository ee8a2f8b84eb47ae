"""The face of a run: a live display in a terminal, plain lines elsewhere."""

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ganzoo.cli import _output
from ganzoo.cli._summary import duration, numbers
from ganzoo.engine.run import Run
from ganzoo.hooks import hookimpl

LINES = 20  # plain lines that a whole run prints, unless it is slow
PAUSE_S = 30.0  # after which a slow run prints a line all the same


def progress(quiet: bool) -> "Bar | Lines | Warnings":
    """What suits where stderr goes; `quiet` leaves warnings only."""
    if quiet:
        return Warnings()
    return Bar() if sys.stderr.isatty() else Lines()


class Warnings:
    """Warnings on stderr and nothing else."""

    @hookimpl
    def warning(self, run: Run, message: str) -> None:
        """Print a warning."""
        _output.message(message)


class Clock:
    """Speed and time left, from the steps played since the start."""

    def __init__(self, run: Run) -> None:
        self.start, self.step, self.images = time.monotonic(), run.step, run.images

    def images_per_s(self, run: Run) -> float:
        """Real images a second since the start."""
        return (run.images - self.images) / max(time.monotonic() - self.start, 1e-9)

    def left(self, run: Run) -> str:
        """The time until the run is complete."""
        done, rest = run.step - self.step, run.total_steps - run.step
        return duration((time.monotonic() - self.start) / max(done, 1) * rest)


def position(run: Run) -> str:
    """Where the run is: `epoch 3.2/100`, or `step 30/100` in a run shorter than an epoch."""
    total = run.total_steps / run.steps_per_epoch
    return f"epoch {run.epoch:.4g}/{total:.4g}" if total >= 1 else f"step {run.step}/{run.total_steps}"


class Lines:
    """Plain lines on stderr."""

    @hookimpl
    def run_start(self, run: Run) -> None:
        """Say what starts."""
        self.clock = Clock(run)
        self.latest: dict[str, float] = {}
        self.printed_at, self.printed_step = time.monotonic(), run.step
        verb = f"goes on from step {run.step}" if run.step else f"trains in {run.directory}"
        print(_output.printable(f"{run.name} {verb}"), file=sys.stderr, flush=True)

    @hookimpl
    def record(self, run: Run, numbers: dict[str, float]) -> None:
        """Keep the newest numbers."""
        self.latest = {**self.latest, **numbers}

    @hookimpl(trylast=True)
    def step_end(self, run: Run) -> None:
        """Print a line now and then."""
        far = run.step - self.printed_step >= max(run.total_steps // LINES, 1)
        if self.latest and (far or time.monotonic() - self.printed_at > PAUSE_S):
            self.printed_at, self.printed_step = time.monotonic(), run.step
            speed = f"{self.clock.images_per_s(run):,.0f} images/s"
            line = f"{position(run)}  {numbers(self.latest)}  {speed}  {self.clock.left(run)} left"
            print(_output.printable(line), file=sys.stderr, flush=True)

    @hookimpl
    def warning(self, run: Run, message: str) -> None:
        """Print a warning."""
        _output.message(message)


class Bar:
    """A live display: a bar, the newest numbers, speed and time left."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(None),
            TextColumn("{task.percentage:>3.0f}%"),
            expand=True,
        )
        self.live = Live(
            self.bar, console=Console(stderr=True), refresh_per_second=4, transient=True
        )  # NO_COLOR is honoured

    @hookimpl
    def run_start(self, run: Run) -> None:
        """Open the display."""
        self.clock, self.drawn_at = Clock(run), 0.0
        self.latest: dict[str, float] = {}
        self.task = self.bar.add_task(
            Text(_output.printable(run.name)).plain, total=run.total_steps, completed=run.step
        )
        self.live.start()

    @hookimpl
    def record(self, run: Run, numbers: dict[str, float]) -> None:
        """Keep the newest numbers."""
        self.latest = {**self.latest, **numbers}

    @hookimpl(trylast=True)
    def step_end(self, run: Run) -> None:
        """Redraw at most four times a second."""
        now = time.monotonic()
        if now - self.drawn_at > 0.25:
            self.drawn_at = now
            self.bar.update(self.task, completed=run.step)
            self.live.update(self._table(run))

    @hookimpl
    def warning(self, run: Run, message: str) -> None:
        """Print a warning above the display."""
        self.live.console.print(Text(f"ganzoo: {_output.printable(message)}", "yellow"))

    @hookimpl
    def run_end(self, run: Run, error: BaseException | None) -> None:
        """Close the display."""
        self.live.stop()

    def _table(self, run: Run) -> Table:
        table = Table.grid(expand=True)
        table.add_row(self.bar)
        speed = f"{self.clock.images_per_s(run):,.0f} images/s"
        table.add_row(Text(f"{position(run)}   {speed}   {self.clock.left(run)} left", "bold"))
        table.add_row(Text(numbers(self.latest), "cyan"))
        return table
