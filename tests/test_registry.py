"""Components of installed packages: found without an import, unambiguous, and harmless when broken."""

import importlib
import sys
from pathlib import Path

import pytest

from ganzoo import registry, sources
from ganzoo.errors import PluginError, UsageError

LOSS = '''
    """A module of losses."""

    class Mine:
        """My own loss."""
'''


def names(kind):
    return [c.name for c in registry.components(kind)]


def test_the_components_of_ganzoo_itself_come_from_its_entry_points():
    assert {"vanilla", "cgan", "dcgan"} <= set(names("recipes"))
    assert all(c.is_builtin for c in registry.components("games"))
    assert registry.find("losses", "bce").full_name == "ganzoo/bce"


def test_a_plugin_is_listed_with_package_version_and_summary(install_plugin):
    install_plugin("My.Loss", {"losses": {"mine": "my_loss:Mine"}}, LOSS, version="2.5")
    found = registry.find("losses", "mine")
    assert (found.package, found.version, found.summary) == ("my-loss", "2.5", "My own loss.")
    assert registry.packages(registry.components())["my-loss"] == "2.5"


def test_components_are_sorted_by_kind_and_name_with_built_in_ones_first(install_plugin):
    install_plugin("early", {"losses": {"aaa": "early:Mine"}}, LOSS)
    losses = names("losses")
    assert losses[-1] == "aaa"
    assert losses[:-1] == sorted(losses[:-1])
    kinds = [c.kind for c in registry.components()]
    assert kinds == sorted(kinds, key=list(registry.KINDS).index)


@pytest.mark.parametrize("word", ["losses", "loss"])
def test_kinds_are_known_in_singular_and_plural(word):
    assert registry.kind_of(word) == "losses"


@pytest.mark.parametrize("word", ["data set", "dataset", "datasets"])
def test_a_data_set_has_three_spellings(word):
    assert registry.kind_of(word) == "datasets"


def test_an_unknown_kind_is_an_error():
    with pytest.raises(UsageError, match=r"'lossy' .* Did you mean 'losses'"):
        registry.kind_of("lossy")
    with pytest.raises(UsageError, match="not a kind"):
        registry.components("lossy")


def test_listing_and_summaries_import_nothing(install_plugin):
    install_plugin("boom", {"losses": {"boom": "boom:Boom"}}, LOSS + '\n    raise SystemExit("imported")\n')
    install_plugin("blam", {"losses": {"blam": "blam:absent"}}, LOSS)
    assert registry.find("losses", "boom").summary == "A module of losses."  # it has no Boom
    assert registry.find("losses", "blam").summary == "A module of losses."
    assert registry.problems() == []
    assert "boom" not in sys.modules


def test_looking_for_the_source_of_a_dotted_module_does_not_import_its_parents(site):
    package = site / "parent_pkg" / "child"
    package.mkdir(parents=True)
    (site / "parent_pkg" / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "leaf.py").write_text('"""A leaf."""')
    importlib.invalidate_caches()
    assert sources.source_of("parent_pkg.child.leaf") == package / "leaf.py"
    assert sources.source_of("parent_pkg.child") == package / "__init__.py"
    assert sources.source_of("parent_pkg.absent") is None
    assert sources.summary_of("parent_pkg.child.leaf:Thing") == "A leaf."
    assert not {"parent_pkg", "parent_pkg.child"} & set(sys.modules)


def test_a_namespace_package_has_sources_too(site):
    (site / "spread").mkdir()
    (site / "spread" / "part.py").write_text('"""A part."""')
    importlib.invalidate_caches()
    assert sources.summary_of("spread.part:X") == "A part."


@pytest.mark.parametrize("module", ["", ".", "absent_module", "sys", "a..b", "json.absent"])
def test_a_module_without_source_has_no_summary(module):
    assert sources.source_of(module) is None
    assert sources.summary_of(f"{module}:X") == ""


