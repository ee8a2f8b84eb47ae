"""`ganzoo doctor`: what this installation can do, and what is wrong with it."""

import json

import pytest

from ganzoo.cli import doctor


@pytest.fixture(autouse=True)
def no_slow_checks(monkeypatch):
    """Real data are looked at in one test only."""
    monkeypatch.setattr(doctor, "DATASETS", ("mnist-5k",))


@pytest.fixture
def examine(ganzoo):
    """The findings as (status, subject, message), and the exit code."""

    def run():
        done = ganzoo("doctor", "--json")
        report = json.loads(done.out)
        assert report["healthy"] == (done.code == 0)
        return done.code, [(f["status"], f["subject"], f["message"]) for f in report["findings"]]

    return run


def test_a_healthy_installation(ganzoo):
    done = ganzoo("doctor")
    assert (done.code, done.err) == (0, "")
    assert {"ok", "note"} >= {line for line in done.out.splitlines() if not line.startswith(" ")}
    subjects = [line.split("  ")[1] for line in done.out.splitlines() if line.startswith(" ")]
    for subject in (
        "python",
        "ganzoo",
        "torch",
        "processor",
        "cuda",
        "cache folder",
        "data folders",
        "mnist-5k",
    ):
        assert subject in subjects


@pytest.mark.parametrize(
    ("source", "line"), [("1 / 0", 1), ("\nraise SystemExit", 2), ("import absent_x", 1), ("def (", 1)]
)
def test_a_plugin_that_cannot_be_imported_is_named_with_file_and_line(examine, install_plugin, source, line):
    file = install_plugin("broken", {"losses": {"one": "broken:One"}}, source)
    install_plugin("healthy", {"losses": {"two": "healthy:two"}}, "def two(): ...")
    code, findings = examine()
    assert code == 5
    (message,) = [
        message for status, subject, message in findings if (status, subject) == ("broken", "broken")
    ]
    assert f"({file}:{line})" in message
    assert ("ok", "healthy", "1 of 1 components of version 1.0 can be imported") in findings


def test_every_problem_of_the_registry_is_reported(examine, install_plugin):
    install_plugin("left", {"losses": {"twin": "left:x", "bce": "left:x"}}, "def x(): ...")
    install_plugin("right", {"losses": {"twin": "right:x"}, "commands": {"list": "right:x"}}, "def x(): ...")
    install_plugin("damaged", {"losses": {"lost": "damaged:x"}}, metadata="")
    code, findings = examine()
    assert code == 5
    broken = [message for status, _, message in findings if status == "broken"]
    assert any("left 1.0 and right 1.0 both bring losses named 'twin'" in message for message in broken)
    assert any(
        "ganzoo" in message and "left 1.0 both bring losses named 'bce'" in message for message in broken
    )
    assert any("metadata cannot be read" in message for message in broken)
    assert any("brings a command 'list'" in message for message in broken)


def test_the_message_counts_what_is_broken(ganzoo, install_plugin):
    install_plugin("left", {"lossy": {"twin": "left:x"}})
    done = ganzoo("doctor")
    assert done.code == 5
    assert "broken" in done.out.splitlines()
    assert done.err.startswith("ganzoo: 1 of ")


def test_torch_and_torchvision_that_do_not_fit_are_reported_once(examine, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", fail)
    code, findings = examine()
    assert code == 5
    (message,) = [message for status, _, message in findings if status == "broken"]
    assert "operator torchvision::nms does not exist" in message
    assert "pip install" in message


def test_a_data_folder_that_does_not_exist_is_a_note(examine, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", "/nonexistent/folder")
    _, findings = examine()
    assert any(status == "note" and "/nonexistent/folder" in message for status, _, message in findings)


def test_data_that_are_not_here_are_a_note_and_nothing_is_downloaded(examine, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "DATASETS", ("cifar10",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    _, findings = examine()
    (finding,) = [f for f in findings if f[1] == "cifar10"]
    assert finding[0] in ("note", "ok")
    assert list(tmp_path.rglob("*")) == []
