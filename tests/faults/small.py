"""Runs that are small enough to train, break and repair in a moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

import ganzoo
from ganzoo.engine.run import Run

DATASET = "standin:points"
TYPED = {"dataset": DATASET}
# 35 points in batches of 10, 10 and 15: three steps an epoch.
SMALL = {
    "batch": 10,
    "latent": 3,
    "generator.width": 4,
    "discriminator.width": 4,
    "dataset.size": 35,
    "record_every_steps": 1,
}


def config(folder: Path, **recipe: Any) -> Path:
    """A file that takes a recipe's callbacks away, and sets what else is given."""
    path = folder / "small.toml"
    path.write_text(tomli_w.dumps({"recipe": {"callback": [], **recipe}}))
    return path


def train(out: Path, steps: int = 6, recipe: str = "gaussian", **given: Any) -> Run:
    """A new run; `set` adds to the numbers that make it small."""
    values = {**SMALL, **given.pop("set", {})}
    dataset, file = given.pop("dataset", DATASET), given.pop("config", None) or config(out.parent)
    return ganzoo.run(recipe, dataset, out=out, steps=steps, set=values, config=file, device="cpu", **given)


def resume(out: Path, typed: dict[str, str] | None = None, **given: Any) -> Run:
    """Go on with a run."""
    return ganzoo.resume(out, typed=typed or TYPED, **given)


def product(out: Path) -> dict[str, bytes]:
    """What must agree to the bit: the records, the generator and the newest checkpoint."""
    newest = sorted((out / "checkpoints").glob("*.safetensors"))[-1]
    return {
        path.name: path.read_bytes()
        for path in (out / "metrics.jsonl", out / "generator.safetensors", newest)
    }


def names(paths: Sequence[Path]) -> list[str]:
    """The names of files, sorted."""
    return sorted(path.name for path in paths)
