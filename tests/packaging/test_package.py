"""What is packaged: entry points, version bounds, and what the source must never do."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from ganzoo import registry

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLUGINS = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
SOURCES = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "plugins").rglob("*.py"))]
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {"eval", "exec", "compile", "torch.load", "torch.save", "os.system", "os.popen"}
METHODS = {"extractall"}


def parent(path: Path) -> str:
    return path.parent.name


def name_of(node: ast.expr) -> str:
    """`torch.load` for that expression, "" for what is no dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and name_of(node.value):
        return f"{name_of(node.value)}.{node.attr}"
    return ""


def forbidden(tree: ast.AST) -> list[str]:
    """What runs code or writes where a file says, by line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = getattr(node, "module", None)
            names = [base or ""] if base else [alias.name for alias in node.names]
            names += [f"{base}.{alias.name}" for alias in node.names] if base else []
            bad = [n for n in names if n.partition(".")[0] in MODULES or n in CALLS]
        elif isinstance(node, ast.Call):
            name = name_of(node.func)
            bad = [name] if name in CALLS else []
            risky = [k for k in node.keywords if k.arg in ("shell", "allow_pickle")]
            bad += [str(k.arg) for k in risky if getattr(k.value, "value", True)]
        elif isinstance(node, ast.Attribute):
            bad = [node.attr] if node.attr in METHODS or name_of(node) in CALLS else []
        else:
            bad = []
        found += [f"{node.lineno}: {name}" for name in bad]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_source_runs_no_foreign_code(path):
    assert forbidden(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x')",
        "from torch import load",
        "save = torch.save",
        "eval('1')",
        "exec('1')",
        "archive.extractall('x')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "numpy.load('x', allow_pickle=True)",
        "os.system('ls')",
    ],
)
def test_the_scan_notices(code):
    assert forbidden(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    ["# torch.load", "'eval(1)'", "network.eval()", "safetensors.torch.load(x)", "loader.exec_module(m)"],
)
def test_the_scan_lets_pass(code):
    assert forbidden(ast.parse(code)) == []


@pytest.mark.parametrize(
    "component", [c for c in registry.components() if c.is_builtin], ids=lambda c: c.full_name
)
def test_entry_points_lead_to_something_with_a_summary(component):
    assert component.load() is not None
    assert 10 < len(component.summary) <= 130
    assert component.summary.rstrip().endswith(".")


def test_entry_points_are_those_of_pyproject():
    declared = {(g.removeprefix("ganzoo."), n) for g, names in PROJECT["entry-points"].items() for n in names}
    assert {(c.kind, c.name) for c in registry.components() if c.is_builtin} == declared


def test_the_version_is_that_of_pyproject():
    assert version("ganzoo") == PROJECT["version"]


@pytest.mark.parametrize("path", PLUGINS, ids=parent)
def test_plugins_exclude_the_empty_package_of_2018(path):
    from packaging.requirements import Requirement

    needs = [Requirement(text) for text in tomllib.loads(path.read_text())["project"]["dependencies"]]
    (bound,) = [need.specifier for need in needs if need.name == "ganzoo"]
    assert not bound.contains("0.0.1")
    assert not bound.contains("0.9")
    assert bound.contains(PROJECT["version"])


@pytest.mark.parametrize("path", PLUGINS, ids=parent)
def test_plugins_use_only_what_is_public(path):
    """What the reference names; their tests may look further."""
    page = (ROOT / "docs" / "reference" / "python.md").read_text()
    rows = re.findall(r"^\| (`ganzoo\..+?) \|", page, re.MULTILINE)
    public = {"ganzoo", "ganzoo.recipe"} | {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    for source in set(path.parent.rglob("*.py")) - set((path.parent / "tests").rglob("*.py")):
        tree = ast.parse(source.read_text())
        guarded = {id(child) for node in ast.walk(tree) if is_type_checking(node) for child in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganzoo."):
                assert id(node) in guarded or node.module in public


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and name_of(node.test) == "TYPE_CHECKING"


def test_import_brings_no_torch():
    code = "import sys, ganzoo; print(*(m for m in ('torch', 'numpy', 'click') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_core_dependencies_are_used():
    imports = {
        name.partition(".")[0]
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    modules = {"tomli-w": "tomli_w", "pillow": "PIL"}
    names = {text.partition(">")[0] for text in PROJECT["dependencies"]}
    assert {modules.get(name, name) for name in names} <= imports
