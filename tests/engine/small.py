"""Small runs of the engine's tests."""

from pathlib import Path
from typing import Any

import torch

from ganzoo.engine.build import build
from ganzoo.engine.run import Run
from ganzoo.recipe import ROLES, Part, Recipe
from ganzoo.settings import Settings
from ganzoo.zoo.fashion import RECIPE

POINTS = Part("standin:points")
# Little networks on points in the plane; nothing is drawn, which is slow. Typed as `engine.small:QUIET`.
QUIET = (
    RECIPE.with_part("callback", ())
    .with_part("generator", Part("fashion", width=8))
    .with_part("discriminator", Part("fashion", width=8))
    .lasting(steps=6)
    .set("latent", 3)
    .set("batch", 4)
)


def small_recipe(**changes: Any) -> Recipe:
    """`QUIET` with other parts and numbers, by name, and options, as `generator__width`."""
    made = QUIET.with_part("dataset", POINTS)
    for role in changes.keys() & ROLES.keys():
        made = made.with_part(role, changes[role])
    for path, value in changes.items():
        if path not in ROLES:
            made = made.set(path.replace("__", "."), value)
    for role in ("generator", "discriminator"):
        part = getattr(made, role)
        if ":" not in part.name and "width" not in part.options:
            made = made.set(f"{role}.width", 8)
    return made


def ready(
    directory: Path, *, seed: int = 0, precision: str = "float32", replay: str = "auto", **changes: Any
) -> Run:
    """A run at its first step; names with a colon count as typed."""
    made = small_recipe(**changes)
    named = [getattr(made, role) for role in ROLES]
    parts = [part for value in named for part in (value if isinstance(value, tuple) else (value,)) if part]
    typed = frozenset(part.name for part in parts)
    settings = Settings(seed=seed, device="cpu", precision=precision, replay=replay)
    return build(made, settings, directory, typed=typed)


def weights(run: Run) -> dict[str, torch.Tensor]:
    """A copy of all weights and buffers of all players."""
    return {
        f"{player}.{name}": value.clone()
        for player, network in run.game.players.items()
        for name, value in network.state_dict().items()
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights agree to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
