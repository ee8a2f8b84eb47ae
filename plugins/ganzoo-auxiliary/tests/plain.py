"""What the straight-line loops share: a run in float64, Adam from its formula, comparisons, and two ranks."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganzoo.api import find_recipe
from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.engine import distributed, state
from ganzoo.engine.build import build
from ganzoo.engine.run import Run
from ganzoo.engine.seeds import derive
from ganzoo.recipe import Part, Recipe
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec

SEED = 7


@dataclass(frozen=True)
class Pictures:
    """Random grey pictures of 8 x 8, some of ten classes."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        """24 of them; there is no test split."""
        source = torch.Generator().manual_seed(0)
        values = torch.randint(256, (self.spec.size, *self.spec.shape), generator=source, dtype=torch.uint8)
        labels = torch.randint(10, (self.spec.size,), generator=source)
        return Samples(values, labels) if split == "train" else None


def pictures(folders: DataFolders) -> Pictures:
    """Typed as `plain:pictures`."""
    return Pictures(DataSpec((1, 8, 8), (0, 255), 10, 24))


def small(name: str, **changes: Any) -> Recipe:
    """A recipe on the random pictures, a record a step; `generator__width=2` sets generator.width."""
    recipe = find_recipe(name).with_part("dataset", Part("plain:pictures"))
    recipe = recipe.with_part("callback", ()).with_part("penalty", ())
    values = {"record_every_steps": 1, "batch": 6, "latent": 5, "steps": 4, **changes}
    for path, value in values.items():
        recipe = recipe.set(path.replace("__", "."), value)
    return recipe


def ready(recipe: Recipe, directory: Path, **more: Any) -> Run:
    """The recipe's run at its first step, in float64."""
    settings = Settings(seed=SEED, device="cpu", precision="float64")
    typed = frozenset({recipe.dataset.name}) if recipe.dataset else frozenset()
    return build(recipe, settings, directory, typed=typed, **more)


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
        """One step."""
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True)
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
        pairs = zip(player.state_dict().items(), copies[name].state_dict().values(), strict=True)
        for (key, ours), theirs in pairs:
            assert torch.allclose(ours, theirs, rtol=1e-10, atol=1e-10), f"{name} {key}"


def assert_numbers(run: Run, expected: Mapping[str, Tensor]) -> None:
    """The newest record says so, to 1e-10."""
    record = run.metrics.read()[-1]
    for name, value in expected.items():
        assert abs(record[name] - value.item()) <= 1e-10 * max(1, abs(value.item())), name


def play(folder: Path, cases: Mapping[str, Mapping[str, Any]], name: str) -> None:
    """Three steps of each recipe, with the ranks that there are; the weights are left in the folder."""
    torch.set_num_threads(1)
    group = distributed.join("cpu")
    for case, changes in cases.items():
        run = ready(small(case, **changes), folder, group=group)
        for _ in range(3):
            run.play()
        tables = state.networks(run).items()
        weights = {f"{n}.{key}": value.contiguous() for n, table in tables for key, value in table.items()}
        if group.is_first:
            save_file(weights, folder / f"{case}-{name}")


def assert_ranks_agree(folder: Path, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """Two ranks learn what one learns, to 1e-9."""
    play(folder, cases, "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    code = "import json, sys; from pathlib import Path; from plain import play; "
    code += "play(Path(sys.argv[1]), json.loads(sys.argv[2]), 'two')"
    paths = os.pathsep.join(sys.path)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), json.dumps(cases)],
            env={**os.environ, **address, "RANK": str(rank), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ends = [rank.communicate(timeout=240)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(ends)
    for case in cases:
        one, two = (load_file(folder / f"{case}-{name}") for name in ("one", "two"))
        assert one.keys() == two.keys()
        for key, value in one.items():
            assert torch.allclose(value, two[key], rtol=1e-9, atol=1e-9), f"{case} {key}"
