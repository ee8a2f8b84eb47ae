"""Every installed component keeps the promises of its kind: the registry is the test matrix."""

import numpy as np
import pytest
from PIL import Image

from ganzoo import registry
from ganzoo.testing import CHECKS, components, contract


@pytest.fixture
def options(request, tmp_path):
    """What some components cannot do without, or are too large without."""
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return {"ganzoo/folder": {"path": str(tmp_path)}, "ganzoo/stacked-mnist": {"size": 100}}


@pytest.mark.parametrize(("kind", "name"), components())
def test_contract(kind, name, options):
    contract(kind, name, options.get(name, {}))


def test_there_is_a_check_for_every_kind():
    assert CHECKS.keys() == registry.KINDS.keys()


def test_components_of_one_package():
    assert set(components("ganzoo")) <= set(components())
    assert ("losses", "ganzoo/bce") in components("ganzoo")
    assert components("nobody") == []


@pytest.mark.parametrize("kind", ["losses", "loss"])
def test_kinds_in_singular_and_plural(kind):
    contract(kind, "bce")
