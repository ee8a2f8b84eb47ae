"""The product of a run: `generator.safetensors`, which holds all that sampling needs."""

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ganzoo import storage
from ganzoo.engine.checkpoint import digest
from ganzoo.engine.latent import Latent, Pictures, Start
from ganzoo.engine.match import match
from ganzoo.engine.parts import DTYPES
from ganzoo.engine.resolve import look_up
from ganzoo.engine.sampling import Trained
from ganzoo.engine.tensor_file import UNREADABLE, decode, encode
from ganzoo.errors import CheckpointError, MisfitError, PluginError, ResourceError, UsageError
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

FORMAT = "ganzoo-generator"
NOISE, PICTURES = 1, 2  # versions of the format, by what the generator starts from
MOST_FEATURES = 2**28
UNSEALED = b"0" * 32  # stands for the checksum while the checksum is taken


def save(path: Path, network: nn.Module, part: Part, spec: DataSpec, start: Start) -> None:
    """Write the generator file. Raises PluginError and ResourceError."""
    key, described, version = _describe(start)
    config = {
        "generator": {"name": part.name, "options": dict(part.options)},
        "spec": asdict(spec),
        key: described,
        "dtype": str(next(network.parameters(), torch.empty(0)).dtype).removeprefix("torch."),
    }
    tree = {"blake2b": UNSEALED.decode(), "config": config, "weights": dict(network.state_dict())}
    header, *values = encode(tree, FORMAT, version)
    seal = digest([header, *values]).encode()
    storage.write(path, bytes(header).replace(UNSEALED, seal, 1), *values)


def _describe(start: Start) -> tuple[str, dict[str, Any], int]:
    """What a generator starts from: the name in its file, its description and the version of the format."""
    match start:
        case Latent():
            return "latent", {"size": start.size, "distribution": start.distribution}, NOISE
        case Pictures():
            return "source", asdict(start.spec), PICTURES
    kind = type(start).__name__
    raise PluginError(f"a generator that starts from a {kind} cannot be saved; use Latent or Pictures.")


def load(path: Path | str, generator: str | None = None) -> Trained:
    """A trained generator from a run directory or a generator file.

    generator: an import path, for a generator that comes from no installed package; nothing that the file
    itself names is imported by path. Raises UsageError, CheckpointError and PluginError.
    """
    path = Path(path).expanduser()
    if os.path.isdir(path):
        path = path / "generator.safetensors"
    try:
        content = storage.read(path)
    except FileNotFoundError:
        raise UsageError(
            f"there is no {path}. Name a run directory or a generator.safetensors file."
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    return read(content, str(path), generator)


def read(content: bytes, name: str, generator: str | None = None) -> Trained:
    """A trained generator from the content of its file; everything is checked before anything is built."""
    tree = decode(content, name, FORMAT, PICTURES)
    try:
        config, weights, seal = tree["config"], dict(tree["weights"]), tree["blake2b"].encode()
        if digest([content.replace(seal, UNSEALED, 1)]).encode() != seal:
            raise ValueError("its content does not match its checksum")
        spec, start, dtype = _read_config(config)
        part = Part(str(generator or config["generator"]["name"]), **config["generator"]["options"])
    except (UsageError, *UNREADABLE) as error:
        raise CheckpointError(f"{name} is damaged: {str(error)[:200]}.") from error
    network = _network(name, part, spec, start, weights, dtype, typed=generator is not None)
    return Trained(network, spec, start, part)


def _read_config(config: dict[str, Any]) -> tuple[DataSpec, Start, torch.dtype]:
    spec, dtype = _read_spec(config["spec"]), DTYPES[config["dtype"]]
    if "source" in config:
        return spec, Pictures(_read_spec(config["source"])), dtype
    latent = config["latent"]
    if latent["distribution"] not in ("normal", "uniform"):
        raise ValueError(f"there is no latent distribution {latent['distribution']!r:.40}")
    return spec, Latent(_number(latent["size"]), latent["distribution"]), dtype


def _read_spec(spec: dict[str, Any]) -> DataSpec:
    shape, limits = tuple(_number(n) for n in spec["shape"]), spec["value_range"]
    classes = None if spec["classes"] is None else _number(spec["classes"])
    data = DataSpec(shape, None if limits is None else _limits(*limits), classes, _number(spec["size"]))
    if len(shape) not in (1, 3) or data.features > MOST_FEATURES:
        raise ValueError(f"its samples have the shape {shape!s:.80}")
    return data


def _number(value: object) -> int:
    """A size that a file names; larger ones are refused before anything of that size is made."""
    if type(value) is not int or not 1 <= value <= MOST_FEATURES:
        raise ValueError(f"a size is {value!r:.40}")
    return value


def _limits(low: float, high: float) -> tuple[float, float]:
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"the values of its samples lie between {low!r:.40} and {high!r:.40}")
    return float(low), float(high)


def _network(
    name: str,
    part: Part,
    spec: DataSpec,
    start: Start,
    weights: dict[str, Any],
    dtype: torch.dtype,
    *,
    typed: bool,
) -> nn.Module:
    try:
        resolved = look_up("generator", part, typed=typed)
    except UsageError as error:
        raise CheckpointError(f"{name} needs a generator that is not at hand: {error}") from error

    first = start.spec if isinstance(start, Pictures) else start.size
    if resolved.starts_from_pictures != isinstance(start, Pictures):
        raise CheckpointError(f"{name} and {resolved.label} do not agree about what it starts from.")

    def build(device: str) -> nn.Module:
        with torch.device(device), torch.random.fork_rng(devices=[]), _no_larger_than(weights, name):
            network: nn.Module = resolved.build(spec, first).to(dtype)
        match(weights, dict(network.state_dict()), name)
        return network

    try:
        # A network on the meta device costs no memory, whatever sizes a hostile file asks for.
        with contextlib.suppress(PluginError):  # of one that computes with numbers while it is built
            build("meta")
    except (MisfitError, ResourceError) as error:
        raise CheckpointError(f"{name} does not describe a generator: {error}") from error
    network = build("cpu")
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


@contextlib.contextmanager
def _no_larger_than(weights: dict[str, Any], what: str) -> Iterator[None]:
    """Stop the building of a network that has far more parameters than there are weights for."""
    sizes = [value.numel() for value in weights.values() if isinstance(value, Tensor)]
    tensors, values = 4 * len(weights) + 100, 4 * sum(sizes) + 10**6

    def count(module: nn.Module, key: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, values
        tensors, values = tensors - 1, values - (0 if parameter is None else parameter.numel())
        if tensors < 0 or values < 0:
            raise CheckpointError(f"{what} describes a network far larger than the weights that it holds.")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
