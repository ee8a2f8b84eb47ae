"""What checkpoints cost: the share of training time, and megabytes a second beside `cp` and fsync.

`vanilla` trains in pairs of equal numbers of steps, one with a checkpoint every second and one without;
what a checkpoint costs there, and what `save` itself takes, is set against an interval of 30 seconds. A
state of 100 MB is saved in turn with a plain copy of the file. Medians; needs a quiet machine.

    GANZOO_DATA=... python benchmarks/checkpoint_cost.py [DATASET]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import ganzoo
from ganzoo.engine import directory
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.run import Run

INTERVAL_S = 30.0
PAIRS = 8
BLOCK_S = 5.0
MEGABYTES = 100


def ready(dataset: str, home: Path) -> Run:
    """A run of vanilla in a directory of its own, warmed up."""
    run = ganzoo.run("vanilla", dataset, loss="paper", epochs=1000, out=home / "run", dry_run=True)
    directory.create(run.directory, run.name, run.recipe, run.settings.to_table(), {})
    for _ in range(200):
        run.play()
    run.save()
    return run


def train(run: Run, steps: int, saves: bool) -> tuple[float, int]:
    """The seconds of so many steps, and how often they were saved: every second, or never."""
    began = saved_at = time.perf_counter()
    count = 0
    for _ in range(steps):
        run.play()
        if saves and time.perf_counter() - saved_at >= 1.0:
            run.save()
            saved_at = time.perf_counter()
            count += 1
    return time.perf_counter() - began, count


def training(run: Run) -> dict[str, str]:
    """The cost of a checkpoint in training."""
    began = time.perf_counter()
    for _ in range(200):
        run.play()
    steps = int(BLOCK_S / ((time.perf_counter() - began) / 200))
    costs, shares, alone = [], [], []
    for _ in range(PAIRS):
        without, _ = train(run, steps, saves=False)
        with_saves, count = train(run, steps, saves=True)
        costs.append((with_saves - without) / max(count, 1))
        shares.append((with_saves - without) / without)
        run.play()
        began = time.perf_counter()
        run.save()
        alone.append(time.perf_counter() - began)
    cost, save = statistics.median(costs), statistics.median(alone)
    size = run.checkpoints.data(run.step).stat().st_size
    return {
        "state of vanilla": f"{size / 1e6:.1f} MB",
        "one save, timed alone": f"{1e3 * save:.1f} ms",
        f"at one in {INTERVAL_S:.0f} s": f"{100 * save / INTERVAL_S:.3f} %",
        "saving every second, pairs": f"{100 * statistics.median(shares):+.2f} %",
        "one save, by the pairs": f"{1e3 * cost:.1f} ms",
        f"at one in {INTERVAL_S:.0f} s, by the pairs": f"{100 * cost / INTERVAL_S:+.3f} %",
    }


def copying(home: Path) -> dict[str, str]:
    """Saving a large state beside `cp` and fsync, in turn."""
    tree = {"weights": {str(index): torch.randn(250_000) for index in range(MEGABYTES)}}
    files, saves, copies = Checkpoints(home / "large"), [], []
    files.folder.mkdir()
    for step in range(2 * PAIRS):
        began = time.perf_counter()
        files.save(step, tree)
        saves.append(time.perf_counter() - began)
        began = time.perf_counter()
        copy = home / f"copy-{step % 2}"
        subprocess.run(["cp", files.data(step), copy], check=True)
        descriptor = os.open(copy, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        copies.append(time.perf_counter() - began)
    save, copy_s = statistics.median(saves), statistics.median(copies)
    return {
        f"save {MEGABYTES} MB with checksum": f"{MEGABYTES / save:.0f} MB/s",
        f"cp {MEGABYTES} MB and fsync": f"{MEGABYTES / copy_s:.0f} MB/s",
        "save / cp": f"{save / copy_s:.2f}",
    }


def main() -> None:
    """Measure and print a table."""
    dataset = sys.argv[1] if len(sys.argv) > 1 else "mnist"
    with tempfile.TemporaryDirectory() as home:
        run = ready(dataset, Path(home))
        for name, value in {**training(run), **copying(Path(home))}.items():
            print(f"{name:<32}{value:>12}")


if __name__ == "__main__":
    main()
