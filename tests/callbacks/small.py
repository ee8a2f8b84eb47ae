"""Data sets and runs that are small enough to train in a moment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import torch

import ganzoo
from ganzoo.datasets.base import DataFolders, Samples, Split
from ganzoo.engine.run import Run
from ganzoo.spec import DataSpec


@dataclass(frozen=True)
class Small:
    """Random samples, sorted by class; test samples only where there are classes."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        size, classes = self.spec.size, self.spec.classes
        source = torch.Generator().manual_seed(len(split))
        if classes is None:
            values = torch.randn(size, *self.spec.shape, generator=source)
            return Samples(values) if split == "train" else None
        values = torch.randint(256, (size, *self.spec.shape), generator=source, dtype=torch.uint8)
        return Samples(values, torch.arange(size) * classes // size)


def labelled(folders: DataFolders) -> Small:
    """Forty pictures of four classes."""
    return Small(DataSpec((1, 6, 5), (0, 255), 4, 40))


def vectors(folders: DataFolders, *, features: int = 2) -> Small:
    """Forty vectors without labels."""
    return Small(DataSpec((features,), None, None, 40))


def train(
    out: Path, callback: str = "", dataset: str = "labelled", recipe: str = "vanilla", **options: Any
) -> Run:
    """A run of two steps an epoch with this callback alone; `length` and `set` are those of `ganzoo.run`."""
    length, values = options.pop("length", {"epochs": 3}), options.pop("set", {})
    listeners, loss = options.pop("listeners", ()), options.pop("loss", None)
    config = out.with_suffix(".toml")
    parts = [{"name": callback, **options}] if callback else []
    config.write_text(tomli_w.dumps({"recipe": {"callback": parts}}))
    values = {"batch": 20, "generator.width": 8, "discriminator.width": 8, "record_every_steps": 1, **values}
    return ganzoo.run(
        recipe,
        f"callbacks.small:{dataset}",
        config=config,
        out=out,
        loss=loss,
        set=values,
        listeners=listeners,
        device="cpu",
        threads=1,
        **length,
    )


def listen(hook: str, told: Callable[..., None]) -> object:
    """A callback of one hook."""
    from ganzoo.hooks import hookimpl

    return type("Listener", (), {hook: staticmethod(hookimpl(told))})()
