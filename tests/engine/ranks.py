"""What the two ranks of test_distributed play, all of it in one pair of processes."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.small import small_recipe
from ganzoo import api
from ganzoo.engine import distributed, state
from ganzoo.engine.build import build
from ganzoo.engine.distributed import Group
from ganzoo.engine.game import Batch, Stats
from ganzoo.engine.parts import Parts
from ganzoo.engine.run import Run
from ganzoo.errors import GanzooError
from ganzoo.hooks import hookimpl
from ganzoo.losses import BCE
from ganzoo.recipe import Part, Recipe
from ganzoo.settings import Settings
from ganzoo.zoo import dcgan, gaussian, vanilla, vanilla_bn

STEPS = 20
TESTS = Path(__file__).parents[1]


class ThreePlayers:
    """A generator against two discriminators, the second of which moves every other step."""

    probability = True

    def __init__(self, parts: Parts) -> None:
        self.generator, self.spec = parts.generator(), parts.spec
        judges = [parts.discriminator(name=name) for name in ("strict", "lenient")]
        self.players = {"generator": self.generator, "strict": judges[0], "lenient": judges[1]}
        self.generate = parts.caller(self.generator)
        self.judge = [parts.caller(judge) for judge in judges]
        self.score = self.judge[0]
        self.loss, self.latent, self.modules = parts.loss(), parts.latent, {}
        self.turns = (
            parts.turn("d", [judges[0]], lambda batch: self.judged(batch, 0)),
            parts.turn("second", [judges[1]], lambda batch: self.judged(batch, 1), every=2),
            parts.turn("g", [self.generator], self.deceived),
        )

    def fakes(self, batch: Batch, times: int = 1) -> Tensor:
        return self.generate(self.latent.draw(times * len(batch.real), batch.real), None)

    def judged(self, batch: Batch, index: int) -> tuple[Tensor, Stats]:
        fake = self.fakes(batch).detach()
        scores = self.judge[index](batch.real, None), self.judge[index](fake, None)
        return self.loss.discriminator(*scores), {"real_scores": scores[0], "fake_scores": scores[1]}

    def deceived(self, batch: Batch) -> tuple[Tensor, Stats]:
        fake = self.fakes(batch, times=2)
        losses = [self.loss.generator(judge(fake, None)) for judge in self.judge]
        return losses[0] + losses[1], {}

    def summary(self, stats: Mapping[str, Tensor]) -> dict[str, Tensor]:
        named = {name.replace("/", "_"): value.mean() for name, value in stats.items()}
        return {**named, "real_spread": stats["d/real_scores"].std()}


class Balanced(nn.Module):
    """A loss with a running number, in the way of BEGAN: what it saw before decides what it says."""

    probability = False

    def __init__(self) -> None:
        super().__init__()
        self.k: Tensor
        self.register_buffer("k", torch.tensor(0.1))

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        loss = real.square().mean() - self.k.clone() * fake.square().mean()
        with torch.no_grad():
            self.k.add_(0.1 * (0.5 * real.square().mean() - fake.square().mean())).clamp_(0, 1)
        return loss

    def generator(self, fake: Tensor) -> Tensor:
        return fake.square().mean()


def here(rank: str) -> bool:
    """Whether this process is that rank, and no launcher has begun again."""
    mine = os.environ.get("RANK"), os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return mine == (rank, "0")


class Failing(BCE):
    """Cross entropy, but on rank 1 something happens at its sixth turn."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        self.calls += len(real) > 1  # in earnest, not on trial
        return super().discriminator(real, fake) * (self.fail() if self.calls == 10 and here("1") else 1)

    def fail(self) -> float:
        return 1.0


class Stopped(Failing):
    def fail(self) -> float:
        os.kill(os.getpid(), signal.SIGTERM)
        return 1.0


class Diverged(Failing):
    def fail(self) -> float:
        return math.nan


class Killed(Failing):
    def fail(self) -> float:
        Path(os.environ["KILLED_AT"]).write_text(str(time.time()))
        os.kill(os.getpid(), signal.SIGKILL)
        return 1.0


class Broken(Failing):
    def fail(self) -> float:
        raise ValueError("something is wrong here")


DIGITS = Part("standin:digits")
PICTURES = Part("standin:pictures")
ADAPTS = {"images": 400, "target": 0.55, "every_steps": 3, "start": 0.5}
WATCHING = Part("adaptive", blit=False, geometry=False, color=False, **ADAPTS)
PLAIN = {"generator.dropout": 0, "discriminator.dropout": 0}
SMALL = {"generator.width": 8, "discriminator.width": 8, "latent": 3, "batch": 8, "record_every_steps": 3}


