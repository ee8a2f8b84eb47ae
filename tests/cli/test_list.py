"""`ganzoo list`: what is installed, read without importing it."""

import json
import sys

import pytest

from ganzoo import registry

LOSS = '''
    """Losses of mine."""

    class Mine:
        """A loss of my own (Me, 2024)."""
'''


def test_all_kinds_are_listed_with_summaries(ganzoo):
    done = ganzoo("list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("recipes  ")
    assert {"generators", "losses", "datasets"} <= {line.split("  ")[0] for line in lines}
    assert any(line.split()[:1] == ["vanilla"] and "arXiv:1406.2661" in line for line in lines)
    assert "[ganzoo]" not in done.out


@pytest.mark.parametrize("word", ["losses", "loss"])
def test_one_kind(ganzoo, word):
    done = ganzoo("list", word)
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert names == [c.name for c in registry.components("losses")]


def test_the_package_is_shown_only_where_it_is_not_ganzoo(ganzoo, install_plugin):
    install_plugin("my-loss", {"losses": {"mine": "my_loss:Mine"}}, LOSS)
    (line,) = [line for line in ganzoo("list", "losses").out.splitlines() if "my-loss" in line]
    assert " ".join(line.split()) == "mine A loss of my own (Me, 2024). [my-loss]"


def test_names_that_mean_something_else_are_shown_in_full(ganzoo, install_plugin):
    install_plugin("left", {"losses": {"twin": "left:Mine", "bce": "left:Mine"}}, LOSS)
    install_plugin("right", {"losses": {"twin": "right:Mine"}}, LOSS)
    names = [line.split()[0] for line in ganzoo("list", "losses").out.splitlines()]
    assert {"left/twin", "right/twin", "left/bce", "bce"} <= set(names)
    assert "twin" not in names


def test_json_is_one_document(ganzoo, install_plugin):
    install_plugin("my-loss", {"losses": {"mine": "my_loss:Mine"}}, LOSS, version="3.1")
    done = ganzoo("list", "losses", "--json")
    found = {c["name"]: c for c in json.loads(done.out)}
    assert found["mine"] == {
        "kind": "losses",
        "name": "mine",
        "package": "my-loss",
        "version": "3.1",
        "summary": "A loss of my own (Me, 2024).",
        "value": "my_loss:Mine",
    }
    assert found["bce"]["package"] == "ganzoo"
    assert len(json.loads(ganzoo("list", "--json").out)) == len(registry.components())


def test_a_kind_without_components_leaves_stdout_empty(ganzoo):
    done = ganzoo("list", "commands")
    assert (done.code, done.out) == (0, "")
    assert "no commands are installed" in done.err
    assert json.loads(ganzoo("list", "commands", "--json").out) == []


def test_an_unknown_kind_is_a_usage_error(ganzoo):
    done = ganzoo("list", "losess")
    assert (done.code, done.out) == (2, "")
    assert done.err == "ganzoo: 'losess' is not a kind of component. Did you mean 'losses'?\n"


def test_a_broken_plugin_is_listed(ganzoo, install_plugin):
    install_plugin("broken", {"losses": {"broken": "broken:Mine"}}, LOSS + "\n    1 / 0\n")
    assert "A loss of my own (Me, 2024). [broken]" in ganzoo("list").out
    assert "broken" not in sys.modules


def test_text_of_a_plugin_cannot_steer_the_terminal(ganzoo, install_plugin):
    source = "class Mine:\n    '''Red \\x1b[31m and \x1b]0;title\x07 \u202e.'''\n"
    install_plugin("evil", {"losses": {"mine": "evil:Mine"}}, source)
    done = ganzoo("list", "losses")
    assert "Red \\x1b[31m and \\x1b]0;title\\x07 \\u202e." in done.out
    assert not {"\x1b", "\x07", "\u202e"} & set(done.out)
