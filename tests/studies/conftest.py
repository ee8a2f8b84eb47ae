"""Studies small enough to run in a moment: a recipe that draws nothing, and jobs done in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_study import ENTRY_POINTS, SOURCE, STUDY

from ganzoo.studies import study as studies
from here import Here


@pytest.fixture
def plugin(install_plugin: Callable[..., Path]) -> Path:
    """The file of an installed package with the recipe `tiny`, and a loss that fails at its fifth step."""
    return install_plugin("tiny-gan", ENTRY_POINTS, SOURCE)


@pytest.fixture
def here(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    """The pool of all studies, in an empty folder."""
    pool = Here()
    monkeypatch.setattr(studies, "Processes", lambda workers: pool)
    monkeypatch.chdir(tmp_path)
    return pool


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a study file."""

    def to_file(text: str = STUDY) -> Path:
        path = tmp_path / "tiny.toml"
        path.write_text(text)
        return path

    return to_file
