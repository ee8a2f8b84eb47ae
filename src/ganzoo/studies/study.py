"""`ganzoo.study`: plan, work, rank."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganzoo import storage
from ganzoo.api import make_settings
from ganzoo.engine.build import build_dataset
from ganzoo.engine.resolve import look_up
from ganzoo.errors import UsageError
from ganzoo.recipe import Recipe
from ganzoo.studies import execute, leaderboard, picture
from ganzoo.studies import file as files
from ganzoo.studies import job as jobs
from ganzoo.studies import plan as plans
from ganzoo.studies.execute import Pool, Processes, Ray, Watcher
from ganzoo.studies.job import Job, State
from ganzoo.studies.leaderboard import Entry, Leaderboard
from ganzoo.studies.plan import Plan

HERE = "here"


def study(
    file: Path | str,
    *,
    workers: int | None = None,
    out: Path | str | None = None,
    on: str = HERE,
    dry_run: bool = False,
    watcher: Watcher | None = None,
) -> Leaderboard:
    """Train and measure every run of a study file that is not done yet, and rank its cases.

    workers: runs at a time; None for as many as this machine has cores for. out: the study's directory, by
    default runs/NAME; what is in it is gone on with. on: `here`, `ray`, or a cluster's `ray://HOST:PORT`.
    dry_run: check everything, run and write nothing. A run that fails stops no other: see `failed`.
    Raises UsageError for a wrong file, Interrupted and Terminated with every run saved.
    """
    path = Path(file)
    what = files.read(path)
    target = choose(out, what.name)
    check_place(on, workers)
    planned = plans.make(what, target)
    if not dry_run:
        if not os.path.isdir(target):
            storage.make_folder(target)
        with storage.lock(target):
            storage.write(target / "study.toml", storage.read(path))
            how = f"ganzoo study {path}" + (f" --out {out}" if out is not None else "")
            try:
                _play(planned, workers, on, watcher or Silent(), how)
            finally:
                keep(ranked(planned))
    board = ranked(planned)
    board.check_score()
    return board


def choose(out: Path | str | None, name: str) -> Path:
    """The directory of a study. Raises UsageError where it cannot be one."""
    target = Path("runs", name) if out is None else Path(out).expanduser()
    if os.path.lexists(target) and not os.path.isdir(target):
        raise UsageError(f"{target} is a file. Choose another --out.")
    if os.path.exists(target / "run.toml"):
        raise UsageError(f"{target} is a run directory, not that of a study. Choose another --out.")
    if os.path.isdir(target) and os.listdir(target) and not os.path.exists(target / "study.toml"):
        raise UsageError(f"{target} holds other files than those of a study. Choose another --out.")
    parent = target.absolute().parent
    if out is not None and not os.path.isdir(parent):
        raise UsageError(f"there is no folder {parent}. Make it first, or choose another --out.")
    return target


def check_place(on: str, workers: int | None) -> None:
    """Raise UsageError where `on` is no place or `workers` no number of them."""
    if on not in (HERE, "ray") and not on.startswith("ray://"):
        raise UsageError(f"--on {on}: write here, ray, or ray://HOST:PORT.")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}; it must be at least 1.")


def ranked(planned: Plan) -> Leaderboard:
    """The leaderboard as things are now."""
    entries = [Entry(job, jobs.read(job)) for job in planned.jobs]
    return leaderboard.of(planned.study, planned.directory, entries, planned.refused)


def keep(board: Leaderboard) -> None:
    """Write leaderboard.md, .json and .png. Raises ResourceError."""
    folder = board.directory
    storage.write(folder / "leaderboard.md", board.markdown().encode())
    storage.write(folder / "leaderboard.json", (json.dumps(board.to_table(), indent=2) + "\n").encode())
    content = picture.draw(board)
    if content is not None:
        storage.write(folder / "leaderboard.png", content)


def _play(planned: Plan, workers: int | None, on: str, watcher: Watcher, how: str) -> None:
    waiting = [job for job in planned.jobs if not jobs.read(job).is_done(job)]
    watcher.planned(planned, len(planned.jobs) - len(waiting))
    if waiting:
        threads = max(job.threads for job in waiting)
        count = workers or max(cores() // threads, 1)
        if on == HERE:
            load_data(waiting)
        pool: Pool = Processes(count) if on == HERE else Ray(None if on == "ray" else on, count * threads)
        execute.play(waiting, pool, watcher, how)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def load_data(waiting: Sequence[Job]) -> None:
    """Load every data set once: what is missing is noticed, or downloaded, before many processes want it.

    Raises DataError.
    """
    seen: list[tuple[object, object]] = []
    for job in waiting:
        part, data = Recipe.from_table(job.recipe).dataset, job.run.get("data")
        if part is not None and (part, data) not in seen and not jobs.read(job).trained:
            seen.append((part, data))
            dataset = build_dataset({"dataset": [look_up("dataset", part)]}, make_settings(job.run, {}, None))
            dataset.load("train")


@dataclass(frozen=True)
class Silent:
    """A watcher that says nothing."""

    def planned(self, plan: Plan, done: int) -> None:
        """Say nothing."""

    def running(self, states: Mapping[str, tuple[Job, State]]) -> None:
        """Say nothing."""

    def finished(self, job: Job, state: State) -> None:
        """Say nothing."""
