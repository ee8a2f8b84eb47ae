"""Contract checks of recipes and games, which play a few steps on random samples."""

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo import registry
from ganzoo.engine import promises
from ganzoo.engine.resolve import Resolved, look_up, resolve
from ganzoo.engine.run import Run
from ganzoo.errors import MisfitError
from ganzoo.recipe import Recipe
from ganzoo.spec import DataSpec
from ganzoo.testing._common import (
    NOISE,
    SEED,
    SPECS,
    Check,
    ContractError,
    Subject,
    Untried,
    leaves_the_process,
)
from ganzoo.testing._steps import (
    GOES_ON,
    REPLAYED,
    SMALL,
    Waits,
    check_replay,
    check_resumption,
    play,
    prepare,
    same,
)

# All kinds of data, and two pictures joined along channels, for games that make one of the other.
KINDS = (*SPECS, DataSpec((2, 32, 32), (-1.0, 1.0), None, 16))


def _recipe(subject: Subject) -> Recipe:
    recipe: Any = subject.part.factory
    subject.expect(isinstance(recipe, Recipe), "a ganzoo.recipe.Recipe", type(recipe).__name__)
    return recipe


def _quick(subject: Subject) -> tuple[Recipe, DataSpec]:
    """The recipe with small batches, and data that it fits. Raises ContractError where it fits none."""
    recipe = _recipe(subject)
    quick, refusals = replace(recipe, batch=min(recipe.batch, 4), record_every_steps=1), []
    for spec in KINDS:
        try:
            prepare(quick, spec, Path("unused"))
        except MisfitError as error:
            refusals.append(str(error))
        else:
            return quick, spec
    raise ContractError(
        f"{subject.part.origin} breaks its contract: expected that it fits some data, got refusals: "
        f"{' '.join(refusals)}"
    )


def _exercise_recipe(subject: Subject) -> None:
    resolve(_recipe(subject))


def _check_written(subject: Subject) -> None:
    recipe = _recipe(subject)
    again = Recipe.from_table(recipe.to_table())
    subject.expect(again == recipe, "the recipe back from its tables", again)


def _check_recipe_fits(subject: Subject) -> None:
    _quick(subject)


def _expect_repeat(subject: Subject, make: Callable[[], Run]) -> None:
    ours, theirs = play(make()), play(make())
    subject.expect(same(ours, theirs), "two runs that agree to the bit", "different weights")


def _check_recipe_repeat(subject: Subject) -> None:
    quick, spec = _quick(subject)
    with tempfile.TemporaryDirectory() as folder:
        _expect_repeat(subject, lambda: prepare(quick, spec, Path(folder)))


def _check_recipe_waits(subject: Subject) -> None:
    _expect_no_wait(subject, *_quick(subject))


def _expect_no_wait(subject: Subject, recipe: Recipe, spec: DataSpec, **parts: Resolved) -> None:
    # A record needs numbers, and one is due at the end of each epoch: this one is long enough.
    recipe, spec = replace(recipe, record_every_steps=1000), replace(spec, size=16 * recipe.batch)
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(recipe, spec, Path(folder), **parts)
        run.feed  # noqa: B018 - loads the data
        with Waits() as waits:
            play(run, max(2, *(turn.every for turn in run.game.turns)))
    subject.expect(not waits.calls, "steps that do not wait for the device", ", ".join(waits.calls))


def _check_recipe_steps(subject: Subject) -> None:
    check_resumption(subject, *_quick(subject))


def _check_recipe_replay(subject: Subject) -> None:
    if not check_replay(subject, *_quick(subject)):
        raise Untried("its steps are not the same operations each time, so they are never replayed")


RECIPES = (
    leaves_the_process(_exercise_recipe),
    Check("written", "can be written down, and read back as it was", _check_written),
    Check("fits", "its parts exist and fit some data", _check_recipe_fits),
    Check("repeat", "two runs of it agree to the bit", _check_recipe_repeat),
    Check("waiting", "no step waits for a value that the device computes", _check_recipe_waits),
    Check("steps", GOES_ON, _check_recipe_steps),
    Check("replay", REPLAYED, _check_recipe_replay),
)


