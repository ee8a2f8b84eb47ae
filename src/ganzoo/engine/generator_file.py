"""The product of a run: `generator.safetensors`, which holds all that sampling needs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo import storage
from ganzoo.engine.calls import Score, call_with_labels, takes
from ganzoo.engine.checkpoint import decode, encode
from ganzoo.engine.latent import Latent
from ganzoo.engine.parts import DTYPES, look_up
from ganzoo.engine.seeds import derive, generator
from ganzoo.errors import CheckpointError, MisfitError, UsageError
from ganzoo.options import suggest
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

FORMAT = "ganzoo-generator"
CHUNK = 1000


@dataclass(frozen=True)
class Trained:
    """A trained generator, ready to sample from."""

    network: nn.Module
    spec: DataSpec
    latent: Latent
    part: Part

    @property
    def is_conditional(self) -> bool:
        """Whether samples can be asked for by label."""
        return takes(self.network.forward, "labels")

    def sample(self, count: int, labels: Sequence[int] | Tensor | None = None, seed: int = 0) -> Tensor:
        """Samples (count, *shape), float32: pictures in [-1, 1], vectors as they are.

        labels: one for each sample, or fewer, which are repeated in turn; without them a conditional generator goes
        through all classes. Raises UsageError for labels that do not exist or a generator that knows none.
        """
        x = draw(self.network, self.latent, self.spec, count, labels, seed)
        if self.spec.value_range is None:
            return x
        low, high = self.spec.value_range
        return ((x - low) * (2 / (high - low)) - 1).clamp_(-1, 1)


def draw(
    network: nn.Module,
    latent: Latent,
    spec: DataSpec,
    count: int,
    labels: Sequence[int] | Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Samples (count, *shape) of a generator in inference mode, float32 on the processor, in the range it was trained in."""
    if count < 1:
        raise UsageError(f"{count} samples were asked for; ask for at least 1.")
    chosen = _labels(network, spec, count, labels)
    like = next(network.parameters(), torch.empty(0)).detach()
    z = latent.draw(count, torch.empty(0, dtype=like.dtype), generator(derive(seed, "samples"))).to(
        like.device
    )
    call, was_training = call_with_labels(network), network.training
    network.eval()
    try:
        with torch.no_grad():
            made = [_chunk(call, z, chosen, start) for start in range(0, count, CHUNK)]
    finally:
        network.train(was_training)
    return torch.cat(made).float().cpu()


def _chunk(call: Score, z: Tensor, labels: Tensor | None, start: int) -> Tensor:
    rows = slice(start, start + CHUNK)
    return call(z[rows], None if labels is None else labels[rows].to(z.device))


def _labels(
    network: nn.Module, spec: DataSpec, count: int, labels: Sequence[int] | Tensor | None
) -> Tensor | None:
    if not takes(network.forward, "labels"):
        if labels is not None:
            raise UsageError(
                "labels were asked for, but this generator was trained without any. Leave them out."
            )
        return None
    classes = spec.classes or 0
    wanted = torch.arange(classes) if labels is None else torch.as_tensor(labels, dtype=torch.int64).flatten()
    if wanted.numel() == 0 or wanted.min() < 0 or wanted.max() >= classes:
        raise UsageError(f"labels are {wanted.tolist()}; they must be whole numbers from 0 to {classes - 1}.")
    return wanted.repeat(-(-count // len(wanted)))[:count]


def save(path: Path, network: nn.Module, part: Part, spec: DataSpec, latent: Latent) -> None:
    """Write the generator file. Raises ResourceError."""
    config = {
        "generator": {"name": part.name, "options": dict(part.options)},
        "spec": asdict(spec),
        "latent": asdict(latent),
        "dtype": str(next(network.parameters(), torch.empty(0)).dtype).removeprefix("torch."),
    }
    tree = {"config": json.loads(json.dumps(config)), "weights": dict(network.state_dict())}
    storage.write(path, encode({**tree, "blake2b": _digest(tree)}, FORMAT))


def load(path: Path | str, generator: str | None = None) -> Trained:
    """A trained generator from a run directory or a generator file.

    generator: an import path, for a generator that comes from no installed package; nothing that the file itself
    names is imported by path. Raises UsageError, CheckpointError and PluginError.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / "generator.safetensors"
    if not path.is_file():
        raise UsageError(f"there is no {path}. Name a run directory or a generator.safetensors file.")
    tree = decode(path.read_bytes(), str(path), FORMAT)
    try:
        config, weights, digest = tree["config"], tree["weights"], tree["blake2b"]
        if digest != _digest({"config": config, "weights": weights}):
            raise CheckpointError(f"{path} is damaged: its content does not match its checksum.")
        spec, latent, dtype = _read_config(config)
        part = Part(generator or config["generator"]["name"], **config["generator"]["options"])
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    return Trained(
        _network(path, part, spec, latent, weights, dtype, typed=generator is not None), spec, latent, part
    )


def _read_config(config: dict[str, Any]) -> tuple[DataSpec, Latent, torch.dtype]:
    spec, value_range = config["spec"], config["spec"]["value_range"]
    shape, classes = tuple(int(n) for n in spec["shape"]), spec["classes"]
    limits = None if value_range is None else (float(value_range[0]), float(value_range[1]))
    data = DataSpec(shape, limits, None if classes is None else int(classes), int(spec["size"]))
    latent = Latent(int(config["latent"]["size"]), config["latent"]["distribution"])
    if latent.distribution not in ("normal", "uniform"):
        raise ValueError(f"unknown latent distribution {latent.distribution!r}")
    return data, latent, DTYPES[config["dtype"]]


def _network(
    path: Path,
    part: Part,
    spec: DataSpec,
    latent: Latent,
    weights: dict[str, Tensor],
    dtype: torch.dtype,
    *,
    typed: bool,
) -> nn.Module:
    try:
        resolved = look_up("generator", part, typed=typed)
    except UsageError as error:
        raise CheckpointError(f"{path} needs a generator that is not at hand: {error}") from error
    try:
        # On the meta device a network costs no memory, whatever sizes a hostile file asks for.
        with torch.device("meta"):
            match(weights, dict(resolved.build(spec, latent.size).to(dtype).state_dict()), str(path))
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = resolved.build(spec, latent.size).to(dtype)
    except MisfitError as error:
        raise CheckpointError(f"{path} does not describe a generator: {error}") from error
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def match(given: dict[str, Tensor], expected: dict[str, Tensor], what: str) -> None:
    """Raise CheckpointError, naming the first five, where names, shapes or types of tensors differ."""
    wrong = [f"missing {name}" for name in expected if name not in given]
    wrong += [f"unexpected {name}.{suggest(name, expected)}" for name in given if name not in expected]
    for name in expected.keys() & given.keys():
        ours, theirs = expected[name], given[name]
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            shapes = (
                f"{tuple(theirs.shape)} {theirs.dtype} is saved, {tuple(ours.shape)} {ours.dtype} is needed"
            )
            wrong.append(f"{name}: {shapes}")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CheckpointError(f"{what} does not fit the network: {'; '.join(sorted(wrong)[:5])}{more}.")


def _digest(tree: dict[str, Any]) -> str:
    hasher = hashlib.blake2b(json.dumps(tree["config"], sort_keys=True).encode(), digest_size=16)
    for name, value in sorted(tree["weights"].items()):
        hasher.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        hasher.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()
