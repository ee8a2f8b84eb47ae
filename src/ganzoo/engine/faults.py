"""What becomes of failures that are nobody's message yet: of parts from other packages, and of the memory."""

import contextlib
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from ganzoo import registry, sources, storage
from ganzoo.errors import GanzooError, PluginError, ResourceError, UsageError

if TYPE_CHECKING:
    from ganzoo.engine.resolve import Resolved
    from ganzoo.engine.run import Run

TRACEBACK = "traceback.txt"
# How torch says that the memory is full, or that numbers are too large for any memory.
PHRASES = (
    "can't allocate memory",
    "out of memory",
    "ALLOC_FAILED",
    "calculation overflowed",
    "Overflow when unpacking long",
    "integer multiplication overflow",
)
TOO_LARGE = "cannot be converted to type"  # of a number, says torch
_log = logging.getLogger("ganzoo")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, numpy or Python says that the memory is full."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | TypeError) and any(phrase in str(error) for phrase in PHRASES)


def reason(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def require_memory(needed: int, what: str, advice: str) -> None:
    """Raise ResourceError where `needed` bytes are more than the machine has left."""
    available = available_memory()
    if needed > available:
        sizes = f"{needed / 1e9:,.1f} GB of memory and {available / 1e9:,.1f} GB are free"
        raise ResourceError(f"{what} would take {sizes}. {advice}")


def available_memory() -> float:
    """Bytes of memory that can be taken without swapping, or infinity where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return float("inf")


def failure(part: "Resolved", when: str, error: BaseException) -> GanzooError:
    """The error of a part that fails before training, with the file and line in its own package."""
    if is_out_of_memory(error):
        options = ", ".join(f"{name}={value}" for name, value in part.options.items())
        what = f"{part.label} ({options}) does not fit into memory {when}"
        return ResourceError(f"{what}: {reason(error)}.\nChoose smaller sizes.")
    place = sources.where(error, sources.module_of(part.component.value))
    return PluginError(f"{part.origin} fails {when}: {reason(error)} ({place})")


@contextlib.contextmanager
def blaming(resolved: "Mapping[str, Sequence[Resolved]]", when: str) -> Iterator[None]:
    """Turn a failure within parts of other packages into an error that names one. Raises PluginError."""
    try:
        yield
    except GanzooError:
        raise
    except (Exception, SystemExit) as error:
        blamed = blame(error, [part for role in resolved.values() for part in role], in_step=False)
        if blamed is None:
            raise
        raise PluginError(f"{blamed[0]} {when}: {reason(error)} ({blamed[1]})") from error


@contextlib.contextmanager
def sampling(network: nn.Module, count: int) -> Iterator[None]:
    """Turn a failure of a generator at work into an error that says so.

    Raises PluginError and ResourceError; a defect of ganzoo passes through.
    """
    try:
        yield
    except GanzooError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise ResourceError(
                f"the memory is full with {count:,} samples ({reason(error)}). Ask for fewer."
            ) from error
        module, name = type(network).__module__, type(network).__qualname__
        if module.partition(".")[0] == registry.CORE:
            raise
        message = f"generator {module}:{name} fails to make samples: {reason(error)}"
        raise PluginError(f"{message} ({sources.where(error, module)})") from error


@contextlib.contextmanager
def explained(run: "Run") -> Iterator[None]:
    """Turn failures of plugins and of the memory into errors that name them; defects of ganzoo pass through.

    A run that fails between two steps is saved first: half a step never is. The traceback is kept in the run
    directory. Raises PluginError and ResourceError.
    """
    try:
        yield
    except ResourceError as error:
        raise type(error)(f"{error}\n{_left(run)}") from error
    except GanzooError:
        raise
    except (Exception, SystemExit) as error:
        rescue(run)
        keep_traceback(run, error)
        known = explain(error, run)
        if known is None:
            raise
        raise known from error


def rescue(run: "Run") -> None:
    """Save a run that failed after a whole step; what fails in turn is said and changes nothing."""
    if run.group.size > 1:  # the others go on, or are gone; the record of the step will miss some numbers
        run.group.leave()
        run.window.clear()
    if not run.group.is_first:
        return
    if not run.is_whole or run.step <= max(run.checkpoints.steps(), default=0):
        return
    try:
        run.save()
    except (Exception, SystemExit) as error:  # the failure that brought us here is the one to report
        _log.warning("step %d cannot be saved: %s", run.step, reason(error))


def keep_traceback(run: "Run", error: BaseException) -> None:
    """Write the traceback into the run directory, if there is one yet."""
    text = "".join(traceback.format_exception(error))
    if run.directory.is_dir():
        with contextlib.suppress(ResourceError):
            storage.write(run.directory / TRACEBACK, text.encode(errors="backslashreplace"))


def explain(error: BaseException, run: "Run") -> GanzooError | None:
    """The error that a user can act on; None for a defect of ganzoo."""
    when = "before the first step" if run.step == 0 and run.is_whole else f"in step {run.step + 1}"
    when = f"after step {run.step}" if run.step and run.is_whole else when
    if is_out_of_memory(error):
        batch = run.recipe.batch
        advice = f"Lower --batch, which is {batch}, or" if batch > 1 else "Lower"
        message = f"the memory is full {when}, with a batch of {batch} ({reason(error)})."
        return ResourceError(f"{message}\n{advice} the sizes of the networks. {_left(run)}")
    if TOO_LARGE in str(error):
        return UsageError(
            f"an option is too large for {run.settings.precision} numbers {when}. Choose a smaller one."
        )
    parts = [part for role in run.parts.resolved.values() for part in role]
    blamed = blame(error, parts, in_step=not run.is_whole)
    if blamed is None:
        return None
    who, place = blamed
    return PluginError(f"{who} {when}: {reason(error)} ({place}).\n{_left(run)}")


def blame(error: BaseException, parts: "Sequence[Resolved]", *, in_step: bool) -> tuple[str, str] | None:
    """Who failed and where; None where that was ganzoo itself."""
    foreign = [part for part in parts if not part.component.is_builtin]
    packages = {_package(part) for part in foreign}
    steps = [frame for frame in sources.frames(error) if frame.package in packages]
    if steps:
        own = [part for part in foreign if _package(part) == steps[-1].package]
        names = {part.component.value.rpartition(":")[2]: part for part in own}
        functions = [frame.function.partition(".")[0] for frame in reversed(steps)]
        at_work = next(
            (names[name] for name in functions if name in names), own[0] if len(own) == 1 else None
        )
        who = at_work.origin if at_work else f"a part of {own[0].component.package}"
        return f"{who} failed", steps[-1].place
    # What a part returned may be what ganzoo's own code stumbled over in a step; callbacks return nothing.
    others = ", ".join(part.origin for part in foreign if part.role != "callback")
    return (f"training with {others} failed", sources.where(error)) if others and in_step else None


def _package(part: "Resolved") -> str:
    return sources.module_of(part.component.value).partition(".")[0]


def _left(run: "Run") -> str:
    """What the user has after a failure, and how to go on."""
    if not run.directory.is_dir():
        return "Nothing was written."
    saved = run.checkpoints.steps()
    path = run.directory / TRACEBACK
    kept = f"The traceback is in {path}. " if path.is_file() else ""
    if not saved:
        return f"{kept}There is no checkpoint yet."
    return f"{kept}Step {saved[-1]} is saved; continue with: ganzoo resume {run.directory}"
