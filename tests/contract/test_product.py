"""Every combination of generator, discriminator, loss, penalty and data set trains or is refused.

Data sets with the same promise are the same random stand-in: it is played once and counted for each.
"""

import itertools
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ganzoo import registry
from ganzoo.datasets.base import DataFolders
from ganzoo.engine.build import network_spec
from ganzoo.engine.game import Batch, play_step
from ganzoo.engine.parts import Parts
from ganzoo.engine.resolve import Resolved, look_up, resolve
from ganzoo.errors import MisfitError
from ganzoo.options import options_of
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec
from ganzoo.testing import draw
from ganzoo.zoo.fashion import RECIPE

BATCH, LATENT, WIDTH = 3, 4, 2
SMALL = {"latent": LATENT, "batch": BATCH, "game.share": "nothing"}
NAMES = {
    role: [component.full_name for component in registry.components(kind)]
    for role, kind in (("generator", "generators"), ("discriminator", "discriminators"), ("loss", "losses"))
} | {"penalty": ["none", *(component.full_name for component in registry.components("penalties"))]}
DATASETS = [component.full_name for component in registry.components("datasets")]
Choice = tuple[str, str]  # a loss and a penalty
CHOICES: list[Choice] = list(itertools.product(NAMES["loss"], NAMES["penalty"]))


@cache
def resolved(role: str, name: str) -> Resolved:
    """A component, narrow where it has a width."""
    part = look_up(role, Part(name))
    return look_up(role, Part(name, width=WIDTH)) if "width" in part.options else part


@pytest.fixture(scope="module")
def specs(tmp_path_factory) -> dict[DataSpec, list[str]]:
    """The promises of all data sets, each with the names of those that make it."""
    pictures = tmp_path_factory.mktemp("pictures")
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    found: dict[DataSpec, list[str]] = {}
    for name in DATASETS:
        # What has no default is a folder of pictures.
        options = options_of(registry.find("datasets", name).load())
        given = {option.name: str(pictures) for option in options.values() if option.required}
        given |= {"image_size": 16} if given and "image_size" in options else {}
        part = look_up("dataset", Part(name, **given))
        spec = replace(part.build(DataFolders(download=False)).spec, size=2 * BATCH)
        found.setdefault(network_spec(spec, RECIPE), []).append(name)
    return found


@dataclass(frozen=True)
class OncePerPair(Parts):
    """Parts that keep the networks of a pair, and what is known of them, for the next combination."""

    kept: dict[str, Any] = field(default_factory=dict)

    def pair(self, pack: int = 1) -> tuple[nn.Module, nn.Module]:
        if "pair" not in self.kept:
            self.kept["pair"] = super().pair(pack)
            self.kept["weights"] = [
                {name: value.clone() for name, value in network.state_dict().items()}
                for network in self.kept["pair"]
            ]
        for network, weights in zip(self.kept["pair"], self.kept["weights"], strict=True):
            network.load_state_dict(weights)
        return self.kept["pair"]

    def joint_caller(self, network):
        if "joint" not in self.kept:
            self.kept["joint"] = super().joint_caller(network)
        return self.kept["joint"]


def play(
    generator: str, discriminator: str, spec: DataSpec, choices: Iterable[Choice], **others: str
) -> Iterator[MisfitError | None]:
    """Build the game of each choice of loss and penalty and play two steps; the refusal, or None, of each."""
    recipe = RECIPE.with_part("callback", ())
    for path, value in SMALL.items():
        recipe = recipe.set(path, value)
    recipe, common = resolve(recipe)
    common |= {role: [resolved(role, name)] for role, name in others.items()} | {
        "generator": [resolved("generator", generator)],
        "discriminator": [resolved("discriminator", discriminator)],
    }
    kept: dict[str, Any] = {}
    for loss, penalty in choices:
        penalties = [] if penalty == "none" else [resolved("penalty", penalty)]
        parts = {**common, "loss": [resolved("loss", loss)], "penalty": penalties}
        try:
            game = common["game"][0].build(OncePerPair(recipe, parts, spec, kept=kept))
        except MisfitError as error:
            yield error
            continue
        numbers = [play_step(game, Batch(*draw(spec, BATCH, seed=step)), step) for step in range(2)]
        tensors = [network.state_dict() for network in game.players.values()]
        values = [value.flatten().double() for table in (*numbers, *tensors) for value in table.values()]
        assert torch.cat(values).isfinite().all(), (generator, discriminator, spec, loss, penalty)
        yield None


def assert_names_two_parts(error: MisfitError, generator: str, discriminator: str) -> None:
    """The message names both parts, and says why."""
    text = str(error)
    named = [
        f"generator {generator.rpartition('/')[2]}" in text,
        f"discriminator {discriminator.rpartition('/')[2]}" in text,
        "game " in text or "the data are" in text or "the data have no labels" in text or "data is" in text,
    ]
    assert sum(named) >= 2, text
    reasons = "starts from|the data are|have no labels|judges labels|data is"
    assert re.search(reasons, text), text


@pytest.fixture(autouse=True)
def _quiet_and_watched(tmp_path, monkeypatch, caplog):
    """Warnings of conditional generators that nobody teaches are many here; no file may appear."""
    caplog.set_level(logging.ERROR, logger="ganzoo")
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


