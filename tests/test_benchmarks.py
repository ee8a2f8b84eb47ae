"""The benchmarks that others build on: what their clocks count."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from ganzoo.recipe import Part
from ganzoo.zoo.gaussian import RECIPE

FILE = Path(__file__).parents[1] / "benchmarks" / "picture_per_second.py"


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location("picture_per_second", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    yield module
    torch.set_num_threads(threads)


def test_the_clock_of_picture_per_second_counts_training_alone(benchmark, tmp_path, monkeypatch):
    recipe = RECIPE.with_part("callback", ()).with_part("dataset", Part("gaussian", size=1000))
    run = benchmark.prepare(recipe, None, 0, tmp_path)
    now = 0.0

    def spend(seconds: float) -> None:
        nonlocal now
        now += seconds

    play, measured = run.play, benchmark.measured
    monkeypatch.setattr(benchmark.time, "process_time", lambda: now)
    monkeypatch.setattr(run, "play", lambda: (play(), spend(2)))
    monkeypatch.setattr(benchmark, "measured", lambda *given: (spend(100), measured(*given))[1])
    found = [(run.step, *numbers) for numbers in benchmark.marks(run, "kl-histogram", [3, 10])]
    assert [(step, spent) for step, spent, *_ in found] == [(2, 4), (5, 10)]
    assert all(0 < floor < value for *_, value, floor in found)


def test_picture_per_second_tells_seed_system_and_number(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["", "gaussian", "--seconds", "0.01", "--seed", "3"])
    benchmark.main()
    head, titles, line = capsys.readouterr().out.splitlines()
    assert "one thread, seed 3" in head
    assert titles.split() == ["system", "seconds", "steps", "images", "metric", "value", "floor"]
    system, spent, *_, metric, value, floor = line.split()
    assert (system, metric) == ("gaussian", "kl-histogram")
    assert float(spent) >= 0
    assert float(value) > float(floor) > 0
