"""The state of a run as one tree: every tensor and number that decides the next step.

Random numbers come from torch's generators, which are seeded anew for every step from the seed and the step:
these two numbers stand for all noise and for the order of the data.
"""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.datasets.base import Samples
from ganzoo.engine.game import Turn
from ganzoo.engine.match import match
from ganzoo.engine.tensor_file import UNREADABLE
from ganzoo.errors import CheckpointError, PluginError

if TYPE_CHECKING:
    from ganzoo.engine.run import Run

Table = dict[str, Any]


def gather(run: "Run") -> Table:
    """The whole state. Raises PluginError where a player learns weights that are nowhere saved."""
    return {
        "step": run.step,
        "rollbacks": run.rollbacks,
        "metrics_bytes": run.metrics.size,
        "fingerprint": run.fingerprint,
        "environment": environment(run),
        "networks": networks(run),
        "optimizers": {turn.name: _optimizer(run, turn) for turn in run.game.turns},
        "window": run.window.state_dict(),
        "callbacks": callback_states(run),
    }


def restore(run: "Run", tree: Mapping[str, Any]) -> None:
    """Put a gathered state back; everything is checked before anything is changed. Raises CheckpointError."""
    try:
        optimizers = {turn.name: tree["optimizers"][turn.name] for turn in run.game.turns}
        needed = {turn.name: _needed(run, turn, optimizers[turn.name]) for turn in run.game.turns}
        match(
            _flat({**tree["networks"], "optimizer": tree["optimizers"]}),
            _flat({**networks(run), "optimizer": needed}),
            "the checkpoint",
        )
        window = {name: value.to(run.device) for name, value in tree["window"].items()}
        step, rollbacks, _ = (_count(tree[name]) for name in ("step", "rollbacks", "metrics_bytes"))
        dict(tree["callbacks"])
    except UNREADABLE as error:
        raise CheckpointError(f"the checkpoint is not one of this recipe: {error!r:.200}.") from error
    for name, network in _modules(run):
        network.load_state_dict(tree["networks"][name])
    for turn in run.game.turns:
        _put_optimizer(run, turn, optimizers[turn.name], needed[turn.name])
    run.window.load_state_dict(window)
    run.step, run.rollbacks = step, rollbacks


def callback_states(run: "Run") -> Table:
    """What the callbacks want to keep, by their name."""
    answers = {name: _hook(run, "checkpoint_save", name)(run=run) for name in run.callbacks}
    return {name: given[0] for name, given in answers.items() if given}


def restore_callbacks(run: "Run", states: Mapping[str, Any]) -> None:
    """Give the callbacks back what they kept."""
    for name in [name for name in run.callbacks if name in states]:
        _hook(run, "checkpoint_load", name)(run=run, state=states[name])


def _hook(run: "Run", hook: str, name: str) -> Callable[..., list[Any]]:
    """A hook of one callback alone."""
    others = [callback for other, callback in run.callbacks.items() if other != name]
    return run.hooks.subset_hook_caller(hook, others)


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.20} is not a count")
    return value


def networks(run: "Run") -> dict[str, Table]:
    """The weights and buffers of everything that has any, by name."""
    return {name: dict(network.state_dict()) for name, network in _modules(run)}


def _modules(run: "Run") -> Iterator[tuple[str, nn.Module]]:
    yield from run.game.players.items()
    yield from run.game.modules.items()
    if run.average is not None:
        yield "average", run.average.network


def _parameters(run: "Run", turn: Turn) -> dict[str, nn.Parameter]:
    """What a turn learns, by name."""
    learning = {id(parameter) for parameter in turn.parameters}
    named = {f"{n}.{key}": p for n, network in _modules(run) for key, p in network.named_parameters()}
    found = {name: p for name, p in named.items() if id(p) in learning}
    if len({id(p) for p in found.values()}) < len(learning):
        raise PluginError(
            f"turn {turn.name} learns weights that belong to no player of the game: they would be lost."
        )
    return found


def _optimizer(run: "Run", turn: Turn) -> dict[str, Table]:
    return {name: dict(turn.optimizer.state.get(p, {})) for name, p in _parameters(run, turn).items()}


def _needed(run: "Run", turn: Turn, saved: Mapping[str, Table]) -> dict[str, Table]:
    """What the optimizer keeps after one step; nothing for weights that had not moved when saved."""
    twins: dict[int, Any] = {}
    trial = copy.deepcopy(turn.optimizer, twins)
    for group in trial.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    trial.step()
    named = _parameters(run, turn).items()
    return {
        name: {} if saved.get(name) == {} else dict(trial.state.get(twins[id(p)], {})) for name, p in named
    }


def _put_optimizer(run: "Run", turn: Turn, saved: Mapping[str, Table], like: Mapping[str, Table]) -> None:
    turn.optimizer.state.clear()
    for name, parameter in _parameters(run, turn).items():
        if saved[name]:
            # On the device and in the order of memory that the optimizer wants: fused ones trust both.
            turn.optimizer.state[parameter] = {
                key: torch.empty_like(like[name][key]).copy_(value) if isinstance(value, Tensor) else value
                for key, value in saved[name].items()
            }


def _flat(table: Mapping[str, Any], path: str = "") -> Table:
    """The leaves of nested tables by their dotted path."""
    leaves: Table = {}
    for key, value in table.items():
        leaves |= _flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return leaves


def first_not_finite(run: "Run") -> str | None:
    """The name of the first tensor of networks and optimizers that is NaN or infinite somewhere, or None."""
    optimizers = {turn.name: _optimizer(run, turn) for turn in run.game.turns}
    for name, value in _flat({**networks(run), "optimizer": optimizers}).items():
        if isinstance(value, Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
            return name
    return None


def environment(run: "Run") -> dict[str, str | int]:
    """What else decides the last bits of a sum: with another of these a run goes on, but not bit for bit."""
    is_gpu = run.device.type == "cuda"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(run.device) if is_gpu else "cpu",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "precision": run.settings.precision,
        "seed": run.settings.seed,
        "ranks": run.group.size,
    }


def changes(run: "Run", tree: Mapping[str, Any]) -> list[str]:
    """How the environment differs from that of a gathered state: `threads 2 instead of 1`."""
    known = tree.get("environment")
    before = {"ranks": 1, **(known if isinstance(known, dict) else {})}  # what older checkpoints leave out
    now = environment(run)
    return [f"{key} {now[key]} instead of {before.get(key)}" for key in now if now[key] != before.get(key)]


def fingerprint(samples: Samples) -> str:
    """A checksum of samples, to notice when a run goes on with other data."""
    about = str((tuple(samples.values.shape), samples.values.dtype, samples.labels is not None))
    hasher = hashlib.blake2b(about.encode(), digest_size=16)
    for tensor in (samples.values, samples.labels):
        if tensor is not None:
            hasher.update(tensor.contiguous().view(torch.uint8).numpy().data)
    return hasher.hexdigest()
