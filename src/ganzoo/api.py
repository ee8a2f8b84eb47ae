"""The Python interface, in the words of the command line: run, resume and load."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo import registry, storage
from ganzoo.engine import directory, faults
from ganzoo.engine.build import build
from ganzoo.engine.generator_file import load
from ganzoo.engine.loop import train
from ganzoo.engine.run import Run
from ganzoo.errors import PluginError, UsageError
from ganzoo.options import complete, options_of
from ganzoo.recipe import ROLES, Part, Recipe
from ganzoo.settings import Interval, Settings

__all__ = ["load", "plan", "resume", "run"]


def run(
    recipe: str | None = None,
    dataset: str | None = None,
    *,
    generator: str | None = None,
    discriminator: str | None = None,
    loss: str | None = None,
    penalty: str | Sequence[str] | None = None,
    callback: str | Sequence[str] | None = None,
    set: Mapping[str, Any] | None = None,
    config: Path | str | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    images: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    data: Path | str | None = None,
    out: Path | str | None = None,
    device: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    sample_every: str | float | None = None,
    checkpoint_every: str | float | None = None,
    on_nonfinite: str | None = None,
    dry_run: bool = False,
    listeners: Sequence[object] = (),
) -> Run:
    """Train a recipe on a data set in a new run directory, and return the finished run.

    Later sources win: defaults, the recipe, the file `config`, these arguments. set: options by path, e.g.
    {"generator.width": 512}. callback: names to add to the recipe's callbacks; listeners: objects with hooks,
    of which run.toml knows nothing. dry_run: check that everything fits, write nothing and load no data.
    Raises the errors of `ganzoo.errors`.
    """
    parts = {"generator": generator, "discriminator": discriminator, "loss": loss, "dataset": dataset}
    file = directory.read(Path(config)) if config is not None else directory.Config({}, {})
    planned = plan(recipe, file, parts, penalty, callback)
    lengths = {k: v for k, v in {"epochs": epochs, "steps": steps, "images": images}.items() if v is not None}
    if len(lengths) > 1:
        raise UsageError(f"{' and '.join(lengths)} were given; a run has one length.")
    for path, value in {**lengths, **({} if batch is None else {"batch": batch}), **(set or {})}.items():
        planned = planned.set(path, value)
    if sample_every is not None:
        planned = _sampled(planned, Interval.parse(sample_every))
    given = {
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
        "data": data and Path(data),
        "on_nonfinite": on_nonfinite,
    }
    settings = make_settings(file.run, given, checkpoint_every)
    name = recipe or file.name or "run"
    target = directory.choose(
        Path(out) if out is not None else None, name, planned.dataset.name if planned.dataset else ""
    )
    typed = frozenset(t for t in [recipe, *parts.values(), *_as_list(penalty), *_as_list(callback)] if t)
    made = build(planned, settings, target, typed=typed, listeners=listeners)
    if not dry_run:
        with faults.explained(made):
            made.feed  # noqa: B018 - loads the data before a directory exists
        directory.create(target, name, made.recipe, settings.to_table(), packages_of(made))
        with storage.lock(target):
            train(made)
    return made


def plan(
    recipe: str | None,
    file: directory.Config,
    parts: Mapping[str, str | None],
    penalty: str | Sequence[str] | None,
    callback: str | Sequence[str] | None = None,
) -> Recipe:
    """The recipe by name with a file's tables, other parts and more callbacks put in. Raises UsageError."""
    if recipe is None and "generator" not in file.recipe:
        raise UsageError("name a recipe. See what there is with: ganzoo list recipes")
    base = find_recipe(recipe).to_table() if recipe is not None else {}
    planned = Recipe.from_table(directory.merge(base, file.recipe))
    for role, name in parts.items():
        old: Part | None = getattr(planned, role)
        if name is not None and (old is None or old.name != name):
            planned = planned.with_part(role, Part(name))
    if penalty is not None:
        planned = planned.with_part("penalty", tuple(Part(n) for n in _as_list(penalty) if n != "none"))
    planned = with_callbacks(planned, callback)
    if planned.dataset is None:
        raise UsageError("name a data set. See what there is with: ganzoo list datasets")
    return planned


