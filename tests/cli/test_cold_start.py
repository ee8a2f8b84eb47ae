"""What is light stays light: no torch, no numpy and no plugin is imported to list, to help or to complete."""

import pytest

HEAVY = ("torch", "torchvision", "numpy", "matplotlib", "PIL", "safetensors", "ganzoo.zoo", "heavy_plugin")
REPORT = f"print(sorted(m for m in sys.modules if m.startswith({HEAVY!r})), file=sys.stderr)"


@pytest.fixture
def heavy(install_plugin):
    """A plugin of every kind that must not be imported."""
    kinds = ("recipes", "generators", "losses", "datasets", "callbacks", "commands")
    install_plugin("heavy-plugin", {kind: {"heavy": "heavy_plugin:Heavy"} for kind in kinds}, "import torch")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "recipes", "--json"],
        ["plugins"],
        ["--help"],
        ["--version"],
        ["list", "--help"],
        ["show", "--help"],
        ["plugins", "--help"],
        ["plugin"],
        ["plugin", "check", "--help"],
        ["plugin", "new", "heavy-plugin"],
        ["run", "--help"],
        ["resume", "--help"],
        ["sample", "--help"],
        ["doctor", "--help"],
        ["study", "--help"],
        ["study", "absent.toml"],
        ["compare", "--help"],
        ["compare", "absent", "absent"],
        ["show", "vanila"],
        ["lsit"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(ganzoo_process, heavy, site, arguments):
    done = ganzoo_process(*arguments, then=REPORT, path=site)
    assert done.err.splitlines()[-1] == "[]"
    assert done.code in (0, 2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("ganzoo s", "show"),
        ("ganzoo h", "heavy"),
        ("ganzoo list lo", "losses"),
        ("ganzoo show vani", "vanilla"),
        ("ganzoo show x --kind gen", "generator"),
        ("ganzoo list --j", "--json"),
    ],
)
def test_completion_imports_nothing_heavy(ganzoo_process, heavy, site, words, expected):
    (site / "sitecustomize.py").write_text(f"import atexit, sys; atexit.register(lambda: {REPORT})")
    count = str(len(words.split()) - 1)
    done = ganzoo_process(path=site, COMP_WORDS=words, COMP_CWORD=count, _GANZOO_COMPLETE="bash_complete")
    assert done.err == "[]\n"
    assert expected in [line.partition(",")[2] for line in done.out.splitlines()]


def test_training_imports_no_compiler(ganzoo_process, tmp_path):
    report = "print('torch' in sys.modules, 'torch._dynamo' in sys.modules, file=sys.stderr)"
    arguments = ["run", "gaussian", "gaussian", "--steps", "2", "--quiet", "--out", str(tmp_path / "run")]
    done = ganzoo_process(*arguments, then=report)
    assert done.code == 0
    assert done.err.splitlines()[-1] == "True False"
