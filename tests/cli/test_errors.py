"""Exit codes and messages of the command line, and commands of other packages."""

import os
import subprocess
import sys

import pytest

from ganzoo import cli, errors
from ganzoo.cli import _output

COMMAND = '''
    """Commands of mine."""

    import click

    @click.command()
    @click.option("--fail")
    def command(fail):
        """Do what I want."""
        click.echo(f"done {{fail}}")
        {body}
'''


@pytest.fixture
def install_command(install_plugin):
    def install(name="extra", body="pass", **options):
        return install_plugin(
            "my-tool", {"commands": {name: "my_tool:command"}}, COMMAND.format(body=body), **options
        )

    return install


def test_help_names_every_command(ganzoo, install_command):
    install_command()
    done = ganzoo("--help")
    assert (done.code, done.err) == (0, "")
    assert set(cli.COMMANDS) <= {line.split()[0] for line in done.out.splitlines() if line.startswith("  ")}
    assert ["extra", "Do", "what", "I", "want."] in [line.split() for line in done.out.splitlines()]
    assert ganzoo("-h").out == done.out


def test_version(ganzoo):
    done = ganzoo("--version")
    assert (done.code, done.out.split()[0]) == (0, "ganzoo")


def test_without_a_command_the_help_goes_to_stderr(ganzoo):
    done = ganzoo()
    assert (done.code, done.out) == (2, "")
    assert "Usage: ganzoo" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lsit"], "there is no command 'lsit'. Did you mean 'list'?"),
        (["list", "--jsno"], "--json"),
        (["--debgu", "list"], "--debug"),
        (["list", "losses", "games"], "unexpected extra argument"),
        (["show"], "Missing argument 'NAME'"),
    ],
)
def test_usage_errors(ganzoo, arguments, message):
    done = ganzoo(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.startswith("ganzoo: ")
    assert len(done.err.splitlines()) <= 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError, 2),
        (errors.DataError, 3),
        (errors.CheckpointError, 4),
        (errors.PluginError, 5),
        (errors.DivergedError, 6),
        (errors.ResourceError, 7),
        (errors.BusyError, 8),
        (errors.Interrupted, 130),
        (errors.Terminated, 143),
        (RuntimeError, 1),
        (OSError, 1),
        (KeyboardInterrupt, 130),
    ],
)
def test_every_error_has_its_code_and_a_short_message(ganzoo, monkeypatch, error, code):
    def fail(*arguments):
        raise error("what was given\nwhat is allowed\nwhat to do\nmore")

    monkeypatch.setattr("ganzoo.registry.components", fail)
    done = ganzoo("list")
    assert (done.code, done.out) == (code, "")
    assert done.err.strip().startswith("ganzoo: ")
    assert len(done.err.strip().splitlines()) <= 3
    assert "Traceback" not in done.err
    debugged = ganzoo("--debug", "list")
    assert debugged.code == code
    assert "Traceback" in debugged.err
    assert debugged.err.endswith(done.err.lstrip())


def test_a_defect_says_that_it_is_one(ganzoo, monkeypatch):
    monkeypatch.setattr("ganzoo.registry.components", lambda kind=None: 1 / 0)
    done = ganzoo("list")
    assert (
        done.err == "ganzoo: a defect of ganzoo, which --debug shows: ZeroDivisionError: division by zero\n"
    )


def test_debug_may_come_from_the_environment(ganzoo, monkeypatch):
    monkeypatch.setenv("GANZOO_DEBUG", "1")
    assert "Traceback" in ganzoo("show", "vanila").err


def test_control_characters_of_the_user_reach_no_terminal(ganzoo):
    for arguments in (
        ["show", "\x1b[31mx\ny"],
        ["\x1b[31mx\r"],
        ["list", "\x9b1m"],
        ["show", "x", "--kind", "\x07"],
    ):
        done = ganzoo(*arguments)
        assert done.code == 2
        assert not set("\x1b\x9b\x07\r") & set(done.err)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢", "plain é 漢"),
        ("a\nb\tc\u00a0d", "a b c d"),
        ("\x1b[0m\x00\u202e\ud800", "\\x1b[0m\\x00\\u202e\\ud800"),
    ],
)
def test_printable(text, shown):
    assert _output.printable(text) == shown


def test_a_command_of_another_package_runs(ganzoo, install_command):
    install_command()
    done = ganzoo("extra", "--fail", "no")
    assert (done.code, done.out, done.err) == (0, "done no\n", "")
    assert "extra" in ganzoo("list", "commands").out
    assert ganzoo("my-tool/extra").code == 0
    assert ganzoo("show", "extra").code == 0
    assert "Did you mean 'extra'" in ganzoo("extrra").err


def test_a_broken_command_breaks_only_itself(ganzoo, install_command):
    file = install_command()
    file.write_text("import absent_thing\n")
    assert ganzoo("list").code == ganzoo("--help").code == 0
    done = ganzoo("extra")
    assert (done.code, done.out) == (5, "")
    assert f"({file}:1)" in done.err


def test_a_command_that_is_none_is_a_plugin_error(ganzoo, install_plugin):
    install_plugin("my-tool", {"commands": {"extra": "my_tool:command"}}, "command = print")
    done = ganzoo("extra")
    assert done.code == 5
    assert "it must be a click.Command" in done.err


def test_a_command_of_another_package_that_fails_is_not_a_defect_of_ganzoo(ganzoo, install_command):
    file = install_command(body="1 / 0")
    done = ganzoo("extra")
    assert done.code == 5
    assert "command extra failed: ZeroDivisionError: division by zero" in done.err
    assert str(file) in done.err


def test_a_command_cannot_replace_one_of_ganzoo(ganzoo, install_command):
    install_command(name="list")
    assert ganzoo("list", "games").out.startswith("games")
    assert ganzoo("my-tool/list").out == "done None\n"


def test_two_commands_of_one_name_are_an_error(ganzoo, install_plugin):
    for name in ("left", "right"):
        install_plugin(name, {"commands": {"twin": f"{name}:command"}}, COMMAND.format(body="pass"))
    assert ganzoo("twin").code == 5
    assert ganzoo("left/twin").code == 0
    assert ganzoo("--help").code == 0


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert _output.colour() is None
    monkeypatch.setenv("NO_COLOR", "")
    assert _output.colour() is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert _output.colour() is False
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert _output.colour() is False


START = [sys.executable, "-c", "import sys; from ganzoo.cli import main; sys.exit(main())"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_at_stdout_is_a_resource_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*START, "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (
        7,
        "ganzoo: cannot write the result: No space left on device.\n",
    )


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_that_leaves_is_no_error(arguments):
    with subprocess.Popen(
        [*START, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


def test_closed_streams_and_poor_encodings_are_no_error(install_plugin, site, ganzoo_process):
    source = 'class Mine:\n    """Mean 漢."""\n'
    install_plugin("wide", {"losses": {"wide": "wide:Mine"}}, source)
    done = ganzoo_process("list", "losses", path=site, PYTHONIOENCODING="latin-1:strict")
    assert done.code == 0
    assert "Mean \\u6f22." in done.out
    closed = subprocess.run([*START, "list"], close_fds=True, preexec_fn=lambda: os.close(1), timeout=60)
    assert closed.returncode == 0
