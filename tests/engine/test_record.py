"""Records: means over the steps since the last one, written as JSON lines."""

import json
import math

import pytest
import torch

from ganzoo.engine.record import Metrics, Window
from ganzoo.errors import CheckpointError
from ganzoo.recipe import Part

from .small import ready


class Means:
    """A game that reports the mean of every statistic."""

    def summary(self, stats):
        return {name: values.mean() for name, values in stats.items()}


def test_a_window_is_the_mean_of_its_steps():
    window = Window()
    for step, (loss, scores) in enumerate([(1.0, [1.0, 2.0]), (2.0, [6.0]), (6.0, [3.0, 4.0, 8.0])]):
        window.add({"loss": torch.tensor(loss), "scores": torch.tensor(scores)}, step)
    assert window.summary(Means()) == pytest.approx({"loss": 3.0, "scores": 4.0})


def test_a_window_is_empty_after_it_was_cleared():
    window = Window()
    window.add({"loss": torch.tensor(1.0)}, 0)
    window.clear()
    window.add({"loss": torch.tensor(5.0)}, 1)
    assert window.summary(Means()) == {"loss": 5.0}


def test_a_window_goes_on_from_its_state():
    whole, first, second = Window(), Window(), Window()
    for step, value in enumerate([1.0, 4.0, 10.0]):
        whole.add({"loss": torch.tensor(value)}, step)
        (first if step < 2 else second).add({"loss": torch.tensor(value)}, step)
    resumed = Window()
    resumed.load_state_dict(first.state_dict())
    resumed.add({"loss": torch.tensor(10.0)}, 2)
    assert resumed.summary(Means()) == whole.summary(Means())


def test_the_first_bad_statistic_is_named():
    window = Window()
    window.add({"loss": torch.tensor(1.0), "scores": torch.tensor([1.0])}, 1)
    assert window.first_not_finite() is None
    window.add({"loss": torch.tensor(1.0), "scores": torch.tensor([0.0, math.inf])}, 2)
    window.add({"loss": torch.tensor(math.nan), "scores": torch.tensor([1.0])}, 3)
    assert window.first_not_finite() == (2, "scores", math.inf)


def test_metrics_are_lines_of_json(tmp_path):
    metrics = Metrics(tmp_path / "metrics.jsonl")
    assert (metrics.size, metrics.read()) == (0, [])
    metrics.write({"step": 1, "loss": 0.1})
    metrics.write({"step": 2, "loss": math.nan})
    lines = metrics.path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": None}]
    assert metrics.size == metrics.path.stat().st_size
    with metrics.path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert len(metrics.read()) == 2


@pytest.mark.parametrize("line", ["[1]", '{"a": "b"}', "{nonsense}"])
def test_a_line_that_is_no_record(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_text(line + "}\n" if line == "[1]" else line + "\n")
    with pytest.raises(CheckpointError):
        Metrics(tmp_path / "metrics.jsonl").read()


@pytest.mark.parametrize(
    ("every", "expected"), [(1, [1, 2, 3, 4, 5, 6]), (2, [2, 3, 5, 6]), (3, [3, 6]), (100, [3, 6])]
)
def test_records_are_written_every_so_many_steps_and_at_the_end_of_an_epoch(tmp_path, every, expected):
    run = ready(
        tmp_path, record_every_steps=every, dataset=Part("standin:points", size=12), batch=4, epochs=2
    )
    for _ in range(6):
        run.play()
    assert [record["step"] for record in run.metrics.read()] == expected
    assert [record["images"] for record in run.metrics.read()] == [4 * step for step in expected]


def test_a_record_is_the_mean_over_its_steps(tmp_path):
    records = []
    for every in (1, 3):
        folder = tmp_path / str(every)
        folder.mkdir()
        run = ready(folder, record_every_steps=every, dataset=Part("standin:points", size=12), batch=4)
        for _ in range(3):
            run.play()
        records.append(run.metrics.read())
    (whole,) = records[1]
    for name in ("d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", "g_accuracy"):
        assert whole[name] == pytest.approx(sum(r[name] for r in records[0]) / 3, rel=1e-6)
