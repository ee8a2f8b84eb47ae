"""Studies in processes: killed, interrupted and gone on with, they end as if nobody had disturbed them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_study import ENTRY_POINTS, SOURCE

from ganzoo.engine.checkpoint import Checkpoints

pytestmark = pytest.mark.slow

LONG = """
name = "tiny"
metrics = ["kl-histogram"]
samples = 15

[run]
recipe = "tiny"
steps = 1500
checkpoint_every = "100steps"
record_every_steps = 1000

[grid]
loss = ["bce", "hinge"]
seed = [0]
"""
IMAGES = 13_125  # 1,500 steps of 10, 10, 10 and 5

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin, for the path of other processes."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "tiny_gan-1.0.dist-info"
    info.mkdir()
    groups = [
        f"[ganzoo.{kind}]\n{name} = {value}"
        for kind, of in ENTRY_POINTS.items()
        for name, value in of.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-gan\nVersion: 1.0\n")
    (folder / "tiny_gan.py").write_text(SOURCE)
    return folder


def begin(site: Path, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `ganzoo study` in a process of its own."""
    command = [sys.executable, "-m", "ganzoo", "study", "tiny.toml", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(site), "CUDA_VISIBLE_DEVICES": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=variables, text=True, **pipes)


@pytest.fixture
def start(site: Path, tmp_path: Path) -> Iterator[Start]:
    """Start studies that do not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def one(*arguments: str) -> "subprocess.Popen[str]":
        started.append(begin(site, tmp_path, *arguments))
        return started[-1]

    yield one
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def wait_for(what: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def states(folder: Path) -> dict[str, dict[str, object]]:
    """What is known of every run, by loss."""
    found = {}
    for path in folder.glob("notes/*/state.json"):
        found[path.parent.name.partition("-")[0]] = json.loads(path.read_text())
    return found


def is_training(folder: Path, count: int = 2) -> bool:
    """Whether so many runs have come to a checkpoint."""
    saved = [Checkpoints(path / "checkpoints").steps() for path in folder.glob("runs/*")]
    return sum(bool(steps) and max(steps) >= 100 for steps in saved) >= count


def children(process: subprocess.Popen[str]) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(word) for word in path.read_text().split()]


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def scores(folder: Path) -> dict[str, object]:
    rows = json.loads((folder / "leaderboard.json").read_text())["rows"]
    return {row["case"]: row["numbers"] for row in rows}


@pytest.fixture(scope="module")
def whole(site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The numbers of a study that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.toml").write_text(LONG)
    code, _, err = finish(begin(site, folder, "--workers", "2"))
    assert code == 0, err
    return scores(folder / "runs" / "tiny")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_kill_nine_loses_and_repeats_nothing(start, write, whole):
    folder = write(LONG).parent / "runs" / "tiny"
    killed = start("--workers", "2")
    wait_for(lambda: is_training(folder))
    working = children(killed)
    killed.kill()
    wait_for(lambda: not any(map(is_alive, working)))  # they notice, save and go
    seen = states(folder)
    assert len(working) == len(seen) == 2
    assert all(0 < state["step"] < 1500 and not state["trained"] for state in seen.values())
    code, _, err = finish(start("--workers", "2"))
    assert code == 0, err
    assert scores(folder) == whole
    # Every step was played once: both runs went on where they had saved.
    assert [state["images"] for state in states(folder).values()] == [IMAGES, IMAGES]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_ctrl_c_saves_every_run(start, write, whole):
    folder = write(LONG).parent / "runs" / "tiny"
    stopped = start("--workers", "2")
    wait_for(lambda: is_training(folder))
    working = children(stopped)
    stopped.send_signal(signal.SIGINT)
    code, _, err = finish(stopped)
    assert code == 130
    assert "ganzoo: stopped, all runs are saved; continue with: ganzoo study tiny.toml" in err
    assert not any(map(is_alive, working))
    assert "0 of 1 done" in (folder / "leaderboard.md").read_text()
    code, _, err = finish(start("--workers", "1"))
    assert code == 0, err
    assert scores(folder) == whole
    assert [state["images"] for state in states(folder).values()] == [IMAGES, IMAGES]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_process_that_dies_stops_no_other(start, write, whole):
    folder = write(LONG).parent / "runs" / "tiny"
    study = start("--workers", "2")
    wait_for(lambda: is_training(folder))
    os.kill(children(study)[0], signal.SIGKILL)
    code, _, err = finish(study)
    assert code == 1
    assert "1 run failed." in err
    assert "its process was killed by signal 9" in err
    assert sorted(state["trained"] for state in states(folder).values()) == [False, True]
    code, _, err = finish(start("--workers", "2"))
    assert code == 0, err
    assert scores(folder) == whole


def test_a_failing_part_is_reported_with_its_error(start, write):
    write(LONG.replace('"hinge"', '"fails"').replace("1500", "10"))
    code, out, err = finish(start("--workers", "2"))
    assert code == 5
    assert "the fifth step is too much" in err
    assert "1 of 1 failed" in out
    assert "Traceback" not in err


def test_on_ray_the_numbers_are_the_same(start, write, whole):
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = write(LONG).parent / "runs" / "tiny"
    code, _, err = finish(start("--on", "ray", "--workers", "2"))
    assert code == 0, err
    assert scores(folder) == whole


def test_ctrl_c_on_ray_saves_every_run(start, write, whole):
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = write(LONG).parent / "runs" / "tiny"
    stopped = start("--on", "ray", "--workers", "2")
    wait_for(lambda: is_training(folder))
    stopped.send_signal(signal.SIGINT)
    code, _, err = finish(stopped)
    assert code == 130, err
    code, _, err = finish(start("--workers", "2"))
    assert code == 0, err
    assert scores(folder) == whole
    assert [state["images"] for state in states(folder).values()] == [IMAGES, IMAGES]
