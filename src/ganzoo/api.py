"""The Python interface, in the words of the command line: run, resume, load and evaluate."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo import registry, storage
from ganzoo.engine import directory, distributed, faults, launch
from ganzoo.engine.build import build
from ganzoo.engine.generator_file import load
from ganzoo.engine.loop import train
from ganzoo.engine.run import Run
from ganzoo.errors import PluginError, UsageError
from ganzoo.evaluation import evaluate
from ganzoo.options import complete, options_of
from ganzoo.recipe import ROLES, Part, Recipe
from ganzoo.settings import Interval, Settings

__all__ = ["evaluate", "load", "plan", "resume", "run"]


def run(
    recipe: str | None = None,
    dataset: str | None = None,
    *,
    generator: str | None = None,
    discriminator: str | None = None,
    loss: str | None = None,
    penalty: str | Sequence[str] | None = None,
    constraint: str | Sequence[str] | None = None,
    augmentation: str | Sequence[str] | None = None,
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
    replay: str | None = None,
    sample_every: str | float | None = None,
    evaluate_every: str | float | None = None,
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
    lists = {"penalty": penalty, "constraint": constraint, "augmentation": augmentation}
    planned = plan(recipe, file, parts, lists, callback)
    for name, every in {"samples": sample_every, "evaluate": evaluate_every}.items():
        if every is not None:
            planned = _repeated(planned, name, Interval.parse(every))
    planned = lasting(planned, {"epochs": epochs, "steps": steps, "images": images})
    for path, value in {**({} if batch is None else {"batch": batch}), **(set or {})}.items():
        planned = planned.set(path, value)
    given = {
        "seed": seed,
        "device": device,
        "precision": precision,
        "threads": threads,
        "replay": replay,
        "data": data and Path(data),
        "on_nonfinite": on_nonfinite,
    }
    settings = make_settings(file.run, given, checkpoint_every)
    name = recipe or file.name or "run"
    group = distributed.join(settings.device)
    target, goes_on = choose_directory(group, out, name, planned.dataset.name if planned.dataset else "")
    several = [name for names in (*lists.values(), callback) for name in _as_list(names)]
    typed = frozenset(name for name in [recipe, *parts.values(), *several] if name)
    made = build(planned, settings, target, typed=typed, listeners=listeners, group=group)
    if dry_run:
        return made
    if goes_on:
        with held(made):
            go_on(made)
            train(made)
    else:
        begin(made, name)
    return made


def begin(made: Run, name: str) -> None:
    """Train a run that was built, in a new directory; `name` is that of its recipe."""
    with faults.explained(made):
        made.feed  # noqa: B018 - loads the data before a directory exists
    if made.group.is_first:
        directory.create(made.directory, name, made.recipe, made.settings.to_table(), packages_of(made))
    with held(made):
        train(made)


def choose_directory(
    group: distributed.Group, out: Path | str | None, name: str, dataset: str
) -> tuple[Path, bool]:
    """The directory of a run, which rank 0 chooses, and whether it goes on there after a launcher's restart.

    Raises UsageError.
    """
    choice = ["", False]
    if group.is_first:
        folder = Path(out) if out is not None else None
        restarted = launch.place().restarts > 0
        if restarted and folder is None:
            raise UsageError("a restarted run needs its directory to go on: start with --out DIR.")
        goes_on = restarted and folder is not None and (folder / "run.toml").is_file()
        target = folder if folder is not None and goes_on else directory.choose(folder, name, dataset)
        choice = [str(target), goes_on]
    told = json.loads(group.tell(json.dumps(choice).encode()))
    return Path(told[0]), told[1]


@contextlib.contextmanager
def held(made: Run) -> Iterator[None]:
    """Hold the run's directory for the process that writes there. Raises BusyError."""
    with storage.lock(made.directory) if made.group.is_first else contextlib.nullcontext():
        yield


def go_on(made: Run, *, allow_other_data: bool = False) -> None:
    """Load the data and put the newest checkpoint back."""
    with faults.explained(made):
        made.feed  # noqa: B018 - loads the data
        made.go_on(allow_other_data=allow_other_data)


def plan(
    recipe: str | None,
    file: directory.Config,
    parts: Mapping[str, str | None],
    lists: Mapping[str, str | Sequence[str] | None],
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
    for role, names in lists.items():
        if names is not None:
            planned = planned.with_part(role, tuple(Part(n) for n in _as_list(names) if n != "none"))
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
    replay: str | None = None,
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
    planned = lasting(planned, {"epochs": epochs, "steps": steps, "images": images})
    for role, reference in (typed or {}).items():
        old: Part | None = getattr(planned, role)
        planned = planned.with_part(role, Part(reference, **(old.options if old else {})))
    planned = with_callbacks(planned, callback)
    given = {
        "device": device,
        "threads": threads,
        "replay": replay,
        "data": data and Path(data),
        "on_nonfinite": on_nonfinite,
    }
    settings = make_settings(file.run, given, checkpoint_every)
    names = frozenset([*(typed or {}).values(), *_as_list(callback)])
    group = distributed.join(settings.device)
    made = build(planned, settings, folder, typed=names, listeners=listeners, group=group)
    with held(made):
        go_on(made, allow_other_data=allow_other_data)
        train(made)
    return made


def packages_of(made: Run) -> dict[str, str]:
    """The packages whose components take part in a run, with their versions."""
    return registry.packages(part.component for role in ROLES for part in made.parts.resolved[role])


def lasting(recipe: Recipe, lengths: Mapping[str, float | None]) -> Recipe:
    """The recipe with the length that is given, or its own. Raises UsageError for several."""
    given = {name: value for name, value in lengths.items() if value is not None}
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} were given; a run has one length.")
    for name, value in given.items():
        recipe = recipe.set(name, value)
    return recipe


def _repeated(recipe: Recipe, name: str, interval: Interval) -> Recipe:
    """The recipe with a callback of this name at this interval, last of all, with the options that it had."""
    others = tuple(part for part in recipe.callback if part.name != name)
    part = next((part for part in recipe.callback if part.name == name), Part(name))
    if interval.unit == "seconds":
        raise UsageError(f"{name} comes every so many epochs or steps, not seconds: write 1 or 400steps.")
    kept = {k: v for k, v in part.options.items() if k not in ("every_epochs", "every_steps")}
    return recipe.with_part(
        "callback", (*others, Part(name, **kept, every_epochs=interval.epochs, every_steps=interval.steps))
    )


def _as_list(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
