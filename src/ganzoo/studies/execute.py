"""Running jobs: several at a time in processes of this machine, or on a Ray cluster."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import IO, Any, Protocol

from ganzoo.engine.signals import listening
from ganzoo.errors import Interrupted, Terminated, UsageError
from ganzoo.studies import job as jobs
from ganzoo.studies.job import Job, State
from ganzoo.studies.plan import Plan

POLLED_EVERY_S = 0.1
TOLD_EVERY_S = 0.5


class Watcher(Protocol):
    """What wants to know how a study goes."""

    def planned(self, plan: Plan, done: int) -> None:
        """The checks are over; so many jobs are done already."""
        ...

    def running(self, states: Mapping[str, tuple[Job, State]]) -> None:
        """How far the jobs are that are being worked on, by name; about twice a second."""
        ...

    def finished(self, job: Job, state: State) -> None:
        """A job is done, or has failed."""
        ...


class Pool(Protocol):
    """Where jobs are worked on."""

    def has_room(self) -> bool:
        """Whether another job may be submitted."""
        ...

    def submit(self, job: Job) -> None:
        """Let somebody work on a job."""
        ...

    def finished(self) -> list[tuple[Job, str]]:
        """Jobs that ended since the last call, and why the process died, if it did; waits a moment."""
        ...

    def stop(self) -> None:
        """Let every job save and end, and wait for that."""
        ...

    def close(self) -> None:
        """Leave nothing running."""
        ...


def play(waiting: Iterable[Job], pool: Pool, watcher: Watcher, how: str) -> None:
    """Work on all jobs; `how` tells a user how to go on.

    Raises Interrupted and Terminated when asked to stop, with every run saved.
    """
    queue, active, told = deque(waiting), dict[str, Job](), 0.0
    try:
        with listening() as request:
            while queue or active:
                if request.signal is not None:
                    pool.stop()
                    message = f"stopped, all runs are saved; continue with: {how}"
                    raise Interrupted(message) if request.signal == signal.SIGINT else Terminated(message)
                while queue and pool.has_room():
                    job = queue.popleft()
                    pool.submit(job)
                    active[job.name] = job
                for job, death in pool.finished():
                    del active[job.name]
                    watcher.finished(job, _outcome(job, death))
                if time.monotonic() - told > TOLD_EVERY_S:
                    watcher.running({name: (job, jobs.read(job)) for name, job in active.items()})
                    told = time.monotonic()
    finally:
        pool.close()


def _outcome(job: Job, death: str) -> State:
    """What a job came to; where its process died before it could say so, that is noted."""
    state = jobs.read(job)
    if death and not state.is_done(job):
        state = State(step=state.step, images=state.images, seconds=state.seconds, error=death, code=1)
        jobs.write(job, state)
    return state


class Processes:
    """Processes of this machine, a new one for each job."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.active: dict[str, tuple[Job, subprocess.Popen[bytes]]] = {}

    def has_room(self) -> bool:
        """Whether fewer jobs are worked on than there are workers."""
        return len(self.active) < self.workers

    def submit(self, job: Job) -> None:
        """Start a process."""
        job.notes.mkdir(parents=True, exist_ok=True)
        with (job.notes / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ganzoo.studies.work", job.to_json()],
                stdin=subprocess.PIPE,  # stays open: its end tells the child that this process is gone
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal reaches this process alone, which passes it on
                env=environment(job),
            )
        self.active[job.name] = (job, process)

    def finished(self) -> list[tuple[Job, str]]:
        """Jobs whose process has ended."""
        time.sleep(POLLED_EVERY_S)
        ended = [(job, p) for job, p in self.active.values() if p.poll() is not None]
        for job, process in ended:
            del self.active[job.name]
            _close(process.stdin)
        return [(job, _death(job, process.returncode)) for job, process in ended]

    def stop(self) -> None:
        """Pass Ctrl-C on and wait."""
        for _, process in self.active.values():
            process.send_signal(signal.SIGINT)
        for _, process in self.active.values():
            process.wait()

    def close(self) -> None:
        """Kill what is left, after an error here or a second Ctrl-C."""
        for _, process in self.active.values():
            process.kill()
            process.wait()
            _close(process.stdin)
        self.active.clear()


def environment(job: Job) -> dict[str, str]:
    """The environment of a job's process: as many threads as it may use, from the start."""
    return {**os.environ, "OMP_NUM_THREADS": str(job.threads), "OMP_WAIT_POLICY": "PASSIVE"}


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        stream.close()


def _death(job: Job, code: int) -> str:
    if code == 0:
        return ""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"its process {how}, perhaps for want of memory; see {job.notes / 'log.txt'}"


class Ray:
    """A Ray cluster whose machines see the study's directory; or Ray on this machine."""

    def __init__(self, address: str | None, cpus: int) -> None:
        try:
            import ray
        except ImportError as error:
            message = f"Ray is not installed ({error}). Install 'ray>=2.10', or leave out --on."
            raise UsageError(message) from error
        self.ray: Any = ray
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            ray.init(address=address or "auto", **quiet)
        except ConnectionError as error:
            if address is not None:
                raise UsageError(f"there is no Ray cluster at {address}: {error}") from error
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **quiet)
        self.active: dict[Any, Job] = {}
        self.task: Any = ray.remote(max_retries=0)(_complete)

    def has_room(self) -> bool:
        """Ray has a queue of its own."""
        return True

    def submit(self, job: Job) -> None:
        """Make a task of a job, which asks for a GPU where the study says device = "cuda"."""
        needs = {"num_cpus": job.threads, "num_gpus": int(job.run["device"] == "cuda")}
        self.active[self.task.options(name=job.name, **needs).remote(job.to_json())] = job

    def finished(self) -> list[tuple[Job, str]]:
        """Jobs whose task has ended."""
        ready, _ = self.ray.wait(list(self.active), num_returns=1, timeout=POLLED_EVERY_S)
        return [(self.active.pop(task), self._death(task)) for task in ready]

    def _death(self, task: Any) -> str:
        try:
            self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            return f"its Ray task failed: {str(error).strip().splitlines()[-1]}"
        return ""

    def stop(self) -> None:
        """Cancel all tasks: one that runs gets a Ctrl-C."""
        for task in self.active:
            self.ray.cancel(task)
        if self.active:
            self.ray.wait(list(self.active), num_returns=len(self.active))

    def close(self) -> None:
        """Leave the cluster."""
        self.ray.shutdown()


def _complete(text: str) -> None:
    from ganzoo.studies.work import complete

    complete(Job.from_json(text))
