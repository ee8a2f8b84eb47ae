"""The work on one job: train its run, go on with it, measure it; in any process, on any machine."""

import os
import shutil
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace

from ganzoo import api, storage
from ganzoo.engine.build import build
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.run import Run
from ganzoo.engine.signals import leaving
from ganzoo.errors import BusyError, GanzooError, Interrupted, Terminated
from ganzoo.hooks import hookimpl
from ganzoo.recipe import Recipe
from ganzoo.studies import job as jobs
from ganzoo.studies.job import Job, State

PATIENCE_S = 60.0  # for a process that a killed study has left behind, which saves and goes
NOTED_EVERY_S = 2.0


def complete(job: Job) -> None:
    """Do what is left to do of a job and note how it went; what is done already is not repeated.

    An error of the run is noted, not raised. Raises BusyError where another process holds on to the job, and
    Interrupted and Terminated when asked to stop, with the run saved.
    """
    os.makedirs(job.notes, exist_ok=True)
    began = time.monotonic()
    while True:
        try:
            with storage.lock(job.notes):
                _work(job)
                return
        except BusyError:
            if time.monotonic() - began > PATIENCE_S:
                raise
            time.sleep(0.2)


def _work(job: Job) -> None:
    try:
        if not jobs.read(job).trained:
            train(job)
        state = jobs.read(job)
        if state.measured != job.measure:
            numbers, floors = measure(job)
            state = replace(state, measured=job.measure, numbers=numbers, floors=floors)
        jobs.write(job, replace(state, error="", code=0))
    except (Interrupted, Terminated):
        raise
    except GanzooError as error:
        jobs.write(job, replace(jobs.read(job), error=str(error), code=error.exit_code))
    except Exception as error:
        traceback.print_exc()
        text = f"a defect of ganzoo: {type(error).__name__}: {error}"
        jobs.write(job, replace(jobs.read(job), error=text, code=1))


def train(job: Job) -> None:
    """Train the job's run from its newest checkpoint, or from the beginning. Raises GanzooError."""
    clock, folder = Clock(job), job.directory
    if Checkpoints(folder / "checkpoints").steps():
        data, every = job.run.get("data"), job.run.get("checkpoint_every")
        api.resume(folder, data=data, checkpoint_every=every, listeners=[clock])
    else:
        shutil.rmtree(folder, ignore_errors=True)  # begun by a process that ended before its first checkpoint
        settings = api.make_settings(job.run, {}, None)
        made = build(Recipe.from_table(job.recipe), settings, folder, listeners=[clock])
        api.begin(made, job.title)
    jobs.write(job, replace(jobs.read(job), trained=True))


class Clock:
    """Notes how far a run is and how long it has been trained, over all processes that worked on it."""

    def __init__(self, job: Job) -> None:
        self.job, self.noted_at = job, 0.0

    @hookimpl
    def run_start(self, run: Run) -> None:
        """Begin where the last process ended."""
        self.before, self.first = jobs.read(self.job), run.images

    @hookimpl
    def step_end(self, run: Run) -> None:
        """Note now and then."""
        if time.monotonic() - self.noted_at > NOTED_EVERY_S:
            self.note(run)

    @hookimpl
    def run_end(self, run: Run, error: BaseException | None) -> None:
        """Note the end."""
        self.note(run)

    def note(self, run: Run) -> None:
        """Write step, images and seconds."""
        images = self.before.images + max(run.images - self.first, 0)
        seconds = self.before.seconds + run.seconds
        jobs.write(self.job, State(step=run.step, images=images, seconds=seconds))
        self.noted_at = time.monotonic()


def measure(job: Job) -> tuple[dict[str, float], dict[str, float]]:
    """The numbers of the job's metrics for its generator, and the floor of each. Raises GanzooError."""
    found = api.evaluate(
        job.directory, metric=job.metrics, count=job.samples, data=job.run.get("data")
    ).metrics.values()
    numbers = {name: one.value for metric in found for name, one in metric.items()}
    return numbers, {name: one.floor for metric in found for name, one in metric.items()}


def main(text: str) -> int:
    """The process of a job; it saves and ends when the process that started it has ended, however it did."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        with leaving():
            complete(Job.from_json(text))
        return 0
    except KeyboardInterrupt:
        return 130
    except GanzooError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _leave_with_parent() -> None:
    # os.read, not sys.stdin: at the end of the process Python would wait for its lock.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
