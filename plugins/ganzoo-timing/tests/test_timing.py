"""The lines that are written, what the command makes of them, and that both only listen."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from ganzoo_timing import FILE, Timing, command

import ganzoo
from ganzoo.errors import DataError, UsageError
from ganzoo.testing import contract, contract_of

TIMED = {"callback": "timing", "threads": 1}


def train(directory: Path, steps: int = 25, **given: object) -> None:
    """A short run of the smallest GAN."""
    ganzoo.run("gaussian", "gaussian", out=directory, steps=steps, **{**TIMED, **given})


def lines(directory: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (directory / FILE).read_text().splitlines()]


def show(directory: Path, *options: str) -> str:
    done = CliRunner().invoke(command, [str(directory), *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_each_line_counts_the_steps_since_the_last(tmp_path: Path) -> None:
    train(tmp_path / "run", set={"callback.timing.every_steps": 10})
    found = lines(tmp_path / "run")
    assert [(line["step"], line["steps"]) for line in found] == [(10, 10), (20, 10), (25, 5)]
    assert all(line["seconds"] > 0 for line in found)


def test_seconds_are_those_between_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0, 107.0])
    monkeypatch.setattr("ganzoo_timing.time.perf_counter", lambda: next(clock))

    class Run:
        directory, step = tmp_path, 0

    timing, run = Timing(every_steps=4), Run()
    timing.run_start(run)
    for run.step in range(1, 7):
        timing.step_end(run)
    timing.run_end(run)
    assert [line["seconds"] for line in lines(tmp_path)] == [2.0, 5.0]
    shown = show(tmp_path).splitlines()
    assert [row.split()[:3] for row in shown] == [
        ["step", "seconds", "steps/s"],
        ["4", "2.00", "2.0"],
        ["6", "5.00", "0.4"],
    ]
    assert [row.count("#") for row in shown] == [0, 40, 8]


def test_a_run_that_goes_on_withdraws_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    train(tmp_path / "run", steps=4, set={"callback.timing.every_steps": 2})
    with (tmp_path / "run" / FILE).open("a") as file:
        file.write('{"step": 6, "steps": 2, "seconds": 9.0}\n')  # as after a crash
    ganzoo.resume(tmp_path / "run", steps=8, threads=1)
    assert [line["step"] for line in lines(tmp_path / "run")] == [2, 4, 6, 8]
    assert max(line["seconds"] for line in lines(tmp_path / "run")) < 9


def test_the_run_is_the_same_without_it(tmp_path: Path) -> None:
    train(tmp_path / "timed")
    train(tmp_path / "plain", callback=())
    for name in ("generator.safetensors", "metrics.jsonl"):
        assert (tmp_path / "timed" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_json(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"step": 10, "steps": 10, "seconds": 4.0}\n')
    (line,) = json.loads(show(tmp_path, "--json"))
    assert line == {"step": 10, "steps": 10, "seconds": 4.0, "steps_per_s": 2.5}


def test_a_run_that_was_not_timed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Train with: ganzoo run ... --callback timing"):
        show(tmp_path)


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("half a li\n")
    with pytest.raises(DataError, match="Remove that line"):
        show(tmp_path)


@pytest.mark.parametrize(*contract_of("ganzoo-timing"))
def test_contract(kind: str, name: str, check: str) -> None:
    contract(kind, name, check)
