"""`ganzoo plugin`: a new package works as it is written, and components are held to their promises."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ganzoo import scaffold
from ganzoo.testing import CHECKS

LOSS = """
    class Mine:
        "A loss."
        probability = False

        def __init__(self, *, power: float = 1.0) -> None:
            self.power = power

        def discriminator(self, real, fake):
            return (fake - real).mean()

        def generator(self, fake):
            return -fake.mean()
"""
VECTOR = LOSS.replace("(fake - real).mean()", "fake - real")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ganzoo plugin new ------------------------------------------------------------------------------------------


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_package_is_written_and_the_next_three_commands_are_printed(ganzoo, here):
    done = ganzoo("plugin", "new", "My_Gan", "--kind", "generator", "--kind", "loss")
    assert done.code == 0
    assert done.out.splitlines() == [
        "pip install --editable './my-gan[test]'",
        "pytest ./my-gan",
        "ganzoo plugin check my-gan",
    ]
    assert files(here / "my-gan") == {
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "my_gan/__init__.py",
        "my_gan/generator.py",
        "my_gan/loss.py",
        "tests/test_contract.py",
        "tests/test_run.py",
    }
    project = tomllib.loads((here / "my-gan" / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["dependencies"]) == ("my-gan", ["ganzoo>=1.0"])
    assert project["entry-points"] == {
        "ganzoo.generators": {"my-gan": "my_gan.generator:Generator"},
        "ganzoo.losses": {"my-gan": "my_gan.loss:Loss"},
    }


def test_a_component_is_named_without_the_prefix_of_its_package(ganzoo, here):
    assert ganzoo("plugin", "new", "ganzoo-tidal", "--out", "elsewhere").code == 0
    project = tomllib.loads((here / "elsewhere" / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["ganzoo.generators"] == {"tidal": "ganzoo_tidal.generator:Generator"}


@pytest.mark.parametrize("kind", scaffold.ATTRIBUTES)
def test_a_package_of_one_kind_names_what_its_module_defines(kind, ganzoo, here):
    assert ganzoo("plugin", "new", "ganzoo-tidal", "--kind", kind).code == 0
    text = (here / "ganzoo-tidal" / "ganzoo_tidal" / f"{kind}.py").read_text()
    assert scaffold.ATTRIBUTES[kind] in text
    assert "$" not in "".join(
        (here / "ganzoo-tidal" / name).read_text() for name in files(here / "ganzoo-tidal")
    )
    assert (here / "ganzoo-tidal" / "tests" / "test_run.py").exists() == (kind not in ("metric", "command"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a b", "cannot be the name of a package"),
        ("-x", "No such option|cannot be the name of a package"),
        ("x-", "cannot be the name of a package"),
        ("x/../y", "cannot be the name of a package"),
        ("ünder", "cannot be the name of a package"),
        ("x" * 81, "cannot be the name of a package"),
        ("1x", "Python does not allow"),
        ("class", "Python does not allow"),
        ("json", "hide Python's own module"),
        ("tests", "hide Python's own module"),
        ("torch", "there is a module 'torch' already"),
        ("ganzoo", "there is a module 'ganzoo' already"),
        ("ganzoo-dcgan", "ganzoo brings a generator 'dcgan' already"),
    ],
)
def test_names_that_will_not_do(name, words, ganzoo, here):
    done = ganzoo("plugin", "new", "--", name)
    assert done.code == 2
    assert any(word in done.err for word in words.split("|")), done.err
    assert list(here.iterdir()) == []


def test_a_command_of_ganzoo_keeps_its_name(ganzoo, here):
    done = ganzoo("plugin", "new", "ganzoo-run", "--kind", "command")
    assert (done.code, "ganzoo has a command 'run' of its own" in done.err) == (2, True)


def test_nothing_is_written_into_a_folder_that_exists(ganzoo, here):
    (here / "my-gan").mkdir()
    done = ganzoo("plugin", "new", "my-gan")
    assert (done.code, "my-gan exists already" in done.err) == (2, True)
    assert list((here / "my-gan").iterdir()) == []


@pytest.mark.slow
def test_a_package_of_all_kinds_passes_its_own_tests_and_its_check(here, ganzoo, ganzoo_process):
    kinds = [word for kind in scaffold.ATTRIBUTES for word in ("--kind", kind)]
    assert ganzoo("plugin", "new", "all-kinds", *kinds).code == 0
    install(here / "all-kinds")
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    environment = {**os.environ, "PYTHONPATH": str(here / "all-kinds")}
    done = subprocess.run(tests, cwd=here / "all-kinds", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout
    code = "from ganzoo.cli import main; raise SystemExit(main(['plugin', 'check', 'all-kinds', '--json']))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    assert len(reports) == len(scaffold.ATTRIBUTES)
    assert {check["status"] for report in reports for check in report["checks"]} == {"pass"}


def install(folder: Path) -> None:
    """Write the metadata that an installer would have written."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"{folder.name.replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "\n".join(f"{n} = {v}" for n, v in names.items()) for group, names in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))


