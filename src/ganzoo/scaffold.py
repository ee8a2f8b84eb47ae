"""A new plugin package, written from templates that come with ganzoo: the beginning of one's own."""

import importlib.util
import keyword
import re
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from ganzoo import registry, storage
from ganzoo.errors import UsageError

# What can be begun, as the command line says it, and what the template of each defines.
ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "recipe": "RECIPE",
        "generator": "Generator",
        "discriminator": "Discriminator",
        "loss": "Loss",
        "penalty": "penalty",
        "dataset": "dataset",
        "metric": "metric",
        "callback": "Callback",
        "command": "command",
    }
)
# What a run is made of where the package brings no part of its own.
RUN: Mapping[str, str] = MappingProxyType({"recipe": "gaussian", "dataset": "gaussian"})
RECIPE: Mapping[str, str] = MappingProxyType(
    {"generator": "fashion", "discriminator": "fashion", "loss": "bce"}
)
NOT_IN_A_RUN = ("metric", "command")


@dataclass(frozen=True)
class Plan:
    """What a new package is called: itself, its module, its components, and their kinds."""

    package: str
    module: str
    component: str
    kinds: tuple[str, ...]


def plan(name: str, kinds: Sequence[str]) -> Plan:
    """What a package of a name and of these kinds would be. Raises UsageError where the name will not do.

    kinds: some of ATTRIBUTES.
    """
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) or len(name) > 80:
        raise UsageError(
            f"{name!r:.90} cannot be the name of a package. Use letters, digits and hyphens: ganzoo-mine."
        )
    package = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503
    module = package.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UsageError(f"{name!r} would be imported as {module!r}, which Python does not allow.")
    if module in sys.stdlib_module_names or module == "tests":
        raise UsageError(f"{name!r} would hide Python's own module {module!r}. Choose another name.")
    if importlib.util.find_spec(module) is not None:
        raise UsageError(f"there is a module {module!r} already. Choose another name.")
    made = Plan(package, module, package.removeprefix("ganzoo-"), tuple(k for k in ATTRIBUTES if k in kinds))
    for kind in made.kinds:
        _check_free(kind, made.component)
    return made


def _check_free(kind: str, component: str) -> None:
    taken = registry.named(component, registry.components(registry.kind_of(kind)))
    if taken:
        raise UsageError(
            f"{taken[0].package} brings a {kind} {component!r} already. Choose another name for the package."
        )


def write(plan: Plan, folder: Path) -> None:
    """Write the package into a new folder. Raises UsageError and ResourceError where that is not possible."""
    words = _words(plan)
    for path, template in _files(plan).items():
        target = folder / path
        if not target.parent.is_dir():
            storage.make_folder(target.parent)
        text = (files("ganzoo") / "templates" / f"{template}.template").read_text("utf-8")
        storage.write(target, string.Template(text).substitute(words).encode())


def _files(plan: Plan) -> dict[str, str]:
    """Where each file goes, and its template."""
    table = {name: name for name in ("pyproject.toml", "README.md", "LICENSE")}
    table |= {".gitignore": "gitignore", f"{plan.module}/__init__.py": "init.py"}
    table |= {f"{plan.module}/{kind}.py": f"{kind}.py" for kind in plan.kinds}
    table["tests/test_contract.py"] = "test_contract.py"
    if _run(plan):
        table["tests/test_run.py"] = "test_run.py"
    return table


def _run(plan: Plan) -> dict[str, str]:
    """The parts of a run that shows the package at work; none where no run names what it brings."""
    own = {kind: plan.component for kind in plan.kinds if kind not in NOT_IN_A_RUN}
    if "recipe" in own:  # it names its networks and its loss itself
        own = {kind: name for kind, name in own.items() if kind not in RECIPE}
    return {**RUN, **own} if own else {}


def _words(plan: Plan) -> dict[str, str]:
    words = [f"a {registry.singular(registry.kind_of(kind))}" for kind in plan.kinds]
    groups = [
        f'[project.entry-points."ganzoo.{registry.kind_of(kind)}"]\n'
        f'{plan.component} = "{plan.module}.{kind}:{ATTRIBUTES[kind]}"\n'
        for kind in plan.kinds
    ]
    named = {
        kind: f"{plan.package}/{plan.component}" if kind in plan.kinds else builtin
        for kind, builtin in RECIPE.items()
    }
    return {
        "package": plan.package,
        "module": plan.module,
        "component": plan.component,
        "kinds": " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part),
        "entry_points": "\n".join(groups),
        "parts": "\n".join(f'    "{kind}": "{name}",' for kind, name in _run(plan).items()),
        "use": _use(plan),
        **named,
    }


def _use(plan: Plan) -> str:
    """A command that uses what the package brings."""
    run = _run(plan)
    if not run:
        return f"ganzoo show {plan.component}"
    options = [f"--{kind} {name}" for kind, name in run.items() if kind not in RUN]
    return " ".join(["ganzoo run", run["recipe"], run["dataset"], *options])