@pytest.mark.parametrize(
    "source",
    ["def broken(:\n", "\0", 'x = "\\ud800"\n"""', "(" * 5000, '"""Fine."""\n\xff'.encode("latin-1")],
    ids=["syntax", "null", "open string", "deep", "latin-1"],
)
def test_source_that_cannot_be_parsed_has_no_summary(install_plugin, source):
    file = install_plugin("odd", {"losses": {"odd": "odd:Odd"}})
    file.write_bytes(source if isinstance(source, bytes) else source.encode())
    assert registry.find("losses", "odd").summary == ""


def test_an_invalid_escape_in_a_plugin_warns_nobody(install_plugin):
    install_plugin("escape", {"losses": {"escape": "escape:f"}}, 'x = "\\d"\ndef f():\n    "Short."\n')
    assert registry.find("losses", "escape").summary == "Short."  # warnings are errors in these tests


def test_the_fast_way_to_a_summary_agrees_with_the_parser():
    modules = {c.value.partition(":")[0] for c in registry.components()} | {
        "ganzoo.registry",
        "inspect",
        "typing",
    }
    checked = 0
    for module in modules:
        for name, line in sources._plain_lines(module).items():
            assert line == sources._docstrings(module)[name].partition("\n")[0].strip(), (module, name)
            checked += 1
    assert checked > 50


def test_the_fast_way_does_not_reach_into_the_next_definition(install_plugin):
    source = """
        class Bare(Exception): pass
        class Next:
            '''Single quotes.'''
        async def later(
            x: int,
        ) -> None:
            \"\"\"Later.

            More.
            \"\"\"
        def text(a="x:"):
            \"\"\"Has \\u0041 escape.\"\"\"
    """
    install_plugin(
        "shapes", {"losses": {n: f"shapes:{n}" for n in ("Bare", "Next", "later", "text")}}, source
    )
    found = {c.name: c.summary for c in registry.components("losses") if c.package == "shapes"}
    assert found == {"Bare": "", "Next": "Single quotes.", "later": "Later.", "text": "Has A escape."}
    assert registry.find("losses", "later").docstring == "Later.\n\nMore."


def test_an_unknown_name_suggests_a_near_one():
    with pytest.raises(UsageError, match=r"no 'hinje' among the losses. Did you mean 'hinge'\?"):
        registry.find("losses", "hinje")


def test_a_name_far_from_all_lists_what_there_is_but_not_thousands(install_plugin):
    install_plugin("many", {"losses": {f"qqq{i:05}": "many:Mine" for i in range(3000)}}, LOSS)
    with pytest.raises(UsageError) as error:
        registry.find("losses", "@")
    assert "There are: bce" in str(error.value)
    assert len(str(error.value)) < 500


def test_a_name_of_another_kind_says_so():
    with pytest.raises(UsageError, match="'hinge' is one of the losses, not of the generators"):
        registry.find("generators", "hinge")


@pytest.mark.parametrize("first", ["left", "right"])
def test_two_plugins_with_one_name_are_an_error_whatever_the_order_on_the_path(
    install_plugin, tmp_path, monkeypatch, first
):
    for name in ("left", "right"):
        folder = tmp_path / name
        install_plugin(name, {"losses": {"twin": f"{name}:Mine"}}, LOSS, folder=folder)
    for name in sorted(("left", "right"), key=lambda n: n == first):
        monkeypatch.syspath_prepend(str(tmp_path / name))
    with pytest.raises(PluginError) as error:
        registry.find("losses", "twin")
    assert str(error.value) == (
        "left 1.0 and right 1.0 both bring losses named 'twin'. "
        "Write left/twin or right/twin, or remove one package."
    )
    assert registry.find("losses", "left/twin").value == "left:Mine"
    assert registry.find("losses", "right/twin").value == "right:Mine"
    (problem,) = registry.problems()
    assert "left 1.0 and right 1.0" in problem.message


def test_a_plugin_cannot_take_a_built_in_name(install_plugin):
    install_plugin("impostor", {"losses": {"bce": "impostor:Mine"}}, LOSS)
    assert registry.find("losses", "bce").is_builtin
    assert registry.find("losses", "ganzoo/bce").is_builtin
    assert registry.find("losses", "Impostor/bce").package == "impostor"
    (problem,) = registry.problems()
    assert problem.package == "impostor"
    assert "ganzoo" in problem.message


