"""Studies: what is run, what is not run again, and what the leaderboard says."""

import json
import math
import statistics
from pathlib import Path

import pytest
import torch
from tiny_study import STUDY

import ganzoo as library
from ganzoo import storage
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.errors import BusyError, CheckpointError, UsageError
from ganzoo.metrics.kl_histogram import kl_histogram
from ganzoo.studies import job as jobs
from ganzoo.studies import leaderboard
from ganzoo.studies.file import parse
from ganzoo.studies.job import Job, State
from ganzoo.studies.leaderboard import Entry


def stamps(folder: Path) -> dict[str, int]:
    """When every file of the runs was written."""
    files = [path for path in (folder / "runs").rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def numbers(board: leaderboard.Leaderboard) -> dict[str, list[float]]:
    """The score of every seed, by case."""
    return {row.label: row.values(board.score) for row in board.rows}


def test_every_combination_is_trained_and_ranked(here, write):
    board = library.study(write())
    assert [(job.label, job.seed) for job in here.asked] == [
        ("bce", 0),
        ("bce", 1),
        ("hinge", 0),
        ("hinge", 1),
    ]
    assert board.is_complete
    assert board.score == "kl"
    means = [statistics.fmean(values) for values in numbers(board).values()]
    assert means == sorted(means)
    for row in board.rows:
        summary, values = board.summary(row, "kl"), row.values("kl")
        assert (summary.n, summary.best) == (2, min(values))
        assert summary.mean == statistics.fmean(values)
        assert summary.sd == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2))
        assert row.images_per_s > 0
        assert [e.state.images for e in row.entries] == [70, 70]  # 8 steps: twice 10, 10, 10 and 5


