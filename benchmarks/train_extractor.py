"""Train a classifier that ganzoo ships: `python benchmarks/train_extractor.py mnist`, or `fashion-mnist`.

Takes about three minutes on one core. The data set must be at hand: see docs/how-to/offline.md.
"""

import argparse
import time
from pathlib import Path

from ganzoo.datasets.base import DataFolders
from ganzoo.datasets.mnist import fashion_mnist, mnist
from ganzoo.extractors import SHIPPED, classifier

DATASETS = {"mnist": mnist, "fashion-mnist": fashion_mnist}


def main() -> None:
    """Train, measure on the test pictures, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--out", type=Path, help="[where ganzoo reads it from]")
    arguments = parser.parse_args()
    data, began = DATASETS[arguments.dataset](DataFolders()), time.monotonic()
    pixels, test = data.load("train"), data.load("test")

    def report(step: int, loss: float) -> None:
        print(f"step {step:4}  loss {loss:.3f}  {time.monotonic() - began:.0f} s", flush=True)

    network = classifier.train(pixels.values, pixels.labels, data.spec.classes, progress=report)
    share = classifier.accuracy(network, test.values, test.labels)
    path = arguments.out or SHIPPED / f"{arguments.dataset}.safetensors"
    path.write_bytes(classifier.encode(network))
    print(f"{path}: {path.stat().st_size:,} bytes, {share:.2%} of the test pictures are right")
    print(f"sha256 of the weights in use {classifier.digest(network)}")


if __name__ == "__main__":
    main()
