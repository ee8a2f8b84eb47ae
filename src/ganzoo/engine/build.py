"""From a recipe to a run: parts are looked up and checked before any data are loaded."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo import hooks
from ganzoo.datasets.base import DataFolders, Dataset
from ganzoo.engine import faults, promises, state
from ganzoo.engine.distributed import Group
from ganzoo.engine.feed import smallest_batch
from ganzoo.engine.parts import Parts
from ganzoo.engine.resolve import Resolved, resolve
from ganzoo.engine.run import Run
from ganzoo.errors import UsageError
from ganzoo.recipe import Recipe
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec


def build(
    recipe: Recipe,
    settings: Settings,
    directory: Path,
    *,
    typed: frozenset[str] = frozenset(),
    listeners: Sequence[object] = (),
    group: Group | None = None,
) -> Run:
    """A run at its first step. No data are loaded and nothing is written.

    typed: import paths that the user typed. listeners: further callbacks, which are not part of the recipe.
    group: the ranks that play it; only the first of them has callbacks and listeners.
    Raises UsageError, MisfitError and PluginError where parts are unknown, broken or do not fit.
    """
    device, group = choose_device(settings.device, settings.precision), group or Group()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    recipe, resolved = resolve(recipe, typed)
    dataset = build_dataset(resolved, settings)
    group.require(smallest_batch(recipe, dataset.spec.size))
    spec = network_spec(dataset.spec, recipe)
    needed = 8 * recipe.batch * (spec.features + recipe.latent)
    what = f"a batch of {recipe.batch:,} samples of {spec.shape_text} and latent {recipe.latent:,}"
    faults.require_memory(needed, what, "Lower --batch.")
    parts = Parts(recipe, resolved, spec, settings.seed, device, settings.precision, group)
    with faults.blaming(resolved, "when the game is set up"):
        game = resolved["game"][0].build(parts)
    promises.game(resolved["game"][0], game)
    callbacks = build_callbacks(resolved["callback"]) if group.is_first else {}
    manager = hooks.manager([*callbacks.values(), *(listeners if group.is_first else ())])
    run = Run(recipe, settings, parts, game, dataset, directory, manager, callbacks)
    group.copy(value for table in state.networks(run).values() for value in table.values())
    return run


def choose_device(name: str, precision: str) -> torch.device:
    """The device by its name, set to a precision; `auto` takes a GPU if there is one. Raises UsageError."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here. Use --device cpu, or --device auto.")
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        torch.backends.cudnn.benchmark = False  # a timed choice of algorithm would differ from run to run
        torch.backends.cudnn.deterministic = True
        # torch's own default rounds in convolutions and not in products: here float32 is float32 in both.
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        return torch.device("cuda", torch.cuda.current_device())
    if precision == "tf32":
        given = "--precision tf32 is a way of GPUs and this run is on the processor"
        raise UsageError(f"{given}. Use --precision float32, or bfloat16 where it is fast.")
    return torch.device("cpu")


def build_dataset(resolved: dict[str, list[Resolved]], settings: Settings) -> Dataset:
    """The recipe's data set, not loaded yet."""
    if not resolved["dataset"]:
        raise UsageError("no data set was named. See what there is with: ganzoo list datasets")
    part = resolved["dataset"][0]
    dataset: Dataset = part.build(DataFolders(settings.data))
    promises.dataset(part, dataset)
    return dataset


def network_spec(stored: DataSpec, recipe: Recipe) -> DataSpec:
    """The data as networks see them: bounded values take the recipe's range, others stay as they are."""
    return stored if stored.value_range is None else replace(stored, value_range=recipe.value_range)


def build_callbacks(resolved: list[Resolved]) -> dict[str, Any]:
    """The recipe's callbacks by name."""
    return {part.component.name: part.build() for part in resolved}
