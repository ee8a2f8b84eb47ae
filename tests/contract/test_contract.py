"""Every installed component keeps the promises of its kind: the registry is the test matrix."""

import numpy as np
import pytest
from PIL import Image

from ganzoo.testing import components, contract


@pytest.fixture
def options(request, tmp_path):
    """What some components cannot do without, or are too large without."""
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return {
        "ganzoo/folder": {"path": str(tmp_path)},
        "ganzoo/stacked-mnist": {"size": 100},
        "ganzoo/evaluate": {"extractor": "values"},
    }


def mark(kind: str, name: str):
    """The many networks and recipes beyond the first six are slow together."""
    first = name.partition("/")[2] in ("vanilla", "vanilla-bn", "cgan", "gaussian", "dcgan", "fashion")
    is_slow = kind in ("recipes", "generators", "discriminators") and not first
    return pytest.param(kind, name, marks=pytest.mark.slow) if is_slow else (kind, name)


@pytest.mark.parametrize(("kind", "name"), [mark(*component) for component in components()])
def test_contract(kind, name, options):
    contract(kind, name, options=options.get(name, {}))


def test_components_of_one_package():
    assert set(components("ganzoo")) <= set(components())
    assert ("losses", "ganzoo/bce") in components("ganzoo")
    assert components("nobody") == []


@pytest.mark.parametrize("kind", ["losses", "loss"])
def test_kinds_in_singular_and_plural(kind):
    contract(kind, "bce")
