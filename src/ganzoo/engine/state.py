"""The state of a run as one tree: every tensor and number that decides the next step."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine.game import Game, Turn
from ganzoo.engine.generator_file import match
from ganzoo.errors import CheckpointError

if TYPE_CHECKING:
    from ganzoo.engine.run import Run


def gather(run: "Run") -> dict[str, Any]:
    """The whole state. Noise and data order are functions of seed and step, so these two numbers stand for them."""
    return {
        "step": run.step,
        "seed": run.settings.seed,
        "metrics_bytes": run.metrics.size,
        "fingerprint": run.fingerprint(),
        "networks": {name: dict(network.state_dict()) for name, network in _networks(run)},
        "optimizers": {turn.name: _optimizer_state(run.game, turn) for turn in run.game.turns},
        "window": run.window.state_dict(),
        "callbacks": run.callback_states(),
    }


def restore(run: "Run", tree: Mapping[str, Any]) -> None:
    """Put a gathered state back; everything is checked before anything is changed. Raises CheckpointError."""
    networks = dict(_networks(run))
    try:
        for name, network in networks.items():
            match(tree["networks"][name], dict(network.state_dict()), f"the checkpoint's {name}")
        optimizers = {
            t.name: _read_optimizer(run.game, t, tree["optimizers"][t.name]) for t in run.game.turns
        }
        for name, network in networks.items():
            network.load_state_dict(tree["networks"][name])
        for turn in run.game.turns:
            turn.optimizer.state.clear()
            for parameter, values in optimizers[turn.name].items():
                turn.optimizer.state[parameter] = values
        run.window.load_state_dict({k: v.to(run.device) for k, v in tree["window"].items()})
        run.step = tree["step"]
    except KeyError as error:
        raise CheckpointError(
            f"the checkpoint holds nothing for {error}: it belongs to another recipe."
        ) from error


def _networks(run: "Run") -> Iterator[tuple[str, nn.Module]]:
    yield from run.game.players.items()
    yield from run.game.modules.items()
    if run.average is not None:
        yield "average", run.average.network


def _named_parameters(game: Game, turn: Turn) -> Iterator[tuple[str, nn.Parameter]]:
    learning = {id(parameter) for parameter in turn.parameters}
    for player, network in game.players.items():
        for name, parameter in network.named_parameters():
            if id(parameter) in learning:
                yield f"{player}.{name}", parameter


def _optimizer_state(game: Game, turn: Turn) -> dict[str, dict[str, Any]]:
    return {name: dict(turn.optimizer.state.get(p, {})) for name, p in _named_parameters(game, turn)}


def _read_optimizer(game: Game, turn: Turn, saved: Mapping[str, Any]) -> dict[nn.Parameter, dict[str, Any]]:
    read = {}
    for name, parameter in _named_parameters(game, turn):
        values = dict(saved[name])
        for key, value in values.items():
            if isinstance(value, Tensor) and value.dim() > 0 and value.shape != parameter.shape:
                raise CheckpointError(f"the checkpoint's {key} of {name} has shape {tuple(value.shape)}.")
        read[parameter] = {k: _to_device(k, v, parameter) for k, v in values.items()}
    return {parameter: values for parameter, values in read.items() if values}


def _to_device(key: str, value: Any, parameter: Tensor) -> Any:
    # Step counts live where the optimizer keeps them: on the device only where its fused form wants them there.
    stays = not isinstance(value, Tensor) or (key == "step" and parameter.device.type == "cpu")
    return value if stays else value.to(parameter.device)


def first_not_finite(run: "Run") -> str | None:
    """The name of the first weight that is NaN or infinite, or None."""
    for name, network in _networks(run):
        for key, value in network.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                return f"{name}.{key}"
    return None
