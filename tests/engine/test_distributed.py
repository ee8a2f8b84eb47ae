"""Several ranks play one run: as one rank would, and nothing is lost when one of them goes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine import ranks
from ganzoo.engine import launch
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.distributed import Group, buckets
from ganzoo.engine.whole_batch import WholeBatchNorm, is_mean, with_whole_batch_norm
from ganzoo.errors import ResourceError, UsageError
from ganzoo.losses import BCE, Hinge, LeastSquares, Paper, Relativistic, SmoothedBCE, Wasserstein

WATCHED = """
[recipe]
record_every_steps = 3

[[recipe.callback]]
name = "health"
patience_steps = 1
every_steps = 4

[[recipe.callback]]
name = "samples"
every_epochs = 1.0

[[recipe.callback]]
name = "evaluate"
every_steps = 5
count = 20
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two ranks have left of everything they do; a run of one rank lies there for them to go on with."""
    made = tmp_path_factory.mktemp("ranks")
    (made / "config.toml").write_text("[recipe]\ncallback = []\nrecord_every_steps = 3\n")
    (made / "watched.toml").write_text(WATCHED)
    assert ranks.train(made, "bce", out=made / "one", steps=6) == "done"
    ranks.start(made)
    return made


def told(folder: Path, what: str) -> list[str]:
    return [json.loads((folder / f"told-{rank}.json").read_text())[what] for rank in range(2)]


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a)


def records(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


PLAYED = [*((name, "float64", 1e-9) for name in ranks.CASES)]
PLAYED += [(name, "float32", 1e-6) for name in ("vanilla", "gaussian")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision", "most"), PLAYED)
def test_two_ranks_play_as_one(folder, tmp_path, name, precision, most):
    """Weights, buffers, the average and every number of metrics.jsonl after 20 steps."""
    alone = ranks.play(name, tmp_path, Group(), precision)
    left = folder / alone.directory.name
    first, second, one = (
        load_file(path / f"weights-{rank}") for path, rank in ((left, 0), (left, 1), (alone.directory, 0))
    )
    assert furthest(first, second) == 0
    assert furthest(first, one) < most
    ours, theirs = records(left), records(alone.directory)
    assert len(ours) == len(theirs) >= 6
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=most, rel=most)


@pytest.mark.slow
def test_a_run_of_two_ranks_goes_on_with_one_and_the_other_way_round(folder, tmp_path):
    assert told(folder, "done") == ["done"] * 2
    one, two = (Checkpoints(folder / name / "checkpoints").load() for name in ("one", "two"))
    assert (one["environment"]["ranks"], two["environment"]["ranks"]) == (2, 2)  # `one` has gone on with two
    assert one["step"] == 12
    assert two["step"] == 6
    said = "not bit-exact: ranks 2 instead of 1"
    assert told(folder, "resumed") == [said, ""]  # rank 0 has the callbacks
    assert ranks.resume(folder, "two", 12) == "not bit-exact: ranks 1 instead of 2"
    numbers = [records(folder / name) for name in ("one", "two")]
    for mine, other in zip(*numbers, strict=True):
        assert mine == pytest.approx(other, abs=1e-4)


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_all_at_the_same_step(folder):
    ends = told(folder, "stopped")
    assert ends[0] == ends[1]
    assert ends[0].startswith("Terminated: stopped at step ")
    step = Checkpoints(folder / "stopped" / "checkpoints").load()["step"]
    assert 0 < step < 30
    assert f"stopped at step {step}, saved" in ends[0]


@pytest.mark.slow
def test_a_number_that_is_not_finite_on_one_rank_stops_all(folder):
    ends = told(folder, "diverged")
    assert [end.partition(":")[0] for end in ends] == ["DivergedError"] * 2
    assert Checkpoints(folder / "diverged" / "checkpoints").load()["step"] == 0


@pytest.mark.slow
def test_all_ranks_roll_back_together(folder):
    assert told(folder, "rollback") == ["done"] * 2
    tree = Checkpoints(folder / "rollback" / "checkpoints").load()
    assert (tree["step"], tree["rollbacks"]) == (30, 1)


@pytest.mark.slow
def test_callbacks_see_the_same_run(folder):
    """Numbers, measures, warnings and pictures of two ranks are those of one."""
    assert told(folder, "watched") == ["done"] * 2
    assert ranks.watch(folder, "watched by one") == "done"
    one, two = folder / "watched by one", folder / "watched by two"
    for mine, other in zip(records(one), records(two), strict=True):
        assert mine == pytest.approx(other, abs=1e-4, rel=1e-3)
    assert any("measured_on" in record for record in records(two))
    names = [sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()) for path in (one, two)]
    assert names[0] == names[1]
    assert "best.safetensors" in names[0]


@pytest.mark.slow
def test_a_batch_smaller_than_the_ranks_is_refused(folder):
    expected = "UsageError: the smallest batch of an epoch has 1 samples for 2 ranks."
    assert all(end.startswith(expected) for end in told(folder, "few"))


def command(folder: Path, loss: str, *more: str) -> list[str]:
    names = ("run", "fashion", "standin:points", "--loss", loss, "--config", str(folder / "config.toml"))
    small = ("--set", "generator.width=8", "--set", "discriminator.width=8", "--batch", "8", "--steps", "40")
    return ["-m", "ganzoo", *names, *small, "--device", "cpu", "--checkpoint-every", "2steps", *more]


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=ranks.environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.terminate()  # the launcher ends its ranks
        pytest.fail(process.communicate()[1])
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("[recipe]\ncallback = []\n")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "code", "said"),
    [
        ("Killed", 7, "ganzoo: rank 1 was killed by SIGKILL."),
        ("Broken", 5, "ganzoo: rank 1: loss engine.ranks:Broken failed"),
        ("Stopped", 143, "ganzoo: stopped at step"),
        ("Failing", 0, "run trains in"),
    ],
)
def test_the_short_way(place, loss, code, said):
    """`--ranks 2`: one message, the usual exit code, nothing left running, and a checkpoint that loads."""
    note = place / "killed-at"
    arguments = command(place, f"engine.ranks:{loss}", "--ranks", "2", "--out", str(place / "run"))
    done = run(*arguments, KILLED_AT=str(note))
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert done.stderr.count(said) == 1, done.stderr
    if loss == "Killed":
        assert time.time() - float(note.read_text()) < 20
    saved = Checkpoints(place / "run" / "checkpoints").load()["step"]
    assert saved == 40 if code == 0 else 2 <= saved <= 11
    assert done.stdout.count(" images, in ") == (code == 0)
    assert children_of(str(place / "run")) == []


def children_of(word: str) -> list[str]:
    """Processes that have a word among their arguments."""
    if not sys.platform.startswith("linux"):
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        found += [entry.name] if word in words and entry.name != str(os.getpid()) else []
    return found


@pytest.mark.slow
def test_an_elastic_restart_goes_on_from_the_last_checkpoint(place):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    arguments = command(place, "engine.ranks:Killed", "--out", str(place / "run"))
    done = run(*launcher, *arguments, KILLED_AT=str(place / "killed-at"))
    assert done.returncode == 0, done.stderr
    assert "goes on from step" in done.stderr
    assert Checkpoints(place / "run" / "checkpoints").load()["step"] == 40


# What follows needs one process.


@pytest.mark.parametrize("count", [4, 5, 7, 200])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_rows_are_split_evenly_and_completely(count, size):
    taken = []
    for rank in range(size):
        group = Group(rank, size)
        with group.step(count, 1, torch.device("cpu")) as rows:
            taken += range(count)[rows]
            share = group.weigh(torch.tensor(1.0)).item()
            assert share == pytest.approx((rows.stop - rows.start) / count)
            assert (rows.stop - rows.start) in (count // size, -(-count // size))
        assert group.rows is None
    assert taken == list(range(count))


@pytest.mark.parametrize("times", [1, 2])
def test_noise_is_that_of_the_whole_batch(times):
    def draw(count, source):
        return torch.randn(count, 3, generator=source)

    with Group().step(7, 5, torch.device("cpu")):
        whole = Group().draw(7 * times, draw).view(times, 7, 3)
    for rank in range(2):
        group = Group(rank, 2)
        with group.step(7, 5, torch.device("cpu")) as rows:
            torch.rand(rank + 1)  # what a network draws for its rows does not shift the noise of others
            mine = group.draw(times * (rows.stop - rows.start), draw)
        assert torch.equal(mine, whole[:, rows].flatten(0, 1))


def test_ranks_draw_different_masks():
    masks = []
    for rank in range(2):
        with Group(rank, 2).step(4, 5, torch.device("cpu")):
            masks.append(torch.rand(8))
    assert not torch.equal(*masks)


def test_a_group_of_one_leaves_everything_as_it_is():
    group, x = Group(), torch.ones(3)
    with group.step(3, 0, torch.device("cpu")) as rows:
        assert rows is None
        assert group.weigh(x) is x
        assert group.whole(x) is x
        assert group.sum_gradients([x, None])[0] is x
    assert group.gather([x]) == [[x]]
    assert (group.highest(3), group.any(True), group.any(False), group.tell(b"a")) == (3, True, False, b"a")
    network = nn.Sequential(nn.BatchNorm1d(3))
    assert type(with_whole_batch_norm(network, group)[0]) is nn.BatchNorm1d


def test_batch_norm_keeps_its_names_and_is_ordinary_between_steps():
    norm = nn.BatchNorm1d(3, momentum=0.3)
    network = nn.Sequential(nn.Linear(3, 3), norm, nn.Sequential(norm))
    before, names = network(torch.eye(3)), list(network.state_dict())
    norm.reset_running_stats()
    made = with_whole_batch_norm(network, Group(1, 2))
    assert isinstance(made[1], WholeBatchNorm)
    assert made[2][0] is made[1]
    assert list(made.state_dict()) == names
    assert torch.equal(made(torch.eye(3)), before)
    with pytest.raises(ValueError, match="4 dimensions"):
        made[1](torch.ones(2, 3, 1, 1))


@pytest.mark.parametrize(
    ("loss", "mean"),
    [
        *((loss(), True) for loss in (Paper, BCE, SmoothedBCE, Hinge, LeastSquares, Wasserstein)),
        (Relativistic(), True),
        (Relativistic(form="average"), False),
        (ranks.Balanced(), False),
    ],
)
def test_which_losses_are_told_the_scores_of_all_ranks(loss, mean):
    assert is_mean(loss) is mean


def test_buckets_hold_neighbours_of_one_type():
    small, other = torch.zeros(10), torch.zeros(10, dtype=torch.float64)
    found = buckets([small, small, other, small, small, small], most_bytes=80)
    assert [len(bucket) for bucket in found] == [2, 1, 2, 1]
    assert [len(bucket) for bucket in buckets([torch.zeros(100)] * 2, most_bytes=80)] == [1, 1]
    assert buckets([]) == []


ADDRESS = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "a", "MASTER_PORT": "1"}


def test_what_torchrun_says():
    assert launch.place({}) == launch.place({"RANK": "3"}) == launch.Place()
    assert launch.place(ADDRESS) == launch.Place(1, 4, 1, 4, 0)
    more = {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RESTART_COUNT": "3"}
    assert launch.place({**ADDRESS, **more}) == launch.Place(1, 4, 0, 2, 3)
    for wrong in ({"RANK": "one"}, {"RANK": "4"}):
        with pytest.raises(UsageError, match="the environment names"):
            launch.place({**ADDRESS, **wrong})


@pytest.mark.parametrize("given", ["0", "-1", "two"])
def test_ranks_must_be_a_number_of_processes(ganzoo, given):
    done = ganzoo("run", "gaussian", "gaussian", "--ranks", given)
    assert done.code == 2
    assert "'--ranks'" in done.err


def test_more_gpus_than_there_are(ganzoo, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    done = ganzoo("run", "gaussian", "gaussian", "--ranks", "2", "--out", str(tmp_path / "run"))
    assert (done.code, "--ranks 1, or --device cpu" in done.err) == (2, True)


def test_ranks_within_torchrun(ganzoo, monkeypatch, tmp_path):
    for name, value in ADDRESS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RANK", "0")
    done = ganzoo("run", "gaussian", "gaussian", "--ranks", "2", "--out", str(tmp_path / "run"))
    assert (done.code, "Leave it out" in done.err) == (2, True)


def test_a_restart_needs_to_know_the_directory(ganzoo, monkeypatch):
    for name, value in {**ADDRESS, "RANK": "0", "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    done = ganzoo("run", "gaussian", "gaussian")
    assert (done.code, "start with --out DIR" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ({0: 7, 1: 5}, 5),
        ({0: -15, 1: 6}, 6),
        ({0: 143, 1: 143}, 143),
        ({1: -15}, 143),
        ({0: 7, 1: 143}, 7),
        ({0: 143, 1: 3}, 3),
    ],
)
def test_the_reason_counts_and_not_what_follows(failures, code):
    assert launch._exit_code(failures) == code


def test_a_killed_rank_is_named():
    with pytest.raises(ResourceError, match="rank 1 was killed by SIGKILL"):
        launch._exit_code({0: 7, 1: -9})
