"""Shared fixtures: data folders without system, network or user, and the folders of real data."""

import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from ganzoo.datasets.base import DataFolders

USUAL_PLACES = (Path.home() / "data", Path("data"), Path("/usr/share/datasets"), Path("/data"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolders:
    """An empty data folder, a cache that does not exist yet, nothing from the system, and no network."""
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    monkeypatch.setattr(DataFolders, "search", property(lambda self: [*self.named, self.cache]))

    def no_network(*_: object, **__: object) -> None:
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    (tmp_path / "data").mkdir()
    return DataFolders(data=tmp_path / "data", cache=tmp_path / "cache")


@pytest.fixture
def real_data() -> Callable[..., DataFolders]:
    """Finds the folder that holds any of these files of a real data set; skips the test without it."""

    def find(*files: str) -> DataFolders:
        named = [Path(os.environ["GANZOO_DATA"])] if os.environ.get("GANZOO_DATA") else []
        for folder in (*named, *USUAL_PLACES):
            if any(os.path.isfile(folder / file) for file in files):
                return DataFolders(data=folder, download=False)
        pytest.skip(f"no {files[0]} in GANZOO_DATA or the usual places")

    return find
