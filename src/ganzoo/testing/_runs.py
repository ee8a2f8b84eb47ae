"""Contract checks of recipes, games and callbacks, which play a few steps on random samples."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pluggy import PluginValidationError
from torch import Tensor

from ganzoo import hooks
from ganzoo.datasets.base import Samples, Split
from ganzoo.engine import directory, loop, promises
from ganzoo.engine.build import network_spec
from ganzoo.engine.parts import Parts, Resolved, resolve
from ganzoo.engine.run import Run
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part, Recipe
from ganzoo.registry import TYPED, Component
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec
from ganzoo.testing._common import SPECS, ContractError, checks, draw, expect

ADAM = Part("adam")
SMALL = Recipe(
    generator=Part("vanilla-bn", width=4),
    discriminator=Part("fashion", width=8),
    loss=Part("bce"),
    d_optimizer=ADAM,
    g_optimizer=ADAM,
    latent=3,
    batch=6,
    steps=7,
)


@dataclass(frozen=True)
class RandomSamples:
    """A data set of random samples."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        """The training samples; there is no test split."""
        return Samples(*draw(self.spec, self.spec.size)) if split == "train" else None


def prepare(recipe: Recipe, spec: DataSpec, path: Path, listener: object = None, **parts: Resolved) -> Run:
    """A run of a recipe on random samples, some of whose parts are given."""
    recipe, resolved = resolve(replace(recipe, dataset=None, callback=(), ema_half_life_images=0.0))
    source = Component("datasets", "random samples", TYPED, "", f"{__name__}:RandomSamples")
    data = Resolved("dataset", source, RandomSamples, {"spec": spec})
    resolved |= {"dataset": [data], **{role: [part] for role, part in parts.items()}}
    made = Parts(recipe, resolved, network_spec(spec, recipe), device=torch.device("cpu"))
    game = resolved["game"][0].build(made)
    promises.game(resolved["game"][0], game)
    named = {} if listener is None else {parts["callback"].component.name: listener}
    manager = hooks.manager(list(named.values()))
    return Run(recipe, Settings(device="cpu"), made, game, RandomSamples(spec), path, manager, named)


def play(run: Run, steps: int = 2) -> dict[str, Tensor]:
    """All weights and buffers after some steps."""
    for _ in range(steps):
        run.play()
    return weights(run)


def weights(run: Run) -> dict[str, Tensor]:
    """All weights and buffers of all players."""
    players = run.game.players.items()
    return {
        f"{player}.{n}": v.clone() for player, network in players for n, v in network.state_dict().items()
    }


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two sets of weights agree to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@checks("recipes")
def check_recipe(part: Resolved) -> None:
    """Its parts exist and fit some data, it can be written down, and two runs of it agree to the bit."""
    recipe: Any = part.factory
    expect(isinstance(recipe, Recipe), part, "a ganzoo.recipe.Recipe", type(recipe).__name__)
    again = Recipe.from_table(recipe.to_table())
    expect(again == recipe, part, "the recipe back from its tables", again)
    resolve(recipe)
    quick, fits = replace(recipe, batch=min(recipe.batch, 4), record_every_steps=1), 0
    for spec in SPECS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                first, second = (prepare(quick, spec, Path(folder)) for _ in range(2))
            except MisfitError:
                continue
            fits += 1
            ours, theirs = play(first), play(second)
            expect(same(ours, theirs), part, "two runs that agree to the bit", "different weights")
            break
    expect(fits > 0, part, "that it fits some data", "none of those tried")


@checks("games")
def check_game(part: Resolved) -> None:
    """Each turn moves weights of its players, its numbers are finite, and two games agree to the bit."""
    for spec in SPECS[:3]:
        with tempfile.TemporaryDirectory() as folder:
            first, second = (prepare(SMALL, spec, Path(folder), game=part) for _ in range(2))
            before = weights(first)
            ours, theirs = play(first), play(second)
            expect(same(ours, theirs), part, "two games that agree to the bit", "different weights")
            expect(not same(ours, before), part, "weights that learn", "none")
            owned = {id(p) for network in first.game.players.values() for p in network.parameters()}
            stray = [turn.name for turn in first.game.turns if not {id(p) for p in turn.parameters} <= owned]
            expect(not stray, part, "turns that move its players", f"others in turn {', '.join(stray)}")
            first.record_window()
            scores = first.game.score(*first.feed.batch(0))
            expect(len(scores) == SMALL.batch, part, f"{SMALL.batch} scores", tuple(scores.shape))


@checks("callbacks")
def check_callback(part: Resolved) -> None:
    """It has hooks that exist, its state can be kept, and taking it away changes no weight."""
    for spec in (SPECS[0], SPECS[1], DataSpec((1, 8, 8), (-1.0, 1.0), 3, 16)):
        made = part.build()
        with tempfile.TemporaryDirectory() as folder:
            try:
                watched = prepare(SMALL, spec, Path(folder, "watched"), made, callback=part)
            except PluginValidationError as error:
                raise ContractError(f"{part.origin} breaks its contract: {error}.") from error
            expect(bool(watched.hooks.get_hookcallers(made)), part, "a hook at least", "none")
            _train(watched)
            alone = prepare(SMALL, spec, Path(folder, "alone"))
            _train(alone)
            expect(same(weights(watched), weights(alone)), part, "the weights without it", "others")


def _train(run: Run) -> None:
    directory.create(run.directory, "contract", run.recipe, run.settings.to_table(), {})
    loop.train(run)
