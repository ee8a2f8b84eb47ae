"""The parts of this package train."""

from pathlib import Path

import ganzoo

PARTS = {
    "recipe": "gaussian",
    "dataset": "gaussian",
    "generator": "sines",
    "loss": "boundary-seeking",
}


def test_two_steps(tmp_path: Path) -> None:
    assert ganzoo.run(**PARTS, steps=2, out=tmp_path / "run").step == 2
