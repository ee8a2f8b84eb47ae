"""The loop: steps until the run is complete, saving on the way."""

import logging
import signal
import time

from ganzoo import storage
from ganzoo.engine import divergence, faults
from ganzoo.engine.run import Run
from ganzoo.engine.signals import StopRequest, listening
from ganzoo.errors import DivergedError, Interrupted, Terminated


def train(run: Run) -> None:
    """Train from the run's position to its end; the caller holds the lock on its directory.

    Raises Interrupted and Terminated when asked to stop, with the position saved; DivergedError,
    ResourceError and PluginError.
    """
    error: BaseException | None = None
    storage.remove(run.directory / faults.TRACEBACK)
    with listening() as request:
        try:
            with faults.explained(run):
                run.hooks.hook.run_start(run=run)
                play_all(run, request)
        except BaseException as caught:
            error = caught
            raise
        finally:
            end(run, error)


def end(run: Run, error: BaseException | None) -> None:
    """Tell the callbacks that the run is over; what ended it is not hidden by a callback that fails now."""
    try:
        with faults.explained(run):
            run.hooks.hook.run_end(run=run, error=error)
    except (Exception, SystemExit) as failure:
        if error is None:
            raise
        logging.getLogger("ganzoo").warning("%s", failure)


def play_all(run: Run, request: StopRequest) -> None:
    """Play step after step, saving on the way; whoever listens is told after each."""
    began = saved_at = time.monotonic()
    if run.step == 0:
        run.save()  # from now on there is something to go on from
    while run.step < run.total_steps:
        if asked := run.group.highest(request.signal or 0):
            stop(run, asked)
        try:
            run.play()
            run.seconds = time.monotonic() - began
            run.hooks.hook.step_end(run=run)
            if save_is_due(run, saved_at):
                run.save()
                saved_at = time.monotonic()
        except DivergedError as error:
            divergence.roll_back(run, error)
    # After the checkpoint: a run that goes on from it records whole windows, as if it had never ended.
    run.record_window()


def save_is_due(run: Run, saved_at: float) -> bool:
    """Whether a checkpoint is due after the step just finished."""
    interval = run.settings.checkpoint_every
    if run.step == run.total_steps:
        return True
    if interval is None:
        return False
    if interval.unit == "seconds":
        return run.group.any(time.monotonic() - saved_at >= interval.count)
    return run.is_due(epochs=interval.epochs, steps=interval.steps)


def stop(run: Run, number: int) -> None:
    """Save and leave, as asked."""
    run.save()
    run.group.meet()  # a rank that ended now would look like a failure, and make the launcher end the others
    message = f"stopped at step {run.step}, saved; continue with: ganzoo resume {run.directory}"
    raise Interrupted(message) if number == signal.SIGINT else Terminated(message)