def with_callbacks(recipe: Recipe, callback: str | Sequence[str] | None) -> Recipe:
    """The recipe with these callbacks beside its own; one that it has already stays as it is."""
    known = [part.name for part in recipe.callback]
    new = [name for name in dict.fromkeys(_as_list(callback)) if name not in known]
    return recipe.with_part("callback", (*recipe.callback, *map(Part, new)))


def find_recipe(name: str) -> Recipe:
    """A recipe of the registry, or one that the user typed as module:attribute or ./file.py:NAME."""
    component = registry.find("recipes", name, typed=True)
    found = component.load()
    if not isinstance(found, Recipe):
        kind = UsageError if component.package == registry.TYPED else PluginError
        raise kind(f"recipe {name} is a {type(found).__name__}; it must be a ganzoo.recipe.Recipe.")
    return found


def make_settings(
    file: Mapping[str, Any], given: Mapping[str, Any], checkpoint_every: str | float | None
) -> Settings:
    """Settings from a file's [run] table and from what the caller gave, which wins. Raises UsageError."""
    options = options_of(Settings)
    values = {**file, **{name: value for name, value in given.items() if value is not None}}
    if checkpoint_every is not None:
        values["checkpoint_every"] = checkpoint_every
    if "checkpoint_every" in values:
        values["checkpoint_every"] = Interval.parse(values["checkpoint_every"])
    if isinstance(values.get("data"), str):
        values["data"] = Path(values["data"])
    return Settings(**complete("the run", options, values))


def resume(
    path: Path | str,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    images: int | None = None,
    callback: str | Sequence[str] | None = None,
    data: Path | str | None = None,
    device: str | None = None,
    threads: int | None = None,
    checkpoint_every: str | float | None = None,
    on_nonfinite: str | None = None,
    allow_other_data: bool = False,
    typed: Mapping[str, str] | None = None,
    listeners: Sequence[object] = (),
) -> Run:
    """Go on with a run from its newest checkpoint, and return it finished; the lengths are new totals.

    callback: names to add to the run's callbacks. allow_other_data: go on even if the training data are not
    those of the checkpoint. typed: import paths by role, e.g.
    {"generator": "./my_gan.py:Generator"}, for parts that no installed package brings. Raises the errors of
    `ganzoo.errors`.
    """
    folder = directory.existing(Path(path))
    file = directory.read(folder)
    planned = Recipe.from_table(file.recipe)
    for name, value in {"epochs": epochs, "steps": steps, "images": images}.items():
        planned = planned if value is None else planned.set(name, value)
    for role, reference in (typed or {}).items():
        old: Part | None = getattr(planned, role)
        planned = planned.with_part(role, Part(reference, **(old.options if old else {})))
    planned = with_callbacks(planned, callback)
    given = {
        "device": device,
        "threads": threads,
        "data": data and Path(data),
        "on_nonfinite": on_nonfinite,
    }
    settings = make_settings(file.run, given, checkpoint_every)
    names = frozenset([*(typed or {}).values(), *_as_list(callback)])
    made = build(planned, settings, folder, typed=names, listeners=listeners)
    with storage.lock(folder):
        with faults.explained(made):
            made.feed  # noqa: B018 - loads the data
            made.go_on(allow_other_data=allow_other_data)
        train(made)
    return made


def packages_of(made: Run) -> dict[str, str]:
    """The packages whose components take part in a run, with their versions."""
    return registry.packages(part.component for role in ROLES for part in made.parts.resolved[role])


def _sampled(recipe: Recipe, interval: Interval) -> Recipe:
    others = tuple(part for part in recipe.callback if part.name != "samples")
    samples = next((part for part in recipe.callback if part.name == "samples"), Part("samples"))
    if interval.unit == "seconds":
        raise UsageError("samples are drawn every so many epochs or steps, not seconds: write 1 or 400steps.")
    kept = {k: v for k, v in samples.options.items() if k not in ("every_epochs", "every_steps")}
    return recipe.with_part(
        "callback",
        (*others, Part("samples", **kept, every_epochs=interval.epochs, every_steps=interval.steps)),
    )


def _as_list(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
