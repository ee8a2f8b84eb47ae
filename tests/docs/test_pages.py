"""What README and docs say is what is there."""

import inspect
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from markdown_blocks import PAGES, ROOT, blocks, commands

from ganzoo import cli, errors, hooks, registry, scaffold
from ganzoo.cli import group
from ganzoo.datasets.mnist import FASHION_MNIST, MNIST
from ganzoo.recipe import ROLES, plain_options
from ganzoo.testing import CHECKS

HELLO = ROOT / "plugins" / "ganzoo-hello"
TUTORIAL = ROOT / "docs" / "tutorial" / "your-first-plugin.md"
LINKED = [*PAGES, *sorted((ROOT / "plugins").glob("*/README.md")), ROOT / "CHANGELOG.md"]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def reference(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text()


def table_names(text: str) -> set[str]:
    """The names in the first column of all tables."""
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in [
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings
            ], target


def test_every_page_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text()
    assert [name_of(page) for page in PAGES[1:] if f"]({name_of(page)})" not in text] == []


def test_commands_are_found():
    shell = [block for block in blocks(ROOT / "README.md") if block.language in ("bash", "console")]
    found = [command.words for block in shell for command in commands(block)]
    assert found[0] == ["python3", "-m", "venv", ".venv"]
    assert found[2][:4] == [".venv/bin/ganzoo", "run", "vanilla", "mnist-5k"]
    assert ["ganzoo", "sample"] in [words[:2] for words in found]


def test_the_tutorial_builds_ganzoo_hello_word_by_word(tmp_path):
    command = next(c.words for block in blocks(TUTORIAL) for c in commands(block))
    assert command[:4] == ["ganzoo", "plugin", "new", HELLO.name]
    kinds = tuple(command[5::2])
    scaffold.write(scaffold.Plan(HELLO.name, "ganzoo_hello", "hello", kinds), tmp_path / HELLO.name)
    for block in blocks(TUTORIAL):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
    assert source_of(tmp_path / HELLO.name) == source_of(HELLO)


def source_of(package: Path) -> dict[str, str]:
    """The code and metadata of a package; README and LICENSE are its author's."""
    found = [path for path in package.rglob("*") if path.suffix in (".py", ".toml")]
    found.append(package / ".gitignore")
    return {str(path.relative_to(package)): path.read_text() for path in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_excerpts_of_the_source_are_true(page):
    for block in blocks(page):
        if block.source:
            assert block.text in (ROOT / block.source).read_text()


def all_commands(within: click.Group = group) -> list[click.Command]:
    """Every command and every command within one."""
    context = click.Context(within)
    own = [n for n in within.list_commands(context) if within is not group or n in cli.COMMANDS]
    found = [within.get_command(context, name) for name in own]
    return found + [c for each in found if isinstance(each, click.Group) for c in all_commands(each)]


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.name)
def test_the_reference_knows_every_option(command):
    text = reference("cli.md")
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}" in text, option


def test_the_reference_invents_no_option():
    known = {option for command in [group, *all_commands()] for p in command.params for option in p.opts}
    assert set(re.findall(r"`(--?[a-z][\w-]*)", reference("cli.md"))) <= known


def test_the_reference_knows_every_command_and_exit_code():
    text = reference("cli.md")
    assert [name for name in cli.COMMANDS if f"ganzoo {name}" not in text and f"{name}," not in text] == []
    codes = {
        e.exit_code
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, errors.GanzooError)
    }
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {0, *codes}


@pytest.mark.parametrize(
    "component", [c for c in registry.components() if c.is_builtin], ids=lambda c: c.full_name
)
def test_the_reference_knows_every_component(component):
    assert f"`{component.name}`" in reference("components.md")


def test_the_reference_knows_every_check():
    sections = re.split(r"^## ", reference("testing.md"), flags=re.MULTILINE)[2:]
    shown = {
        text.partition("\n")[0].lower(): re.findall(r"^\| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
        for text in sections
    }
    assert shown == {kind: [(c.name, c.promise) for c in checks] for kind, checks in CHECKS.items()}


def test_the_contract_table_has_every_kind():
    rows = re.findall(r"^\| (\w+) \| `ganzoo\.(\w+)` \|", reference("components.md"), re.MULTILINE)
    assert {kind for _, kind in rows} == set(registry.KINDS)
    assert all(registry.kind_of(word) == kind for word, kind in rows)


def test_the_reference_knows_every_number_and_part_of_a_recipe():
    text = reference("recipe-and-run.md")
    assert set(plain_options()) <= table_names(text)
    assert [role for role in ROLES if f"`{role}`" not in text] == []


def test_the_reference_knows_every_hook():
    text = reference("python.md")
    for name, hook in vars(hooks.Hooks).items():
        if not name.startswith("_"):
            parameters = [p for p in inspect.signature(hook).parameters if p != "self"]
            assert f"`{name}({', '.join(parameters)})`" in text


def test_the_offline_page_names_the_files_and_folders_of_mnist():
    text = (ROOT / "docs" / "how-to" / "offline.md").read_text()
    for archive in (MNIST, FASHION_MNIST):
        names = [*archive.md5, *(place for place in archive.places if place != ".")]
        assert [name for name in names if f"`{name}`" not in text] == []


def test_the_changelog_has_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_pictures_are_small():
    sizes = [path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()]
    assert sum(sizes) < 150_000


def test_the_price_of_one_more_gan_is_what_the_page_says():
    text = (ROOT / "docs" / "explanation" / "the-zoo.md").read_text()
    rows = re.findall(r"^\| `(\w+)`[^|]* \| `([^`]+)` \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) == 4
    for name, file, lines, elsewhere in rows:
        path = ROOT / file
        assert len(path.read_text().splitlines()) == int(lines), name
        project = (path.parents[1] if "plugins" in file else ROOT) / "pyproject.toml"
        module = path.relative_to(ROOT / "src" if "plugins" not in file else path.parents[1]).with_suffix("")
        entries = [line for line in project.read_text().splitlines() if ".".join(module.parts) + ":" in line]
        assert len(entries) == int(elsewhere), name


def test_no_file_of_the_library_names_a_gan():
    """Recipes and their networks are found by entry points alone."""
    modules = {path.stem for path in (ROOT / "src" / "ganzoo" / "zoo").glob("*.py")} - {"__init__"}
    for path in (ROOT / "src" / "ganzoo").rglob("*.py"):
        named = re.findall(r"ganzoo\.zoo(?:\.(\w+)| import (\w+))", path.read_text())
        assert not modules & {name for pair in named for name in pair}, path


RAN = re.findall(r"`(ganzoo run [^`]+)`", reference("results.md"))


@pytest.mark.parametrize("command", RAN)
def test_the_commands_behind_results_still_fit(command, ganzoo):
    """Nothing is loaded for it; recipes of plugins that are not installed here are left out."""
    words = shlex.split(command)[1:]
    if words[1] not in {component.name for component in registry.components("recipes")}:
        pytest.skip(f"{words[1]} is a plugin's")
    done = ganzoo(*words, "--dry-run", "--quiet")
    assert done.code == 0, done.err


def test_pictures_in_the_docs_are_small():
    pictures = [*(ROOT / "docs").rglob("*.png")]
    assert pictures
    assert max(path.stat().st_size for path in pictures if "results" in path.parts) < 20_000
    assert sum(path.stat().st_size for path in pictures) < 500_000
