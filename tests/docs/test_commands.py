"""Every command and every Python block of README and docs works.

They run in the order of the page, in an empty folder that has a folder my-pictures. Trainings last two
steps, and two more each time that one goes on; otherwise everything is as written. Not run are `pip install`,
except that `--editable FOLDER` makes it look installed, and what makes an environment, starts the tests or
needs a data set that is not here. A titled block replaces what a command has written, or the part of a file
that other blocks have begun is continued.
"""

import importlib
import itertools
import runpy
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from markdown_blocks import PAGES, ROOT, Block, Command, blocks, commands
from PIL import Image

from ganzoo import api, registry, sources
from ganzoo.datasets.base import DataFolders
from ganzoo.errors import DataError
from ganzoo.studies import plan, study
from ganzoo.studies.file import LENGTHS
from here import Here

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
    monkeypatch.setattr(sys, "path", list(sys.path))
    shorten_studies(monkeypatch)
    yield tmp_path
    forget(tmp_path)


def shorten_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runs of studies last two steps too, in this process."""
    build = plan._run

    def short(words, target):
        return build({**{w: v for w, v in words.items() if w not in LENGTHS}, "steps": 2}, target)

    monkeypatch.setattr(plan, "_run", short)
    monkeypatch.setattr(study, "Processes", lambda workers: Here())


def draw_pictures(folder: Path) -> None:
    """Twenty pictures of two classes."""
    pixels = np.random.default_rng(0)
    for index in range(20):
        path = folder / ("cats", "dogs")[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.integers(0, 256, (40, 30, 3), np.uint8)).save(path)


QUICK = ("README.md", "docs/tutorial/first-gan.md", "docs/how-to/own-pictures.md")


def mark(page):
    """What a user reads first is tried at once, the other pages with the slow tests."""
    name = str(page.relative_to(ROOT))
    return pytest.param(page, id=name, marks=() if name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("page", [mark(page) for page in PAGES])
def test_page(page, workplace, ganzoo):
    begun: set[str] = set()
    for block in blocks(page):
        if block.language in ("console", "bash"):
            for command in commands(block):
                play(command, ganzoo, workplace)
        elif block.language == "toml":
            tomllib.loads(block.text)
        if block.title:
            write(block, workplace, begun)
        elif (
            block.language == "python" and not block.source and is_here(block.text.replace('"', " ").split())
        ):
            (workplace / "block.py").write_text(block.text)
            runpy.run_path("block.py")


def play(command: Command, ganzoo, workplace: Path) -> None:
    """Run a command; where the page shows an error of ganzoo, it must say just that."""
    words = command.words
    if words[:3] == ["pip", "install", "--editable"]:
        make_installed(workplace / words[3].partition("[")[0])
        return
    if any(words[: len(start)] == start for start in (*INSTALLING, *TESTING)) or not is_here(words):
        return
    assert words[0].removeprefix(".venv/bin/") == "ganzoo", f"the docs use {words}, which no test knows"
    done = ganzoo(*words[1:])
    errors = [line for line in command.shown if line.startswith("ganzoo:")]
    assert [line for line in errors if line not in done.err.splitlines()] == []
    assert (done.code == 0) == (not errors), f"{words}: {done.err}"


def write(block: Block, workplace: Path, begun: set[str]) -> None:
    """Write a titled block, two empty lines below what an earlier one has put into the same file."""
    path = workplace / block.title
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{path.read_text()}\n\n{block.text}" if block.title in begun else block.text)
    begun.add(block.title)


def make_installed(folder: Path) -> None:
    """Make the package of a folder look installed, and nothing of it imported."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for old in folder.glob("*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        line for group, names in groups for line in [f"[{group}]", *(f"{n} = {v}" for n, v in names.items())]
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    forget(folder)


def forget(folder: Path) -> None:
    """Drop the modules that came from a folder, and what is known of their sources."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()
    sources._docstrings.cache_clear()
    sources._plain_lines.cache_clear()


def is_here(words: list[str]) -> bool:
    """Whether the data sets that a command names can be loaded without a download."""
    for name in set(words) & set(DOWNLOADED):
        try:
            registry.find("datasets", name).load()(DataFolders(download=False)).load("train")
        except DataError:
            return False
    return True
