"""How time, memory and disk grow, and how well formulas say so: `python benchmarks/growth.py`.

Each point is a process of its own, with one thread; grown_mb is its peak memory less what it had after its
imports. Times are those of the processor, so that a busy machine does little harm. A formula is fitted to all
points but the last, which it then has to predict.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from ganzoo.api import make_settings, plan
from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.engine import directory
from ganzoo.engine.build import build
from ganzoo.engine.feed import BLOCK
from ganzoo.engine.order import permuted
from ganzoo.engine.run import Run
from ganzoo.spec import DataSpec
from memory import peak_mb

STEPS = 40
Point = Mapping[str, float]


@dataclass(frozen=True)
class Grey:
    """Pictures of one colour: nothing is read or drawn, so what ganzoo does with them is all there is."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        """The training samples."""
        values = torch.full((self.spec.size, *self.spec.shape), 99, dtype=torch.uint8)
        return Samples(values) if split == "train" else None


def pictures(folders: DataFolders, *, side: int = 28, channels: int = 1, size: int = 10_000) -> Grey:
    """So many pictures of this size."""
    return Grey(DataSpec((channels, side, side), (0, 255), None, size))


def ready(recipe: str, values: Mapping[str, Any], home: Path) -> Run:
    """A run in a directory of its own, its data not loaded yet."""
    planned = plan(recipe, directory.Config({}, {}), {"dataset": "growth:pictures"}, {})
    planned = planned.with_part("callback", ()).lasting(steps=10**6).set("record_every_steps", 10**6)
    for name, value in values.items():
        planned = planned.set(name, value)
    settings = make_settings({}, {"device": "cpu", "threads": 1}, None)
    run = build(planned, settings, home / "run", typed=frozenset({"growth:pictures"}))
    directory.create(run.directory, recipe, run.recipe, run.settings.to_table(), {})
    return run


def measure(recipe: str, values: Mapping[str, Any]) -> dict[str, float]:
    """What a run of these parts takes."""
    before_mb = peak_mb()
    with tempfile.TemporaryDirectory() as home:
        run = ready(recipe, values, Path(home))
        start_s = seconds(lambda: (run.feed, run.save()))
        step_s = [seconds(run.play) for _ in range(STEPS)][STEPS // 4 :]
        run.save()
        networks = run.game.players.values()
        return {
            "start_s": start_s,
            "step_ms": 1e3 * statistics.median(step_s),
            "grown_mb": peak_mb() - before_mb,
            "checkpoint_mb": run.checkpoints.data(STEPS).stat().st_size / 1e6,
            "weights": sum(p.numel() for network in networks for p in network.parameters()),
            "sent_mb": sent(run) / 1e6,
            "record_bytes": record_bytes(run),
        }


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def sent(run: Run) -> int:
    """Bytes that one rank of two gives away in a step: counted where they would leave."""
    count = 0

    class Arrived:
        def wait(self) -> None:
            """Nothing was sent."""

    def note(tensor: torch.Tensor, *_: object, async_op: bool = False) -> Arrived | None:
        nonlocal count
        count += tensor.nbytes
        return Arrived() if async_op else None

    send, dist.all_reduce = dist.all_reduce, note
    run.group.rank, run.group.size = 0, 2
    run.play()
    run.group.rank, run.group.size, dist.all_reduce = 0, 1, send
    return count


def record_bytes(run: Run) -> float:
    """Bytes of a line of metrics.jsonl."""
    for _ in range(5):
        run.play()
        run.record_window()
    lines = run.metrics.path.read_bytes().splitlines()
    return statistics.mean(len(line) + 1 for line in lines)


def points(recipe: str, name: str, sizes: Sequence[int], values: Mapping[str, Any]) -> list[Point]:
    """A measurement for each size of what the names say."""
    found = []
    for size in sizes:
        case = {**values, **dict.fromkeys(name.split(","), size)}
        command = [sys.executable, __file__, recipe, json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append({name: size, **json.loads(done.stdout.splitlines()[-1])})
    return found


def table(title: str, found: Sequence[Point], columns: Sequence[str]) -> None:
    """Print points as rows."""
    names = [next(iter(found[0])), *columns]
    print(f"\n{title}\n| " + " | ".join(names) + " |\n|" + "---:|" * len(names))
    for point in found:
        print("| " + " | ".join(f"{point[name]:,.4g}" for name in names) + " |")


def predict(found: Sequence[Point], what: str, by: str, power: int = 1) -> None:
    """Fit a + b x^power to all points but the last, and say how far off it is there."""
    rows = np.array([[1, point[by] ** power] for point in found])
    values = np.array([point[what] for point in found])
    scale = values[:-1, None]  # relative errors count
    factors, *_ = np.linalg.lstsq(rows[:-1] / scale, np.ones(len(found) - 1), rcond=None)
    guess = float(rows[-1] @ factors)
    formula = f"{factors[0]:.3g} + {factors[1]:.3g} {by}{f'^{power}' if power > 1 else ''}"
    print(f"{what} = {formula}: {guess:.4g} at the last, {guess / values[-1] - 1:+.1%} off")


def main() -> None:
    """Print tables and predictions."""
    small = {"batch": 64, "dataset.size": 10_000}
    widths = "generator.width,discriminator.width"
    found = points("vanilla", widths, (64, 128, 256, 384, 512), small)
    table("vanilla by width", found, ("weights", "step_ms", "grown_mb", "checkpoint_mb", "sent_mb"))
    for what in ("step_ms", "grown_mb", "checkpoint_mb", "sent_mb"):
        predict(found, what, "weights")
    print(f"a record of metrics.jsonl: {found[-1]['record_bytes']:.0f} bytes")

    colour = {"batch": 16, "dataset.size": 2000, "dataset.channels": 3, widths.split(",")[0]: 16}
    colour |= {widths.split(",")[1]: 16}
    found = points("dcgan", "dataset.side", (16, 32, 48, 64), colour)
    table("dcgan by side", found, ("weights", "step_ms", "grown_mb", "checkpoint_mb"))
    predict(found, "step_ms", "dataset.side", 2)
    predict(found, "grown_mb", "dataset.side", 2)
    predict(found, "checkpoint_mb", "weights")

    little = {"batch": 64, "dataset.side": 16, "generator.width": 64, "discriminator.width": 64}
    found = points("vanilla", "dataset.size", (10_000, 100_000, 300_000, 1_000_000), little)
    table("vanilla by pictures of 16 x 16", found, ("start_s", "step_ms", "grown_mb"))
    predict(found, "start_s", "dataset.size")
    predict(found, "grown_mb", "dataset.size")

    positions = np.arange(BLOCK, dtype=np.uint64)
    for size in (10**5, 10**7, 10**9):
        taken = statistics.median(seconds(lambda: permuted(positions, size, "order")) for _ in range(9))  # noqa: B023
        print(f"order of {BLOCK:,} of {size:,}: {1e3 * taken:.1f} ms")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], json.loads(sys.argv[2]))))
    else:
        main()
