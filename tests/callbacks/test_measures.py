"""The callbacks that measure and draw curves: what they record, and what they draw after a resume."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import ganzoo
from ganzoo.callbacks import curves, density, probabilities
from ganzoo.engine.run import Run
from ganzoo.errors import DivergedError, ResourceError
from ganzoo.metrics.kl_histogram import kl_histogram
from ganzoo.metrics.moments import moments

from .small import train


def having(run: Run, name: str) -> list[dict[str, float]]:
    return [record for record in run.metrics.read() if name in record]


def test_probabilities_are_those_of_the_test_samples_after_every_epoch(tmp_path: Path) -> None:
    made = train(tmp_path / "run", "probabilities", recipe="cgan")
    records = having(made, "p_real")
    assert [record["epoch"] for record in records] == [1, 2, 3]
    test = made.dataset.load("test")
    assert test is not None
    made.game.discriminator.eval()
    with torch.no_grad():
        real = made.game.score(test.values.float() * (2 / 255) - 1, test.labels).sigmoid().mean()
        fake = made.game.score(made.generate(40, test.labels), test.labels).sigmoid().mean()
    assert records[-1]["p_real"] == pytest.approx(real.item(), abs=1e-6)
    assert records[-1]["p_fake"] == pytest.approx(fake.item(), abs=1e-6)


def test_scores_that_are_no_probabilities_are_called_scores(tmp_path: Path) -> None:
    made = train(tmp_path / "run", "probabilities", loss="wasserstein")
    assert having(made, "p_real") == []
    assert len(having(made, "score_real")) == 3
    assert (made.directory / "plots/probabilities.png").exists()


def test_a_run_shorter_than_an_epoch_is_measured_once_at_its_end(tmp_path: Path) -> None:
    made = train(tmp_path / "run", "probabilities", length={"steps": 1})
    assert [record["step"] for record in having(made, "p_real")] == [1]


def test_large_samples_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = train(tmp_path / "run")
    monkeypatch.setattr(probabilities, "MOST_VALUES", 100)
    assert probabilities.Probabilities(samples=10).count(made) == 3


@pytest.mark.parametrize(
    ("callback", "dataset", "name"), [("probabilities", "labelled", "p_real"), ("density", "vectors", "kl")]
)
def test_records_and_plots_after_a_resume_are_those_of_an_uninterrupted_run(
    tmp_path: Path, callback: str, dataset: str, name: str
) -> None:
    options: dict[str, Any] = {"every_epochs": 2.0}
    whole = train(tmp_path / "whole", callback, dataset, length={"epochs": 5}, **options)
    train(tmp_path / "parts", callback, dataset, length={"epochs": 3}, **options)
    typed = {"dataset": f"callbacks.small:{dataset}"}
    parts = ganzoo.resume(tmp_path / "parts", epochs=5, typed=typed)
    assert [record["epoch"] for record in having(parts, name)] == [2, 4, 5]
    assert parts.metrics.path.read_bytes() == whole.metrics.path.read_bytes()
    plots = sorted(path.name for path in (whole.directory / "plots").iterdir())
    assert plots
    for plot in plots:
        assert (parts.directory / "plots" / plot).read_bytes() == (
            whole.directory / "plots" / plot
        ).read_bytes()


def test_the_divergence_and_the_moments_are_those_of_the_metrics(tmp_path: Path) -> None:
    made = train(
        tmp_path / "run", "density", "vectors", every_epochs=2.0, count=30, set={"dataset.features": 1}
    )
    real, fake = made.real(30)[0], made.generate(30)
    assert [record["epoch"] for record in having(made, "kl")] == [2, 3]
    assert having(made, "kl")[-1]["kl"] == kl_histogram(real, fake)["kl"]
    last = made.metrics.read()[-1]
    assert {name: last[name] for name in moments(real, fake)} == pytest.approx(moments(real, fake))


def test_the_kernel_density_is_that_of_scipy() -> None:
    values, at = np.random.default_rng(0).normal(size=200), np.linspace(-4, 4, 50)
    found = density.kernel_density(values, at, narrowest=1e-9)
    assert found == pytest.approx(stats.gaussian_kde(values, "scott")(at), rel=1e-12)


def test_the_kernel_density_of_one_value_is_a_narrow_peak() -> None:
    found = density.kernel_density(np.zeros(5), np.array([0.0, 1.0]), narrowest=0.1)
    assert found == pytest.approx([1 / (0.1 * np.sqrt(2 * np.pi)), 0], abs=1e-9)


def test_of_very_many_values_some_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "MOST_VALUES", 4)
    assert density.values_of(torch.arange(10.0).view(5, 2)).tolist() == [0, 2, 5, 7]


def write_records(run: Run, records: list[dict[str, float | None]]) -> None:
    lines = [json.dumps({"step": i + 1, "images": 20 * (i + 1), **r}) for i, r in enumerate(records)]
    run.metrics.path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("count", [1, 2, 150, 2000])
def test_curves_of_any_length_and_of_any_game_are_drawn(tmp_path: Path, count: int) -> None:
    made = train(tmp_path / "run")
    write_records(
        made, [{"d_loss": 1.0 / (i + 1), "encoder_loss": None if i == 1 else 2.0} for i in range(count)]
    )
    curves.Curves().draw(made)
    assert (made.directory / "plots/losses.png").exists()


def test_without_losses_there_is_nothing_to_draw(tmp_path: Path) -> None:
    made = train(tmp_path / "run")
    write_records(made, [{"kl": 1.0}])
    curves.Curves().draw(made)
    assert not (made.directory / "plots/losses.png").exists()


def test_panels_show_what_was_recorded() -> None:
    records = [{"step": 1, "d_loss": 1.0, "q_loss": 1.0, "d_real": 0.5, "d_fake": 0.5, "d_accuracy": 1.0}]
    panels = curves.panels_of(records, few_steps=True)
    assert list(panels.values()) == [["d_loss", "q_loss"], ["d_real", "d_fake"], ["d_accuracy"]]
    assert "accuracy" not in curves.panels_of(records, few_steps=False)
    scores = curves.panels_of([{"g_loss": 1.0, "real_score": 0.0, "fake_score": 0.0}], few_steps=True)
    assert list(scores.values()) == [["g_loss"], ["real_score", "fake_score"]]


def test_curves_are_redrawn_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "SECONDS", 0)
    drawn: list[int] = []
    monkeypatch.setattr(curves.Curves, "draw", lambda self, run: drawn.append(run.step))
    train(tmp_path / "run", "curves")
    assert drawn == [1, 2, 3, 4, 5, 6, 6]


def test_after_a_divergence_the_curves_are_drawn_and_after_a_full_disk_nothing_is(tmp_path: Path) -> None:
    made = train(tmp_path / "run")
    for error, expected in ((ResourceError("full"), False), (DivergedError("NaN"), True)):
        curves.Curves().run_end(run=made, error=error)
        assert (made.directory / "plots/losses.png").exists() == expected


def test_a_running_mean_follows_a_line() -> None:
    values = np.linspace(0, 1, 200)
    assert curves.smoothed(values)[10:-10] == pytest.approx(values[10:-10])
    assert len(curves.smoothed(values)) == 200
