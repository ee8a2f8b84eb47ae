"""Shared fixtures: the command line in this process and in another, and plugins that look installed."""

import importlib
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganzoo import sources
from ganzoo.cli import main


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors are quicker on one thread, much quicker so beside another busy process."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """What a test draws is the same each time, whatever ran before it."""
    import torch

    torch.default_generator.manual_seed(0)


@pytest.fixture
def ganzoo(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process: `ganzoo("list", "losses")`."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(list(arguments))
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run


@pytest.fixture
def ganzoo_process() -> Callable[..., Result]:
    """Run the command line in a process of its own, with `path` on its path and then the Python of `then`."""

    def run(*arguments: str, then: str = "", path: Path | None = None, **environment: str) -> Result:
        code = f"import sys\nfrom ganzoo.cli import main\ncode = main(sys.argv[1:])\n{then}\nsys.exit(code)"
        paths = [str(path)] if path else []
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, for plugins."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def install_plugin(site: Path) -> Iterator[Callable[..., Path]]:
    """Install a package of one module: `install_plugin("my-gan", {"losses": {"a": "my_gan:A"}}, source)`.

    Gives the module's file. `entry_points` may also be the text of entry_points.txt, and `metadata` that of
    METADATA.
    """
    modules = []

    def install(
        name: str,
        entry_points: Mapping[str, Mapping[str, str]] | str,
        source: str = "",
        *,
        version: str = "1.0",
        metadata: str | bytes | None = None,
        folder: Path = site,
    ) -> Path:
        module = re.sub("[-.]", "_", name.lower())
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        if metadata is None:
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_bytes(metadata.encode() if isinstance(metadata, str) else metadata)
        (info / "entry_points.txt").write_text(_entry_points_text(entry_points))
        (folder / f"{module}.py").write_text(textwrap.dedent(source))
        modules.append(module)
        _forget()
        return folder / f"{module}.py"

    yield install
    for module in modules:
        sys.modules.pop(module, None)
    _forget()


def _entry_points_text(entry_points: Mapping[str, Mapping[str, str]] | str) -> str:
    if isinstance(entry_points, str):
        return textwrap.dedent(entry_points)
    groups = [(f"[ganzoo.{kind}]", names) for kind, names in entry_points.items()]
    return "\n".join(
        line for head, names in groups for line in [head, *(f"{n} = {v}" for n, v in names.items())]
    )


def _forget() -> None:
    """Make Python and ganzoo look at the path anew."""
    importlib.invalidate_caches()
    sources._docstrings.cache_clear()
    sources._plain_lines.cache_clear()
