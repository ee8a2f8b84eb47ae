"""`--callback`: callbacks beside the recipe's own, in `run` and in `resume`."""

import json
import tomllib

import pytest

SOURCE = '''
    """A counter of steps."""

    from ganzoo.hooks import hookimpl

    class Counter:
        """Counts the steps in counted.txt."""

        def __init__(self, *, start: int = 0) -> None:
            self.steps = start

        @hookimpl
        def step_end(self):
            self.steps += 1

        @hookimpl
        def checkpoint_save(self):
            return {"steps": self.steps}

        @hookimpl
        def checkpoint_load(self, state):
            self.steps = state["steps"]

        @hookimpl
        def run_end(self, run):
            (run.directory / "counted.txt").write_text(str(self.steps))
'''


@pytest.fixture
def train(ganzoo, tmp_path, monkeypatch):
    """A short run of the smallest GAN in the folder `run`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return ganzoo("run", "gaussian", "gaussian", "--steps", "2", "--out", "run", "--quiet", *arguments)

    return run


def callbacks(text):
    return [part["name"] for part in json.loads(text)["recipe"]["callback"]]


def test_it_adds_to_the_recipes_own(train):
    own = callbacks(train("--dry-run", "--json").out)
    new = ("--callback", "real-and-fake")
    done = train("--dry-run", "--json", *new, "--callback", own[0], *new)
    assert callbacks(done.out) == [*own, "real-and-fake"]


def test_its_options_can_be_set(train):
    setting = ("--set", "callback.probabilities.samples=9")
    done = train("--dry-run", "--json", "--callback", "probabilities", *setting)
    assert json.loads(done.out)["recipe"]["callback"][-1]["samples"] == 9


def test_an_unknown_one_is_refused(train):
    done = train("--callback", "sampels")
    assert (done.code, "Did you mean 'samples'?" in done.err) == (2, True)


def test_a_run_goes_on_with_it(train, ganzoo, install_plugin, tmp_path):
    install_plugin("my-counter", {"callbacks": {"counter": "my_counter:Counter"}}, SOURCE)
    train("--callback", "counter", "--set", "callback.counter.start=10")
    assert (tmp_path / "run" / "counted.txt").read_text() == "12"
    assert ganzoo("resume", "run", "--steps", "5", "--quiet").code == 0
    assert (tmp_path / "run" / "counted.txt").read_text() == "15"


def test_a_file_of_the_users_own_is_named_again(train, ganzoo, install_plugin, tmp_path):
    source = install_plugin("my-counter", {}, SOURCE)
    reference = f"{source}:Counter"
    assert train("--callback", reference).code == 0
    recipe = tomllib.loads((tmp_path / "run" / "run.toml").read_text())["recipe"]
    assert recipe["callback"][-1]["name"] == reference
    refused = ganzoo("resume", "run", "--steps", "3", "--quiet")
    assert (refused.code, "import path" in refused.err) == (2, True)
    assert ganzoo("resume", "run", "--steps", "3", "--quiet", "--callback", reference).code == 0
    assert (tmp_path / "run" / "counted.txt").read_text() == "3"


def test_resume_takes_a_new_one(train, ganzoo, install_plugin, tmp_path):
    train()
    install_plugin("my-counter", {"callbacks": {"counter": "my_counter:Counter"}}, SOURCE)
    assert ganzoo("resume", "run", "--steps", "5", "--quiet", "--callback", "counter").code == 0
    assert (tmp_path / "run" / "counted.txt").read_text() == "3"