def test_a_score_is_the_metric_of_generated_and_real_samples(here, write):
    board = library.study(write())
    entry = board.rows[0].entries[0]
    fake = library.load(Path("runs/tiny/runs", entry.job.name)).sample(15)
    draws = torch.randn(35, 1, generator=torch.Generator().manual_seed(0))  # the data set gaussian
    real, held_out = (half[torch.arange(15) * len(half) // 15] for half in (draws[::2], draws[1::2]))
    assert entry.state.numbers == kl_histogram(real, fake)
    assert entry.state.floors == kl_histogram(real, held_out)


def test_each_run_is_the_one_that_the_command_line_trains(here, write, tmp_path):
    board = library.study(write())
    entry = next(e for row in board.rows for e in row.entries if (row.label, e.job.seed) == ("hinge", 1))
    library.run("tiny", loss="hinge", seed=1, threads=1, out=tmp_path / "alone")
    for name in ("metrics.jsonl", "generator.safetensors", "run.toml"):
        assert (entry.job.directory / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_nothing_is_done_twice(here, write):
    first = library.study(write())
    before, count = stamps(Path("runs/tiny")), len(here.asked)
    again = library.study(write())
    assert (stamps(Path("runs/tiny")), len(here.asked)) == (before, count)
    assert again.to_table() == first.to_table()


def test_changes_only_add_runs(here, write):
    library.study(write())
    before, count = stamps(Path("runs/tiny")), len(here.asked)
    board = library.study(write(STUDY.replace("[0, 1]", "[0, 1, 2]")))
    assert [job.seed for job in here.asked[count:]] == [2, 2]
    assert before.items() <= stamps(Path("runs/tiny")).items()
    assert [len(row.done) for row in board.rows] == [3, 3]
    fewer = library.study(write(STUDY.replace("[0, 1]", "[1]")))
    assert len(here.asked) == count + 2
    assert [len(row.entries) for row in fewer.rows] == [1, 1]


def test_another_name_of_a_case_repeats_nothing(here, write):
    text = "samples = 15\nname = 'tiny'\n[run]\nrecipe = 'tiny'\n[[case]]\nname = '{}'\nloss = 'hinge'"
    library.study(write(text.format("one")))
    board = library.study(write(text.format("other / name")))
    assert len(here.asked) == 1
    assert [row.label for row in board.rows] == ["other / name"]
    assert board.is_complete


def test_other_measures_train_nothing(here, write):
    first = library.study(write())
    before = stamps(Path("runs/tiny"))
    text = STUDY.replace("samples = 15", "samples = 12\nscore = 'kl'").replace('["kl', '["moments", "kl')
    board = library.study(write(text))
    after = stamps(Path("runs/tiny"))
    assert {path for path, stamp in after.items() if before[path] != stamp} == {
        path for path in before if path.endswith("evaluations.jsonl")
    }
    assert board.score == "kl"
    assert "real_mean" in board.numbers
    assert numbers(board) != numbers(first)


def test_a_score_that_was_not_measured(here, write):
    with pytest.raises(UsageError, match="score is 'kll', which was not measured. Did you mean 'kl'?"):
        library.study(write(STUDY.replace("samples", "score = 'kll'\nsamples")))


def test_what_cannot_fit_is_refused_and_the_rest_runs(here, write, ganzoo):
    text = "name = 'tiny'\nsamples = 8\n[run]\nsteps = 2\nbatch = 8\n[grid]\nrecipe = ['tiny', 'cgan']"
    text = text.replace("batch = 8", "batch = 8\ndataset = 'gaussian'\n'dataset.size' = 20")
    done = ganzoo("study", str(write(text)))
    assert done.code == 0
    reason = "generator cgan cannot be used with dataset gaussian: it is conditional"
    reason += " and the data have no labels."
    assert f"cgan is refused: {reason}" in done.err
    assert f"cgan was refused: {reason}" in done.out
    page = Path("runs/tiny/leaderboard.md").read_text()
    assert "| cgan | refused |" in page
    assert f"- cgan was refused: {reason}" in page
    table = json.loads(Path("runs/tiny/leaderboard.json").read_text())
    assert [(row["case"], row["status"]) for row in table["rows"]] == [("tiny", "done"), ("cgan", "refused")]
    assert len(here.asked) == 1


def test_where_nothing_fits_nothing_begins(here, write):
    with pytest.raises(UsageError, match="no case can run. The first, 'cgan': .* the data have no labels"):
        library.study(write("[run]\nrecipe = 'cgan'\ndataset = 'gaussian'"))
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("loss = 'hnge'", "case 'tiny': there is no 'hnge' among the losses. Did you mean 'hinge'?"),
        ("loss.margn = 1", "has no option 'margn'"),
        ("generator.width = 'wide'", "generator gaussian: width is 'wide'; it must be a whole number"),
        ("recipe = 'x'", "there is no 'x' among the recipes"),
    ],
)
def test_a_mistake_begins_nothing(here, write, line, message):
    recipe = "" if line.startswith("recipe") else "recipe = 'tiny'\n"
    with pytest.raises(UsageError) as caught:
        library.study(write(f"[run]\n{recipe}{line}"))
    assert message in str(caught.value)
    assert not Path("runs").exists()


def test_two_cases_that_are_the_same_run(here, write):
    text = "[run]\nrecipe = 'tiny'\n[[case]]\nname = 'a'\n[[case]]\nname = 'b'\nloss = 'bce'"
    with pytest.raises(UsageError, match="the cases 'a' and 'b' are the same run"):
        library.study(write(text))


def test_an_unknown_metric(here, write):
    with pytest.raises(UsageError, match="there is no 'fdi' among the metrics"):
        library.study(write(STUDY.replace("kl-histogram", "fdi")))


def test_a_failing_run_stops_no_other_and_is_tried_again(here, write, ganzoo):
    path = write(STUDY.replace('"hinge"', '"fails"') + '\n"generator.width" = [5]')
    path.write_text(path.read_text().replace("[run]", '[run]\ncheckpoint_every = "1steps"'))
    done = ganzoo("study", str(path))
    assert done.code == 5
    assert "2 runs failed. fails, generator.width=5, seed 0: loss fails of tiny-gan" in done.err
    assert "the fifth step is too much" in done.err
    board = library.study(path, dry_run=True)
    assert [row.status for row in board.rows] == ["done", "2 of 2 failed"]
    broken = board.rows[1].entries[0].job
    assert max(Checkpoints(broken.directory / "checkpoints").steps()) == 4
    assert "2 of 2 failed" in Path("runs/tiny/leaderboard.md").read_text()
    again = library.study(path)  # goes on at step 4; a new loss counts from there
    assert again.is_complete
    assert again.failed == []
    assert (jobs.read(broken).step, jobs.read(broken).images) == (8, 70)


def test_a_metric_that_fails_is_an_error_of_its_run(here, write, install_plugin):
    install_plugin("bad-metric", {"metrics": {"bad": "bad_metric:bad"}}, "def bad(real, fake):\n    1 / 0\n")
    board = library.study(write(STUDY.replace("kl-histogram", "bad")))
    assert {entry.state.code for entry in board.failed} == {5}
    assert "metric bad of bad-metric fails at work: ZeroDivisionError" in board.failed[0].state.error
    repaired = library.study(write())
    assert repaired.is_complete
    assert len({job.name for job in here.asked}) == 4


def test_a_run_begun_but_never_saved_begins_anew(here, write):
    board = library.study(write())
    one = board.rows[0].entries[0].job
    for path in (one.directory / "checkpoints").iterdir():
        path.unlink()
    (one.notes / "state.json").unlink()
    again = library.study(write())
    assert numbers(again) == numbers(board)


def test_a_dry_run_writes_nothing(here, write, ganzoo, tmp_path):
    done = ganzoo("study", str(write()), "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert "4 runs fit, 4 are to be done" in done.out
    assert [path.name for path in tmp_path.iterdir() if path.name != "site"] == ["tiny.toml"]


def test_json_is_the_leaderboard(here, write, ganzoo):
    done = ganzoo("study", str(write()), "--json", "--quiet", "--out", "here")
    assert done.err == ""
    assert json.loads(done.out) == json.loads(Path("here/leaderboard.json").read_text())
    assert Path("here/leaderboard.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.write_text(""), "is a file"),
        (lambda path: (path.mkdir(), (path / "run.toml").write_text("")), "is a run directory"),
        (lambda path: (path.mkdir(), (path / "thesis.tex").write_text("")), "holds other files"),
    ],
)
def test_directories_that_are_not_those_of_a_study(here, write, tmp_path, prepare, message):
    prepare(tmp_path / "taken")
    with pytest.raises(UsageError, match=message):
        library.study(write(), out=tmp_path / "taken")


@pytest.mark.parametrize(
    ("given", "message"), [({"workers": 0}, "at least 1"), ({"on": "mars"}, "--on mars")]
)
def test_words_that_mean_nothing(here, write, given, message):
    with pytest.raises(UsageError, match=message):
        library.study(write(), **given)


def test_two_studies_do_not_share_a_directory(here, write, tmp_path):
    library.study(write())
    with storage.lock(Path("runs/tiny")), pytest.raises(BusyError):
        library.study(write())


def test_a_damaged_state_is_told(here, write):
    board = library.study(write())
    (board.rows[0].entries[0].job.notes / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        library.study(write())


def board_of(best: str, scores: dict[str, list[float]], **given: str) -> leaderboard.Leaderboard:
    study = parse({"best": best, "grid": {"loss": [*scores, *given]}})
    entries = []
    for label, values in scores.items():
        for seed, value in enumerate(values):
            one = Job(
                name="",
                label=label,
                title="",
                seed=seed,
                steps=1,
                study="",
                recipe={"dataset": {"name": label.partition(" on ")[2]}},
                run={},
                metrics=("m",),
                samples=5,
            )
            state = State(
                trained=True,
                measured=one.measure,
                numbers={"m": value},
                floors={"m": 0.5},
                seconds=2.0,
                images=100,
            )
            entries.append(Entry(one, state))
    return leaderboard.of(study, Path(), entries, given)


@pytest.mark.parametrize(
    ("best", "order"),
    [("lowest", ["a", "b", "nan", "none", "no"]), ("highest", ["b", "a", "nan", "none", "no"])],
)
def test_the_best_mean_comes_first_and_what_has_none_last(best, order):
    scores = {"none": [], "b": [3.0, 5.0], "nan": [1.0, math.nan], "a": [0.0, 4.5]}
    board = board_of(best, scores, no="it does not fit")
    assert [row.label for row in board.rows] == order
    a = next(row for row in board.rows if row.label == "a")
    assert board.summary(a, "m").best == (0.0 if best == "lowest" else 4.5)
    winner = "0" if best == "lowest" else "4.5"
    assert board.cells(a) == ["a", "2", "2.25", "3.182", winner, "0.5", "2.0 s", "50"]
    assert json.loads(json.dumps(board.to_table(), allow_nan=False))


def test_cases_are_ranked_within_their_data_set():
    scores = {"a on x": [3.0], "b on y": [1.0], "c on x": [2.0], "d on y": [9.0]}
    board = board_of("lowest", scores)
    assert [row.label for row in board.rows] == ["c on x", "a on x", "b on y", "d on y"]
    assert any("lowest m first within each data set" in remark for remark in board.remarks())
    assert not any("within" in remark for remark in board_of("lowest", {"a": [1.0]}).remarks())


def test_a_pipe_in_a_name_does_not_break_the_table():
    lines = board_of("lowest", {"a|b": [1.0]}).markdown().splitlines()
    assert "| a\\|b | 1 | 1 |  | 1 | 0.5 | 2.0 s | 50 |" in lines
