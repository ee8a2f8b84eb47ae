"""Hooks: the moments of a run at which callbacks are called."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

from ganzoo.errors import PluginError
from ganzoo.options import suggest

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from ganzoo.engine.run import Run

_spec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")


class Hooks:
    """What a callback may implement; each method is optional, and so is each of its arguments."""

    @_spec
    def run_start(self, run: "Run") -> None:
        """Before the first step, also of a resumed run."""

    @_spec
    def step_end(self, run: "Run") -> None:
        """After every whole step."""

    @_spec
    def record(self, run: "Run", numbers: dict[str, float]) -> None:
        """After a line was written to metrics.jsonl."""

    @_spec
    def samples(self, run: "Run", samples: "Tensor", path: "Path") -> None:
        """After generated samples (N, *shape) in the data's range were drawn into a picture."""

    @_spec
    def warning(self, run: "Run", message: str) -> None:
        """When something looks wrong but training goes on."""

    @_spec
    def checkpoint_save(self, run: "Run") -> "dict[str, Any] | None":
        """The callback's own state, if it has any: tensors, numbers, text, and lists and tables of these."""

    @_spec
    def checkpoint_load(self, run: "Run", state: dict[str, Any]) -> None:
        """The state that `checkpoint_save` gave, before a resumed run starts."""

    @_spec
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """At the very end, always, with the error if there was one."""


def manager(callbacks: list[object]) -> pluggy.PluginManager:
    """A manager of its own for one run. Raises PluginError where a hook or an argument of one is misspelt."""
    made = pluggy.PluginManager("ganzoo")
    made.add_hookspecs(Hooks)
    for callback in callbacks:
        for name in dir(callback):
            if (options := made.parse_hookimpl_opts(callback, name)) is not None:
                _check(callback, getattr(callback, name), options.get("specname") or name)
        made.register(callback)
    return made


def _check(callback: object, method: Callable[..., Any], hook: str) -> None:
    known = {name: vars(Hooks)[name] for name in vars(Hooks) if not name.startswith("_")}
    code = inspect.unwrap(method).__code__
    where = f"callback {type(callback).__name__} ({code.co_filename}:{code.co_firstlineno})"
    if hook not in known:
        raise PluginError(f"{where}: there is no hook {hook!r}.{suggest(hook, known)}")
    allowed = [name for name in inspect.signature(known[hook]).parameters if name != "self"]
    for parameter, kind in inspect.signature(method).parameters.items():
        if parameter not in allowed and kind.default is kind.empty:  # pluggy leaves defaults as they are
            message = f"{where}: the hook {hook} gives no {parameter!r}.{suggest(parameter, allowed)}"
            raise PluginError(message)