def test_one_name_in_two_kinds_is_no_clash(install_plugin):
    install_plugin("both", {"losses": {"same": "both:Mine"}, "penalties": {"same": "both:Mine"}}, LOSS)
    assert registry.problems() == []


def test_the_first_installation_on_the_path_is_the_one_that_counts(install_plugin, tmp_path, monkeypatch):
    install_plugin("twice", {"losses": {"twice": "twice:Old"}}, LOSS, version="1.0")
    install_plugin(
        "twice", {"losses": {"twice": "twice:Mine"}}, LOSS, version="2.0", folder=tmp_path / "first"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    assert registry.find("losses", "twice").version == "2.0"


@pytest.mark.parametrize(
    "metadata",
    ["", "Name: damaged\n", "Version: 1.0\n", b"\xff\xfe\x00Name"],
    ids=["empty", "no version", "no name", "bytes"],
)
def test_damaged_metadata_are_reported_and_hide_nobody_else(install_plugin, metadata):
    install_plugin("damaged", {"losses": {"lost": "damaged:Mine"}}, LOSS, metadata=metadata)
    install_plugin("healthy", {"losses": {"mine": "healthy:Mine"}}, LOSS)
    assert registry.find("losses", "mine").package == "healthy"
    (problem,) = registry.problems()
    assert "damaged-1.0.dist-info" in problem.package
    assert "metadata cannot be read" in problem.message


def test_entry_points_that_cannot_be_read_are_reported(install_plugin):
    install_plugin("garbled", "[ganzoo.losses]\nno equals sign\n")
    (problem,) = registry.problems()
    assert problem.package == "garbled"


@pytest.mark.parametrize(
    "line",
    [
        "a = nocolon",
        "a = m:x.y",
        "a = m:",
        "a = :x",
        "a = ./evil.py:X",
        "a = evil.py:X",
        "a = ..m:x",
        "a = m:x [extra]",
        "a/b = m:x",
        "a b = m:x",
        "\x1b[31m = m:x",
        "-a = m:x",
    ],
)
def test_a_malformed_entry_point_is_reported_and_left_out(install_plugin, line):
    install_plugin("odd", f"[ganzoo.losses]\n{line}\ngood = odd:Mine\n", LOSS)
    assert [c.name for c in registry.components() if c.package == "odd"] == ["good"]
    (problem,) = registry.problems()
    assert (problem.package, "not name = module:attribute" in problem.message) == ("odd", True)


def test_an_unknown_group_is_reported_with_the_near_one(install_plugin):
    install_plugin("odd", {"generator": {"g": "odd:G"}})
    (problem,) = registry.problems()
    assert "Did you mean 'generators'" in problem.message


def test_a_name_given_twice_by_one_package_is_reported(install_plugin):
    install_plugin("odd", "[ganzoo.losses]\na = odd:Mine\na = odd:Other\n", LOSS)
    assert registry.find("losses", "a").value == "odd:Mine"
    (problem,) = registry.problems()
    assert "names two losses 'a'" in problem.message


def test_entry_points_of_other_programs_do_not_matter(install_plugin):
    install_plugin("other", "[console_scripts]\nganzoo.x = not good\n[ganzoology]\na = b\n")
    assert registry.problems() == []


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        ("x = 1\nraise RuntimeError('boom')\n", "RuntimeError: boom", 2),
        ("raise SystemExit(3)\n", "SystemExit: 3", 1),
        ("x = 1\n\ndef broken(:\n", "SyntaxError", 3),
        ("import absent_dependency\n", "No module named 'absent_dependency'", 1),
        ("import json\n\njson.loads('{')\n", "JSONDecodeError", 3),
        ("raise RuntimeError('one\\ntwo')\n", "RuntimeError: one (", 1),
    ],
)
def test_a_plugin_that_fails_at_import_is_named_with_file_and_line(install_plugin, source, reason, line):
    file = install_plugin("broken", {"losses": {"broken": "broken:Loss"}}, source)
    component = registry.find("losses", "broken")
    with pytest.raises(PluginError) as error:
        component.load()
    assert str(error.value).startswith("loss broken/broken cannot be imported: ")
    assert reason in str(error.value)
    assert f"({file}:{line})" in str(error.value)
    assert registry.find("losses", "bce").load()


