"""Every part of this package keeps what its kind promises, and the two train."""

from pathlib import Path

import pytest

import ganzoo
from ganzoo.testing import components, contract


@pytest.mark.parametrize(("kind", "name"), components("ganzoo-hello"))
def test_contract(kind: str, name: str) -> None:
    contract(kind, name)


def test_both_train(tmp_path: Path) -> None:
    parts = {"generator": "sines", "loss": "boundary-seeking"}
    run = ganzoo.run("gaussian", "gaussian", **parts, steps=2, out=tmp_path / "run")
    assert run.step == 2
