"""What becomes of a run whose numbers are no longer finite."""

from typing import TYPE_CHECKING

from ganzoo.engine import state
from ganzoo.errors import DivergedError

if TYPE_CHECKING:
    from ganzoo.engine.run import Run

MOST_ROLLBACKS = 5


def check(run: "Run") -> None:
    """Raise DivergedError where a weight, an optimizer's state or a recent statistic is not finite."""
    if run.group.any(bool(run.window.first_not_finite() or state.first_not_finite(run))):
        raise error(run, "the weights are not finite")


def error(run: "Run", what: str) -> DivergedError:
    """The error that says what is not finite, since which step, and what is left."""
    term, tensor = run.window.first_not_finite(), state.first_not_finite(run)
    step, what = (term[0], f"{term[1]} is {term[2]}") if term else (run.step, what)
    where = f"; first bad tensor: {tensor}" if tensor else ""
    saved = run.checkpoints.steps()
    left = f"The last good checkpoint is of step {saved[-1]}." if saved else "There is no checkpoint yet."
    advice = "Try a lower learning rate, another loss, or --on-nonfinite rollback."
    return DivergedError(f"training diverged at step {step}: {what}{where}.\n{left}\n{advice}")


def roll_back(run: "Run", diverged: DivergedError) -> None:
    """Go on from the last good checkpoint with other noise; raises the error where that is not wanted."""
    if run.settings.on_nonfinite != "rollback" or run.rollbacks >= MOST_ROLLBACKS:
        raise diverged
    rollbacks = run.rollbacks + 1
    run.restore(run.load_checkpoint())
    run.rollbacks = rollbacks
    reason = str(diverged).partition("\n")[0]
    run.warn(f"{reason} Going on from step {run.step} with other noise ({rollbacks} of {MOST_ROLLBACKS}).")