def _stages(subject: Subject) -> list[tuple[Recipe, DataSpec]]:
    """What a game is played with: parts for any game, or else those of a recipe of its package that names it.

    Raises ContractError where neither fits any data.
    """
    found, refusals = [], []
    for recipe in (SMALL, *_recipes_of(subject)):
        for spec in KINDS:
            try:
                prepare(recipe, spec, Path("unused"), game=subject.part)
            except MisfitError as error:
                refusals.append(str(error))
            else:
                found.append((recipe, spec))
            if len(found) == 3:
                break
        if found:
            return found
    given = " ".join(dict.fromkeys(refusals))
    raise ContractError(
        f"{subject.part.origin} breaks its contract: expected parts that it can be played with, "
        f"such as those of a recipe of its package, got refusals: {given}"
    )


def _recipes_of(subject: Subject) -> Iterator[Recipe]:
    """The recipes of a game's package that name it, made narrow and quick."""
    game = subject.part.component
    for component in registry.components("recipes"):
        recipe: Any = component.load() if component.package == game.package else None
        if not isinstance(recipe, Recipe) or recipe.game.name.split("/")[-1] != game.name:
            continue
        for role in ("generator", "discriminator"):
            if "width" in look_up(role, getattr(recipe, role)).options:
                recipe = recipe.set(f"{role}.width", 8)
        yield replace(recipe, batch=SMALL.batch).lasting(steps=SMALL.steps)


def _games(subject: Subject, examine: Callable[[Run], None]) -> None:
    """Look at a run of a game on each of several kinds of data."""
    for recipe, spec in _stages(subject):
        with tempfile.TemporaryDirectory() as folder:
            examine(prepare(recipe, spec, Path(folder), game=subject.part))


def _exercise_game(subject: Subject) -> None:
    _games(subject, lambda run: run.play())


def _check_game_parts(subject: Subject) -> None:
    _games(subject, lambda run: promises.game(subject.part, run.game))


def _check_learning(subject: Subject) -> None:
    def look(run: Run) -> None:
        turns = run.game.turns
        before = [[p.detach().clone() for p in turn.parameters] for turn in turns]
        play(run, max(turn.every for turn in turns))
        for turn, old in zip(turns, before, strict=True):
            moved = any(not torch.equal(a, b) for a, b in zip(old, turn.parameters, strict=True))
            subject.expect(moved, "weights that learn in every turn", f"none in turn {turn.name}")

    _games(subject, look)


def _check_owners(subject: Subject) -> None:
    def look(run: Run) -> None:
        owned = {id(p) for network in run.game.players.values() for p in network.parameters()}
        stray = [turn.name for turn in run.game.turns if not {id(p) for p in turn.parameters} <= owned]
        subject.expect(not stray, "turns that move its players", f"others in turn {', '.join(stray)}")

    _games(subject, look)


def _check_numbers(subject: Subject) -> None:
    def look(run: Run) -> None:
        play(run, max(turn.every for turn in run.game.turns))
        bad = {
            name: value for name, value in run.window.summary(run.game).items() if not math.isfinite(value)
        }
        subject.expect(not bad, "finite numbers in its summary", bad)
        scores = run.game.score(*run.feed.batch(0))
        subject.expect(len(scores) == SMALL.batch, f"{SMALL.batch} scores", tuple(scores.shape))

    _games(subject, look)


def _check_game_repeat(subject: Subject) -> None:
    recipe, spec = _stages(subject)[0]
    with tempfile.TemporaryDirectory() as folder:
        _expect_repeat(subject, lambda: prepare(recipe, spec, Path(folder), game=subject.part))


def _check_game_waits(subject: Subject) -> None:
    for recipe, spec in _stages(subject):
        _expect_no_wait(subject, recipe, spec, game=subject.part)


def _check_game_steps(subject: Subject) -> None:
    for recipe, spec in _stages(subject):
        check_resumption(subject, recipe, spec, game=subject.part)


def _check_game_replay(subject: Subject) -> None:
    for recipe, spec in _stages(subject):
        is_replayed = check_replay(subject, recipe, spec, game=subject.part)
        subject.expect(is_replayed, "steps that repeat themselves, as promised", "operations that change")


GAMES = (
    leaves_the_process(_exercise_game, NOISE, SEED),
    Check("parts", "has players, turns and a generator", _check_game_parts),
    Check("learning", "every turn moves weights", _check_learning),
    Check("owners", "every turn moves weights of the game's players alone", _check_owners),
    Check("numbers", "its numbers are finite, and it scores each sample", _check_numbers),
    Check("repeat", "two games agree to the bit", _check_game_repeat),
    Check("waiting", "no step waits for a value that the device computes", _check_game_waits),
    Check("steps", GOES_ON, _check_game_steps),
    Check("replay", REPLAYED, _check_game_replay),
)