def recipe_of(base: Recipe, data: Part = DIGITS, **changes: Any) -> Recipe:
    """A recipe of the zoo, small."""
    made = base.with_part("callback", ()).with_part("dataset", data).lasting(steps=STEPS)
    for path, value in {**SMALL, **changes}.items():
        made = made.set(path, value)
    return made


def points(**changes: Any) -> Recipe:
    return small_recipe(**{"steps": STEPS, "batch": 7, "record_every_steps": 3, **changes})


# Batches of 7 and last ones of 5 are not equal halves.
CASES: Mapping[str, Recipe] = MappingProxyType(
    {
        "vanilla": recipe_of(vanilla.RECIPE, **PLAIN, ema_half_life_images=50.0),
        "gaussian": recipe_of(gaussian.RECIPE, Part("gaussian", size=100)),
        "unequal": points(),
        "three players": points(game=Part("engine.ranks:ThreePlayers")),
        "average": points(loss=Part("relativistic", form="average")),
        "a loss with a memory": points(loss=Part("engine.ranks:Balanced")),
        "packs": points(game=Part("standard", pack=2), batch=8, loss=Part("relativistic", form="average")),
        "r1": points(penalty=(Part("r1"),)),
        "batch norm": recipe_of(vanilla_bn.RECIPE, batch=7),
        "dcgan": recipe_of(dcgan.RECIPE, batch=7),
        # What augmentations draw differs from rank to rank, so here they only watch the scores and adapt.
        "adaptive": points(dataset=PICTURES, augmentation=(WATCHING,), batch=7),
    }
)


def play(name: str, folder: Path, group: Group, precision: str = "float64") -> Run:
    """A case of the table from its first step to its last; the weights are left in the folder."""
    recipe = CASES[name]
    typed = frozenset(p.name for p in (recipe.dataset, recipe.game, recipe.loss) if p)
    settings = Settings(device="cpu", precision=precision)
    directory = folder / f"{name} {precision}"
    directory.mkdir(parents=True, exist_ok=True)
    run = build(recipe, settings, directory, typed=typed, group=group)
    while run.step < run.total_steps:
        run.play()
    run.record_window()
    tables = state.networks(run).items()
    weights = {f"{n}.{key}": value.contiguous() for n, table in tables for key, value in table.items()}
    save_file(weights, directory / f"weights-{group.rank}")
    return run


def train(folder: Path, loss: str, batch: int = 8, config: str = "config.toml", **given: Any) -> str:
    """What became of a run through the Python interface: `done`, or the error."""
    small = {"generator.width": 8, "discriminator.width": 8, "latent": 3, "batch": batch}
    given |= {"set": small, "config": folder / config, "device": "cpu"}
    try:
        api.run("fashion", "standin:points", loss=loss, **given)
    except GanzooError as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def watch(folder: Path, name: str) -> str:
    """What became of a run with callbacks that measure, draw and warn on the way."""
    return train(folder, "bce", config="watched.toml", out=folder / name, steps=12)


def resume(folder: Path, name: str, steps: int) -> str:
    """Go on with a run; what it warned of."""
    heard = Listener()
    typed = {"dataset": "standin:points"}
    api.resume(folder / name, steps=steps, typed=typed, listeners=[heard], device="cpu")
    return heard.text


class Listener:
    text = ""

    @hookimpl
    def warning(self, message: str) -> None:
        self.text = message


def main(folder: Path) -> None:
    """All that two ranks do together, in one process each."""
    torch.set_num_threads(1)
    group = distributed.join("cpu")
    for name in CASES:
        play(name, folder, group)
    for name in ("vanilla", "gaussian"):
        play(name, folder, group, "float32")
    told = {
        "done": train(folder, "bce", out=folder / "two", steps=6),
        "resumed": resume(folder, "one", 12),
        "stopped": train(folder, "engine.ranks:Stopped", out=folder / "stopped", steps=30),
        "diverged": train(folder, "engine.ranks:Diverged", out=folder / "diverged", steps=30),
        "rollback": train(
            folder, "engine.ranks:Diverged", out=folder / "rollback", steps=30, on_nonfinite="rollback"
        ),
        "watched": watch(folder, "watched by two"),
        "few": train(folder, "bce", out=folder / "few", batch=1),
    }
    (folder / f"told-{group.rank}.json").write_text(json.dumps(told))


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds the modules of the tests."""
    return {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1", **more}


def start(folder: Path, count: int = 2) -> None:
    """Play `main` with some ranks, and wait."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    code = "import sys; from pathlib import Path; from engine import ranks; ranks.main(Path(sys.argv[1]))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            env=environment(**address, RANK=str(rank), WORLD_SIZE=str(count)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    ends = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, "\n".join(ends)
