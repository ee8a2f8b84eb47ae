"""Every command and every Python block of README and docs works.

They run in the order of the page, in an empty folder that has a folder my-pictures. Trainings last two
steps, and two more each time that one goes on; otherwise everything is as written. Not run are `pip install`,
except that `--editable .` makes the folder look installed, and what makes an environment, starts the tests or
needs a data set that is not here.
"""

import itertools
import runpy
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from markdown_blocks import PAGES, ROOT, Block, Command, blocks, commands
from PIL import Image

from ganzoo import api, registry
from ganzoo.datasets.base import DataFolders
from ganzoo.errors import DataError

INSTALLING = (["python3", "-m", "venv"], [".", ".venv/bin/activate"], ["pip"], [".venv/bin/pip"])
TESTING = (["pytest"], [".venv/bin/pytest"])
DOWNLOADED = ("mnist", "fashion-mnist", "cifar10", "stacked-mnist")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """An empty folder with pictures in two classes, in which trainings are short."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    draw_pictures(tmp_path / "my-pictures")
    run, resume, total = api.run, api.resume, itertools.count(4, 2)
    none = {"epochs": None, "images": None}
    monkeypatch.setattr(api, "run", lambda *a, **given: run(*a, **{**given, **none, "steps": 2}))
    monkeypatch.setattr(
        api, "resume", lambda *a, **given: resume(*a, **{**given, **none, "steps": next(total)})
    )
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def draw_pictures(folder: Path) -> None:
    """Twenty pictures of two classes."""
    pixels = np.random.default_rng(0)
    for index in range(20):
        path = folder / ("cats", "dogs")[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.integers(0, 256, (40, 30, 3), np.uint8)).save(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page, workplace, ganzoo):
    for block in blocks(page):
        if block.language in ("console", "bash"):
            for command in commands(block):
                play(command, ganzoo, workplace)
        elif block.language == "toml":
            tomllib.loads(block.text)
        if block.title:
            write(block, workplace)
        elif (
            block.language == "python" and not block.source and is_here(block.text.replace('"', " ").split())
        ):
            (workplace / "block.py").write_text(block.text)
            runpy.run_path("block.py")


def play(command: Command, ganzoo, workplace: Path) -> None:
    """Run a command; where the page shows an error of ganzoo, it must say just that."""
    words = command.words
    if words[:3] == ["pip", "install", "--editable"] and words[3] == ".":
        make_installed(workplace)
        return
    if any(words[: len(start)] == start for start in (*INSTALLING, *TESTING)) or not is_here(words):
        return
    assert words[0].removeprefix(".venv/bin/") == "ganzoo", f"the docs use {words}, which no test knows"
    done = ganzoo(*words[1:])
    errors = [line for line in command.shown if line.startswith("ganzoo:")]
    assert [line for line in errors if line not in done.err.splitlines()] == []
    assert (done.code == 0) == (not errors), f"{words}: {done.err}"


def write(block: Block, workplace: Path) -> None:
    """Add a titled block to the file of its title, two empty lines below what is there."""
    path = workplace / block.title
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{path.read_text()}\n\n{block.text}" if path.exists() else block.text)


def make_installed(workplace: Path) -> None:
    """Make the package of a pyproject.toml look installed."""
    project = tomllib.loads((workplace / "pyproject.toml").read_text())["project"]
    info = workplace / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        line for group, names in groups for line in [f"[{group}]", *(f"{n} = {v}" for n, v in names.items())]
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def is_here(words: list[str]) -> bool:
    """Whether the data sets that a command names can be loaded without a download."""
    for name in set(words) & set(DOWNLOADED):
        try:
            registry.find("datasets", name).load()(DataFolders(download=False)).load("train")
        except DataError:
            return False
    return True