def walk(
    specs: dict[DataSpec, list[str]],
    generators: list[str],
    pick,
    discriminators: Iterable[str] = tuple(NAMES["discriminator"]),
) -> Counter[str]:
    """Play the chosen combinations of networks on every kind of data; how many ended how."""
    ends: Counter[str] = Counter()
    for spec, names in specs.items():
        for generator, discriminator in itertools.product(generators, discriminators):
            choices = pick(generator, discriminator, spec)
            for refusal in play(generator, discriminator, spec, choices):
                if refusal is not None:
                    assert_names_two_parts(refusal, generator, discriminator)
                if generator.startswith("ganzoo/") and discriminator.startswith("ganzoo/"):
                    assert (refusal is None) == fits(generator, discriminator, spec), (
                        generator,
                        discriminator,
                        spec,
                    )
                ends["refused" if refusal else "trained"] += len(names)
    return ends


OF_PICTURES = {"dcgan", "sngan", "cdcgan", "projection-gan", "r3gan", "quick"}
CONDITIONAL = {"cgan", "cdcgan", "projection-gan"}


def fits(generator: str, discriminator: str, spec: DataSpec) -> bool:
    """Which of ganzoo's own networks fit which data, and each other, written down independently of them."""
    g, d = (name.rpartition("/")[2] for name in (generator, discriminator))
    if {g, d} & OF_PICTURES and len(spec.shape) != 3:
        return False
    if {g, d} & CONDITIONAL and spec.classes is None:
        return False
    return not (d in CONDITIONAL and g not in CONDITIONAL)


def test_a_sample_with_every_pair_of_choices_trains_or_is_refused(specs):
    """Each two choices meet, in a combination that trains where there is one."""
    roles = ["generator", "discriminator", "loss", "penalty", "data"]
    uncovered = {
        pair
        for one, other in itertools.combinations(roles, 2)
        for pair in itertools.product(values(one, specs), values(other, specs))
    }
    pairs = list(itertools.product(NAMES["generator"], NAMES["discriminator"]))
    ends: Counter[str] = Counter()
    while uncovered:
        for generator, discriminator in pairs:
            spec, choice = best_of(uncovered, generator, discriminator, specs)
            covered = uncovered & pairs_of(generator, discriminator, spec, choice)
            if covered:
                uncovered -= covered
                found = {spec: specs[spec]}
                ends += walk(found, [generator], lambda *_, c=choice: [c], [discriminator])
    assert ends.total() >= len(pairs)
    assert min(ends["trained"], ends["refused"]) > 20


def best_of(uncovered: set, generator: str, discriminator: str, specs) -> tuple[DataSpec, Choice]:
    """The data, loss and penalty that bring most pairs that have not met; refused ones only come last."""

    def gain(candidate) -> tuple[bool, int]:
        news = len(uncovered & pairs_of(generator, discriminator, *candidate))
        return (news > 0 and fits(generator, discriminator, candidate[0]), news)

    return max(itertools.product(specs, CHOICES), key=gain)


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (role, component.full_name)
        for role in ("constraint", "augmentation")
        for component in registry.components(f"{role}s")
    ],
)
def test_constraints_and_augmentations_go_with_all_networks_and_data(specs, role, name):
    """A constraint with every discriminator, an augmentation with all data; or refused with a reason."""
    trained, labelled = 0, [spec for spec in specs if spec.is_image and spec.classes is not None][:1]
    discriminators = NAMES["discriminator"] if role == "constraint" else ["ganzoo/fashion"]
    for spec, discriminator in itertools.product(labelled if role == "constraint" else specs, discriminators):
        generator = "ganzoo/cgan" if discriminator.rpartition("/")[2] in CONDITIONAL else "ganzoo/fashion"
        (refusal,) = play(generator, discriminator, spec, [("ganzoo/bce", "none")], **{role: name})
        if refusal is None:
            trained += 1
            continue
        assert f"{role} {name.rpartition('/')[2]} cannot be used " in str(refusal)
        assert "the data are" in str(refusal) or "start at zero" in str(refusal)
    assert trained > 2


def values(role: str, specs) -> list[tuple[str, Any]]:
    return [(role, value) for value in (specs if role == "data" else NAMES[role])]


def pairs_of(generator, discriminator, spec, choice) -> set:
    roles = ["generator", "discriminator", "loss", "penalty", "data"]
    chosen = zip(roles, (generator, discriminator, *choice, spec), strict=True)
    return set(itertools.combinations(chosen, 2))


@pytest.mark.slow
@pytest.mark.parametrize("generator", NAMES["generator"])
def test_the_whole_product_trains_or_is_refused(specs, generator):
    ends = walk(specs, [generator], lambda *_: CHOICES)
    print(f"{generator}: {ends['trained']} combinations train, {ends['refused']} are refused")
    assert ends.total() == len(DATASETS) * len(NAMES["discriminator"]) * len(CHOICES)
    assert ends["refused"] > 200
    # One that starts from pictures plays other games.
    assert ends["trained"] > 200 or look_up("generator", Part(generator)).starts_from_pictures


@pytest.mark.parametrize("kind", ["generators", "discriminators", "losses", "penalties", "datasets"])
def test_the_product_is_of_all_that_is_installed(kind):
    """Whatever package brings it: the names come from the packages' metadata, not from a list."""
    installed = {f"{point.dist.name}/{point.name}" for point in entry_points(group=f"ganzoo.{kind}")}
    walked = DATASETS if kind == "datasets" else NAMES[registry.singular(kind)]
    assert set(walked) - {"none"} == installed