def test_ctrl_c_during_an_import_stays_ctrl_c(install_plugin):
    install_plugin("slow", {"losses": {"slow": "slow:Loss"}}, "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry.find("losses", "slow").load()


def test_an_entry_point_to_a_missing_module_or_attribute_is_a_plugin_error(install_plugin):
    install_plugin("odd", {"losses": {"a": "odd:Mein", "b": "odd_absent:X", "c": "odd:Lazy"}}, LOSS)
    with pytest.raises(PluginError, match=r"odd has no 'Mein'. Did you mean 'Mine'\?"):
        registry.find("losses", "a").load()
    with pytest.raises(PluginError, match="odd_absent"):
        registry.find("losses", "b").load()


def test_a_module_that_fails_when_asked_for_a_name_is_a_plugin_error(install_plugin):
    install_plugin(
        "lazy", {"losses": {"lazy": "lazy:X"}}, "def __getattr__(name):\n    import absent_thing\n"
    )
    with pytest.raises(PluginError, match="absent_thing"):
        registry.find("losses", "lazy").load()


def test_an_import_path_is_followed_only_where_it_was_typed(tmp_path):
    (tmp_path / "mine.py").write_text("class G:\n    '''Mine.'''\n")
    path = f"{tmp_path}/mine.py:G"
    with pytest.raises(UsageError, match="only when you type it yourself"):
        registry.find("generators", path)
    component = registry.find("generators", path, typed=True)
    assert (component.summary, component.source) == ("Mine.", tmp_path / "mine.py")
    assert component.load().__name__ == "G"
    assert registry.find("losses", "json:dumps", typed=True).load().__name__ == "dumps"


def test_a_typed_file_may_use_dataclasses(tmp_path):
    source = "from dataclasses import dataclass\n@dataclass\nclass G:\n    x: 'int' = 1\n"
    (tmp_path / "mine.py").write_text(source)
    assert registry.find("generators", f"{tmp_path}/mine.py:G", typed=True).load()().x == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("{folder}/absent.py:G", "there is no file"),
        ("{folder}/mine.py:H", "has no 'H'. There are: G."),
        ("absent_module:G", "there is no module 'absent_module'"),
        (":G", "there is no module"),
        ("{folder}/mine.py", "mine.py:NAME"),
    ],
)
def test_a_typed_path_that_does_not_exist_is_a_usage_error(tmp_path, path, reason):
    (tmp_path / "mine.py").write_text("class G: ...\n")
    with pytest.raises(UsageError) as error:
        registry.find("generators", path.format(folder=tmp_path), typed=True).load()
    assert reason in str(error.value)


def test_a_typed_file_that_fails_is_named_with_its_line(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n1 / 0\n")
    with pytest.raises(PluginError, match=r"ZeroDivisionError.*mine.py:2"):
        registry.find("generators", f"{tmp_path}/mine.py:G", typed=True).load()
    assert "ganzoo_typed_mine" not in sys.modules


def test_where_prefers_the_frames_of_the_component():
    with pytest.raises(OSError, match="nonexistent") as caught:
        Path("/nonexistent/file").read_text()
    assert "pathlib" in registry.where(caught.value)
    assert registry.where(caught.value, __name__).startswith(__file__)
    assert registry.where(ValueError("never raised")) == "no source"


def test_packages_are_scanned_once_and_again_when_one_is_installed(install_plugin, monkeypatch):
    scans, real = [], registry.distributions
    monkeypatch.setattr(registry, "distributions", lambda: scans.append(1) or list(real()))
    registry.find("losses", "bce")
    registry.find("losses", "hinge")
    assert len(scans) <= 1
    install_plugin("late", {"losses": {"late": "late:Late"}})
    assert registry.find("losses", "late").package == "late"
    assert registry.find("losses", "late").package == "late"
    assert len(scans) <= 2
