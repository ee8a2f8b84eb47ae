"""A game beside a loop that is written from its paper in a straight line, and beside itself on two ranks.

In the tests of a plugin:

    run = ready(small("my-gan", generator__width=2), PICTURES, tmp_path)
    with beside(run) as copies:
        ...  # two steps with `copies`, each after `seed_step`, and `run.play()` after each
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganzoo.api import find_recipe
from ganzoo.engine import distributed
from ganzoo.engine.distributed import Group
from ganzoo.engine.run import Run
from ganzoo.engine.seeds import derive
from ganzoo.recipe import Recipe
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec
from ganzoo.testing._steps import assemble, play

__all__ = [
    "PICTURES",
    "SEED",
    "Adam",
    "assert_numbers",
    "assert_ranks_agree",
    "beside",
    "ready",
    "seed_step",
    "small",
]

SEED = 7
PICTURES = DataSpec((1, 8, 8), (-1.0, 1.0), 10, 24)
# What two ways to add up the same numbers may differ by, in float64.
CLOSE = 1e-10
CLOSE_ON_RANKS = 1e-9
TIMEOUT_S = 240


def small(name: str, **changes: Any) -> Recipe:
    """An installed recipe, small, with a record of every step; `generator__width=2` sets generator.width."""
    recipe = find_recipe(name)
    values = {"record_every_steps": 1, "batch": 6, "latent": 5, "steps": 4, **changes}
    for path, value in values.items():
        recipe = recipe.set(path.replace("__", "."), value)
    return recipe


def ready(recipe: Recipe, spec: DataSpec, folder: Path, group: Group | None = None) -> Run:
    """The recipe's run at its first step, in float64, on random samples; it has no callbacks."""
    settings = Settings(seed=SEED, device="cpu", precision="float64")
    return assemble(recipe, spec, folder, settings, group or Group())


def seed_step(step: int) -> None:
    """Begin a step's noise as the engine does."""
    torch.manual_seed(derive(SEED, "step", step))


class Adam:
    """Adam as algorithm 1 of Kingma and Ba (2014, arXiv:1412.6980) has it."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, beta1: float, beta2: float) -> None:
        self.parameters = list(parameters)
        self.lr, self.beta1, self.beta2, self.t = lr, beta1, beta2, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    def minimise(self, loss: Tensor) -> None:
        """One step; weights that the loss does not depend on stay as they are."""
        gradients: tuple[Tensor | None, ...] = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        self.t += 1
        with torch.no_grad():
            for i, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
                if g is None:
                    continue
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
                m, v = self.m[i] / (1 - self.beta1**self.t), self.v[i] / (1 - self.beta2**self.t)
                p -= self.lr * m / (v.sqrt() + 1e-8)


@contextmanager
def beside(run: Run) -> Iterator[Mapping[str, nn.Module]]:
    """Copies of the players for a straight-line loop; after the block the run's own must be as they are."""
    copies = {name: deepcopy(player) for name, player in run.game.players.items()}
    yield copies
    for name, player in run.game.players.items():
        _assert_close(player.state_dict(), copies[name].state_dict(), CLOSE, name)


def assert_numbers(run: Run, expected: Mapping[str, Tensor]) -> None:
    """The newest record says so, to 1e-10."""
    record = run.metrics.read()[-1]
    for name, value in expected.items():
        if abs(record[name] - value.item()) > CLOSE * max(1, abs(value.item())):
            raise AssertionError(f"{name}: the run recorded {record[name]}, the loop has {value.item()}")


def assert_ranks_agree(folder: Path, recipes: Mapping[str, Recipe], spec: DataSpec = PICTURES) -> None:
    """Three steps on two ranks, in processes of their own, give the weights of one rank to 1e-9.

    recipes: by a name for messages, made of installed components. Leave out dropout, and augmentations and
    penalties that draw: there each rank has noise of its own. An odd batch tells most.
    """
    tables = {name: recipe.to_table() for name, recipe in recipes.items()}
    (folder / "cases.json").write_text(json.dumps({"recipes": tables, "spec": asdict(spec)}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    code = f"import sys; from pathlib import Path; from {__name__} import _play_rank; "
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", f"{code}_play_rank(Path(sys.argv[1]))", str(folder)],
            env={**os.environ, **address, **paths, "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ends = [rank.communicate(timeout=TIMEOUT_S)[1] for rank in ranks]
    if any(rank.returncode for rank in ranks):
        raise AssertionError("\n".join(ends))
    for name, recipe in recipes.items():
        one, two = _three_steps(recipe, spec, folder), load_file(_file(folder, name))
        _assert_close(one, two, CLOSE_ON_RANKS, f"{name} on two ranks")


def _play_rank(folder: Path) -> None:
    """What each of the two ranks does; the first leaves the weights in the folder."""
    torch.set_num_threads(1)
    group = distributed.join("cpu")
    cases = json.loads((folder / "cases.json").read_text())
    shape, value_range = cases["spec"].pop("shape"), cases["spec"].pop("value_range")
    spec = DataSpec(tuple(shape), value_range and tuple(value_range), **cases["spec"])
    for name, table in cases["recipes"].items():
        weights = _three_steps(Recipe.from_table(table), spec, folder, group)
        if group.is_first:
            save_file({key: value.contiguous() for key, value in weights.items()}, _file(folder, name))


def _three_steps(
    recipe: Recipe, spec: DataSpec, folder: Path, group: Group | None = None
) -> dict[str, Tensor]:
    return play(ready(recipe.set("record_every_steps", 100), spec, folder, group), 3)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def _assert_close(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], close: float, name: str) -> None:
    if ours.keys() != theirs.keys():
        raise AssertionError(f"{name}: {sorted(ours.keys() ^ theirs.keys())} on one side only")
    for key, value in ours.items():
        if not torch.allclose(value, theirs[key], rtol=close, atol=close):
            raise AssertionError(f"{name} {key}: {(value - theirs[key]).abs().max().item():.1e} apart")
