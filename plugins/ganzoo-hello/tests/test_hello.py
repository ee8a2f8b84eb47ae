"""What ganzoo expects of a generator and a loss, and that the two train."""

from pathlib import Path

import ganzoo
from ganzoo.testing import contract


def test_the_generator_keeps_its_contract() -> None:
    contract("generators", "sines")


def test_the_loss_keeps_its_contract() -> None:
    contract("losses", "boundary-seeking")


def test_both_train(tmp_path: Path) -> None:
    run = ganzoo.run(
        "gaussian", "gaussian", generator="sines", loss="boundary-seeking", steps=2, out=tmp_path / "run"
    )
    assert run.step == 2