# ganzoo plugin check ----------------------------------------------------------------------------------------


def test_a_table_with_a_line_for_each_check(ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, LOSS, version="0.3")
    done = ganzoo("plugin", "check", "my-gan")
    assert (done.code, done.err) == (0, "")
    heading, *rows = done.out.splitlines()
    checks = CHECKS["losses"]
    assert heading == f"loss mine  my-gan 0.3: {len(checks)} of {len(checks)} promises kept"
    assert [row.split()[:2] for row in rows] == [["pass", check.name] for check in checks]
    assert [row.split("  ")[-1].strip() for row in rows] == [check.promise for check in checks]


def test_a_broken_promise_is_shown_and_ends_with_code_5(ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, VECTOR)
    done = ganzoo("plugin", "check", "mine")
    assert done.code == 5
    (line,) = [line for line in done.out.splitlines() if line.split()[1] == "scalar"]
    assert line.split()[0] == "fail"
    assert (
        "loss mine of my-gan breaks its contract: it gives the discriminator (2,); expected a scalar" in line
    )
    failed = sum(line.split()[0] == "fail" for line in done.out.splitlines()[1:])
    assert done.err == f"ganzoo: {failed} of {len(CHECKS['losses'])} checks failed; they are marked above.\n"


def test_json_says_the_same(ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, VECTOR)
    done = ganzoo("plugin", "check", "my-gan", "--json")
    (report,) = json.loads(done.out)
    assert (done.code, report["kind"], report["name"], report["package"]) == (5, "losses", "mine", "my-gan")
    found = {check["check"]: check for check in report["checks"]}
    assert list(found) == [check.name for check in CHECKS["losses"]]
    assert found["import"]["status"] == "pass"
    assert found["import"]["reason"] is None
    assert "expected a scalar" in found["scalar"]["reason"]


@pytest.mark.parametrize(
    "name", ["mine", "my-gan", "my-gan/mine", "loss/mine", "losses/mine", "loss/my-gan/mine"]
)
def test_the_ways_to_name_a_component(name, ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, LOSS)
    assert ganzoo("plugin", "check", name).out.startswith("loss mine  my-gan")


def test_without_a_name_all_packages_but_ganzoo_are_checked(ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, LOSS)
    reports = json.loads(ganzoo("plugin", "check", "--json").out)
    assert "my-gan" in {report["package"] for report in reports}
    assert "ganzoo" not in {report["package"] for report in reports}


def test_options_of_the_component(ganzoo, install_plugin, tmp_path):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, LOSS)
    assert ganzoo("plugin", "check", "mine", "--set", "power=2").code == 0
    done = ganzoo("plugin", "check", "mine", "--set", "powre=2")
    assert (done.code, "Did you mean 'power'?" in done.err + done.out) == (2, True)
    done = ganzoo("plugin", "check", "r1", "mine", "--set", "power=2")
    assert (done.code, "--set is for one component, and 2 are meant" in done.err) == (2, True)


def test_an_option_that_is_missing_is_asked_for(ganzoo):
    done = ganzoo("plugin", "check", "folder")
    assert done.code == 0
    assert "untried  import" in done.out
    assert "needs the option 'path' (text). Options are given with --set OPTION=VALUE." in done.out


def test_a_name_that_nothing_has(ganzoo, install_plugin):
    install_plugin("my-gan", {"losses": {"mine": "my_gan:Mine"}}, LOSS)
    done = ganzoo("plugin", "check", "my-gam")
    assert (done.code, "nothing that is installed is named 'my-gam'. Did you mean 'my-gan'?" in done.err) == (
        2,
        True,
    )


def test_the_group_alone_prints_its_help(ganzoo):
    done = ganzoo("plugin")
    assert (done.code, done.out) == (2, "")
    assert "new" in done.err


def test_a_command_that_clashes_is_shown_by_its_full_name(ganzoo, install_plugin):
    source = "import click\n@click.command()\ndef command():\n    'Print something.'\n    print('theirs')"
    install_plugin("my-tool", {"commands": {"plugins": "my_tool:command"}}, source)
    assert "my-tool/plugins" in ganzoo("--help").err + ganzoo("--help").out
    assert "my-tool/plugins" in ganzoo("list", "commands").out
    assert "packages" in ganzoo("plugins").out
    assert ganzoo("my-tool/plugins").out == "theirs\n"
    done = ganzoo("plugin", "check", "my-tool")
    assert done.code == 5
    assert "a name that ganzoo's own commands leave free, got 'plugins'" in done.out
