"""`ganzoo doctor`: what this installation can do, and what is wrong with it."""

import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click

from ganzoo import registry
from ganzoo.cli import COMMANDS, _output
from ganzoo.cli.show import read
from ganzoo.errors import GanzooError, PluginError
from ganzoo.registry import CORE

DATASETS = ("mnist", "fashion-mnist", "mnist-5k", "cifar10")
COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; a note is worth knowing, what is broken must be mended."""

    status: Literal["ok", "note", "broken"]
    subject: str
    message: str


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(as_json: bool) -> None:
    """Check the installation: versions, devices, data, folders and every installed component."""
    findings = examine()
    broken = [f for f in findings if f.status == "broken"]
    if as_json:
        _output.write_json({"healthy": not broken, "findings": [asdict(f) for f in findings]})
    else:
        _output.write("\n".join(_lines(findings)))
    if broken:
        raise PluginError(f"{len(broken)} of {len(findings)} checks failed; they are marked as broken above.")


def examine() -> list[Finding]:
    """All findings; the parts that need torch are left out where torch is broken."""
    findings = [*_versions(), *_torch()]
    checks: list[Callable[[], Iterator[Finding]]] = [_folders]
    if not any(f.status == "broken" for f in findings):
        checks = [_devices, _folders, _data, _components]
    for check in [*checks, _problems]:
        findings += check()
    return findings


def _versions() -> Iterator[Finding]:
    yield Finding("ok", "python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("ok", "ganzoo", f"{version(CORE)} ({Path(__file__).parents[1]})")


def _torch() -> Iterator[Finding]:
    try:
        versions = f"torch {version('torch')}, torchvision {version('torchvision')}"
        import torch
        from torchvision.ops import nms

        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # fails where the two were built apart
    except (PackageNotFoundError, ImportError, OSError, RuntimeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        advice = "Install the two together: pip install --force-reinstall torch torchvision"
        yield Finding("broken", "torch", f"torch and torchvision do not work together: {reason}. {advice}")
    else:
        yield Finding("ok", "torch", f"{versions}; they fit together")


def _devices() -> Iterator[Finding]:
    import torch

    yield Finding("ok", "processor", f"{torch.get_num_threads()} threads of {os.cpu_count()} processors")
    with warnings.catch_warnings(record=True) as caught:  # e.g. of a driver that is too old
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count:
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(count))
        yield Finding("ok", "cuda", f"{names} (CUDA {torch.version.cuda})")
    else:
        reason = f": {caught[0].message}".partition("\n")[0] if caught else ""
        yield Finding("note", "cuda", f"no device; networks train on the processor{reason}")


def _folders() -> Iterator[Finding]:
    import platformdirs

    folders = {"cache folder": Path(platformdirs.user_cache_dir(CORE)), "current folder": Path.cwd()}
    for subject, folder in folders.items():
        existing = next(f for f in (folder, *folder.parents) if f.exists())
        if os.access(existing, os.W_OK):
            yield Finding("ok", subject, f"{folder} can be written")
        else:
            yield Finding("note", subject, f"{folder} cannot be written")


def _data() -> Iterator[Finding]:
    from ganzoo.datasets.base import DataFolders

    try:
        folders = DataFolders(download=False)
    except GanzooError as error:
        yield Finding("note", "data folders", str(error))
        return
    yield Finding("ok", "data folders", ", ".join(map(str, folders.search)))
    for name in DATASETS:
        try:
            samples = registry.find("datasets", f"{CORE}/{name}").load()(folders).load("train")
        except PluginError:
            continue  # reported with the components
        except GanzooError as error:
            yield Finding("note", name, str(error).splitlines()[0])
        else:
            yield Finding("ok", name, f"{len(samples):,} training samples, no download needed")


def _components() -> Iterator[Finding]:
    found = registry.components()
    for package, release in registry.packages(found).items():
        errors = [read(component).error for component in found if component.package == package]
        failures = [error for error in errors if error]
        yield from (Finding("broken", package, error) for error in failures)
        if len(failures) < len(errors):
            good = f"{len(errors) - len(failures)} of {len(errors)} components"
            yield Finding("ok", package, f"{good} of version {release} can be imported")


def _problems() -> Iterator[Finding]:
    for problem in registry.problems():
        yield Finding("broken", problem.package, problem.message)
    for component in registry.components("commands"):
        if component.name in COMMANDS:
            advice = f"that is ganzoo's own, the other is {component.full_name}"
            yield Finding("broken", component.package, f"brings a command {component.name!r}: {advice}.")


def _lines(findings: list[Finding]) -> Iterator[str]:
    for status in COLOURS:
        pairs = [(f.subject, f.message) for f in findings if f.status == status]
        if pairs:
            yield click.style(status, fg=COLOURS[status], bold=True)
            yield from _output.rows(pairs)
