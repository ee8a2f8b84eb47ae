"""Decoded pictures a second: data set `folder` beside Pillow's own limit on the same cores.

    python benchmarks/pictures.py [--count 2000] [--side 256] [--image-size 64]

Pillow's limit is one process for each core that does nothing but decode, scale and cut. ganzoo decodes once,
in memory or, where the pictures are too many for it, into a file on the disk; batches are gathered from that
file. In turn, medians of three; needs a quiet machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganzoo.api import plan
from ganzoo.datasets.base import DataFolders, Samples
from ganzoo.datasets.folder import folder
from ganzoo.datasets.picture import read_picture
from ganzoo.engine import directory
from ganzoo.engine.feed import Feed
from ganzoo.spec import DataSpec

REPETITIONS, EPOCHS = 3, 10


def make_pictures(home: Path, count: int, side: int) -> None:
    """JPEG files of smooth random colours, as photographs compress."""
    dice = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(dice.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(home / f"{index:06}.jpg", quality=90)


def decode(paths: list[Path], size: int) -> int:
    """What a worker of the limit does."""
    for path in paths:
        with open(path, "rb") as file:
            read_picture(file, size, 3)
    return len(paths)


def limit(paths: list[Path], size: int, pool: ProcessPoolExecutor) -> None:
    """All pictures, by all processes."""
    parts = [paths[index::64] for index in range(64)]
    assert sum(pool.map(decode, parts, [size] * len(parts))) == len(paths)


def load(home: Path, size: int, limit_mb: int) -> Samples:
    """ganzoo's way, from an empty cache."""
    with tempfile.TemporaryDirectory(dir=home.parent) as cache:
        made = folder(
            DataFolders(cache=Path(cache)), path=str(home), image_size=size, memory_limit_mb=limit_mb
        )
        samples = made.load("train")
    assert samples is not None
    return samples


def gather(samples: Samples, size: int) -> tuple[float, float, float]:
    """Pictures a second that the feed gathers and scales; ms of a batch, and of the first of an epoch."""
    recipe = plan("dcgan", directory.Config({}, {}), {"dataset": "mnist"}, {}).set("order", "shuffled")
    spec = DataSpec((3, size, size), (0, 255), None, len(samples))
    feed = Feed(samples, spec, spec, recipe, 0, torch.empty(0))
    steps = len(feed.borders) - 1
    times = [seconds(lambda step=step: feed.batch(step)) for step in range(EPOCHS * steps)]
    first = [times[epoch * steps] for epoch in range(1, EPOCHS)]
    whole = EPOCHS * feed.borders[-1] / sum(times)
    return whole, 1e3 * statistics.median(times), 1e3 * statistics.median(first)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print pictures a second."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--image-size", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ProcessPoolExecutor() as pool:
        home, size = Path(temporary) / "pictures", given.image_size
        home.mkdir()
        make_pictures(home, given.count, given.side)
        paths = sorted(home.iterdir())
        limit(paths[:100], size, pool)
        ways = {
            f"Pillow alone, {os.cpu_count()} processes": lambda: limit(paths, size, pool),
            "ganzoo, into memory": lambda: load(home, size, 10**6),
            "ganzoo, onto the disk": lambda: load(home, size, 1),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPETITIONS):
            for name, work in ways.items():
                times[name].append(seconds(work))
        for name, taken in times.items():
            print(f"{name:32}{given.count / statistics.median(taken):10,.0f} pictures/s")
        made = folder(DataFolders(cache=home.parent), path=str(home), image_size=size, memory_limit_mb=1)
        samples = made.load("train")
        assert samples is not None
        rate, batch_ms, first_ms = gather(samples, size)
        print(f"{'gathered from the disk':32}{rate:10,.0f} pictures/s")
        print(f"a batch takes {batch_ms:.2f} ms, the first of an epoch {first_ms:.2f} ms")


if __name__ == "__main__":
    main()
