"""What all callbacks keep: the weights as they are, and their files in their places."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ganzoo.callbacks import _common, curves, density
from ganzoo.engine.run import Run

from .small import train

FILES = {
    "curves": ({}, ["plots/losses.png"]),
    "samples": ({"every_steps": 2}, ["samples/000.png", "samples/001.png", "samples/002.png"]),
    "real-and-fake": ({}, ["plots/real-and-fake.png"]),
    "probabilities": ({}, ["plots/probabilities.png"]),
    "density": ({"every_epochs": 1.0}, ["plots/density.png", "plots/histogram.png"]),
}


def files(run: Run) -> list[str]:
    return sorted(str(path.relative_to(run.directory)) for path in run.directory.rglob("*.png"))


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v for n, player in run.game.players.items() for k, v in player.state_dict().items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without any callback, of networks with running statistics."""
    return train(tmp_path_factory.mktemp("plain") / "run", recipe="vanilla-bn")


@pytest.mark.parametrize(("callback", "options", "expected"), [(k, *v) for k, v in FILES.items()])
def test_a_callback_changes_no_weight_and_leaves_its_files(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plain: Run,
    callback: str,
    options: dict[str, Any],
    expected: list[str],
) -> None:
    monkeypatch.setattr(curves, "SECONDS", 0)
    monkeypatch.setattr(density, "SECONDS", 0)
    watched = train(tmp_path / "run", callback, recipe="vanilla-bn", **options)
    assert files(plain) == []
    assert files(watched) == expected
    assert all(player.training for player in watched.game.players.values())
    for name, value in weights(plain).items():
        assert torch.equal(value, weights(watched)[name]), name


@pytest.mark.parametrize(
    ("callback", "features"),
    [
        ("samples", 1),
        ("samples", 2),
        ("samples", 3),
        ("real-and-fake", 2),
        ("real-and-fake", 3),
        ("density", 3),
        ("probabilities", 3),
    ],
)
def test_vectors_go_through_every_callback(tmp_path: Path, callback: str, features: int) -> None:
    made = train(tmp_path / "run", callback, "vectors", set={"dataset.features": features})
    drawn = callback not in ("samples", "real-and-fake") or features < 3
    assert bool(files(made)) == drawn


def test_names_in_titles_are_short(tmp_path: Path) -> None:
    made = train(tmp_path / "run")
    assert _common.title(made) == "vanilla on labelled"


def test_something_slow_waits_for_its_time() -> None:
    pace = _common.Pace(0)
    assert pace.is_due()
    pace.done(pace.last - 1)
    assert pace.pause > 49
    assert not pace.is_due()
