"""Study files: what is crossed with what, and which mistakes are found."""

from pathlib import Path

import pytest

from ganzoo.errors import UsageError
from ganzoo.studies.file import parse, read

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))


def words(study):
    return [(c.label, c.seed, dict(c.words)) for c in study.combinations]


def test_a_grid_is_crossed():
    study = parse({"run": {"recipe": "r", "epochs": 2}, "grid": {"seed": [3, 4], "loss": ["a", "b"]}})
    fixed = {"recipe": "r", "epochs": 2.0}
    assert words(study) == [
        ("a", 3, {**fixed, "loss": "a"}),
        ("a", 4, {**fixed, "loss": "a"}),
        ("b", 3, {**fixed, "loss": "b"}),
        ("b", 4, {**fixed, "loss": "b"}),
    ]


def test_every_case_is_crossed_with_the_grid():
    study = parse(
        {
            "run": {"loss": "a", "epochs": 2},
            "grid": {"dataset": ["x", "y"]},
            "case": [{"name": "plain"}, {"name": "other", "loss": "b", "steps": 7}],
        }
    )
    assert words(study) == [
        ("plain, x", 0, {"loss": "a", "epochs": 2.0, "dataset": "x"}),
        ("plain, y", 0, {"loss": "a", "epochs": 2.0, "dataset": "y"}),
        ("other, x", 0, {"loss": "b", "steps": 7, "dataset": "x"}),
        ("other, y", 0, {"loss": "b", "steps": 7, "dataset": "y"}),
    ]


def test_without_grid_and_cases_there_is_one_run():
    assert words(parse({"run": {"recipe": "r", "seed": 5}})) == [("r", 5, {"recipe": "r"})]


@pytest.mark.parametrize(
    ("word", "values", "labels"),
    [
        ("penalty", ["none", "r1", ["r1", "r2"]], ["no penalty", "r1", "r1 + r2"]),
        ("generator.width", [8, 16], ["generator.width=8", "generator.width=16"]),
        ("batch", [8, 16], ["batch=8", "batch=16"]),
        ("loss.average", [True, False], ["loss.average=true", "loss.average=false"]),
        ("d_optimizer.betas", [[0.5, 0.9]], ["d_optimizer.betas=0.5,0.9"]),
        ("d_optimizer", ["adam", "sgd"], ["adam", "sgd"]),
    ],
)
def test_labels(word, values, labels):
    assert [c.label for c in parse({"run": {"recipe": "r"}, "grid": {word: values}}).combinations] == labels


def test_a_path_may_be_written_with_and_without_quotes(tmp_path):
    texts = ["[run]\n'callback.samples.count' = 4", "[run]\ncallback.samples.count = 4"]
    paths = [tmp_path / f"{number}.toml" for number in range(2)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    assert read(paths[0]).combinations == read(paths[1]).combinations
    assert read(paths[0]).combinations[0].words == {"callback.samples.count": 4}


def test_a_study_is_named_after_its_file(tmp_path):
    (tmp_path / "mine.toml").write_text("")
    assert read(tmp_path / "mine.toml").name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gird = 1", "a study has no 'gird'. Did you mean 'grid'?"),
        ("loss = 'bce'", "a study has no 'loss'. It belongs into [run] or [grid]"),
        ("samples = 'many'", "samples is 'many'; it must be a whole number"),
        ("samples = 0", "samples is 0; it must be >= 1"),
        ("best = 'low'", "best is 'low'. Did you mean 'lowest'?"),
        ("name = '../x'", "name is '../x'"),
        ("run = 3", "run must be a table"),
        ("[run]\nlos = 'bce'", "[run] has 'los', which is no word of a run. Did you mean 'loss'?"),
        ("[run]\nepochs = 'two'", "[run] epochs is 'two'; it must be a number"),
        ("[run]\nloss = 3", "[run] loss is 3; it must be text"),
        ("[run]\nloss = ['a', 'b']", "[run] loss is a list; several values to be crossed belong into [grid]"),
        ("[run]\nseed = -1", "[run] seed is -1; it must be >= 0"),
        ("[run]\ndevice = 'gpu'", "[run] device is 'gpu'."),
        ("[run]\nepochs = 1\nsteps = 2", "epochs and steps are given; a run has one length"),
        ("[run]\ngenerater.width = 2", "[run] has 'generater.width', which is no word of a run."),
        ("[run]\nloss = './mine.py:Loss'", "nothing that a file names is imported"),
        ("[grid]\nloss = []", "[grid] loss is an empty list, so nothing would run"),
        ("[grid]\nloss = 'a'", "[grid] loss is 'a'; write a list, or put it into [run]"),
        ("[grid]\nseed = [1, 1]", "[grid] seed has seed=1 twice"),
        ("[grid]\nseed = [1, 'x']", "[grid] seed is 'x'; it must be a whole number"),
        ("[run]\nloss = 'a'\n[grid]\nloss = ['b']", "[grid] and [run] both say loss"),
        ("[grid]\nloss = ['b']\n[[case]]\nname = 'x'\nloss = 'a'", "[grid] and case 'x' both say loss"),
        ("[[case]]\nloss = 'a'", "[[case]] 1 has no name"),
        ("[case]\nname = 'a'", "write [[case]] above each"),
        ("[[case]]\nname = 'a'\n[[case]]\nname = 'a'", "two cases are named 'a'"),
        ("[[case]]\nname = 'a'\n[[case]]\nname = 'b'", "the cases 'a' and 'b' are the same"),
        ("[[case]]\nname = 'a'\nlos = 'x'", "case 'a': has 'los'"),
        ("[run", "cannot be read"),
        ('[run]\ngenerator = "a"\ngenerator.width = 3', 'Put options in quotes: "generator.width" = 64'),
    ],
)
def test_mistakes_are_told(tmp_path, text, message):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match=r"there is no absent\.toml"):
        read(Path("absent.toml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_repository_parse(path):
    study = read(path)
    assert study.name == path.stem
    assert study.about
    assert len(study.combinations) > 1


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_of_the_repository_fit(ganzoo, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ganzoo("study", str(path), "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert "refused" not in done.out
    assert list(tmp_path.iterdir()) == []
