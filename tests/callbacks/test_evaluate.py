"""Measures on the way, and the best generator kept."""

from dataclasses import replace

import pytest
import torch

import ganzoo
from callbacks.small import listen, train
from ganzoo import extractors
from ganzoo.callbacks.evaluate import FILE
from ganzoo.errors import MisfitError, UsageError
from ganzoo.reference import Reference

GIVEN = {"extractor": "values", "count": 20}


def scripted(monkeypatch, values):
    """Let the measures be these numbers, one after the other, with the floor 1."""
    left = list(values)
    monkeypatch.setattr(Reference, "floor", lambda self, metrics: {"m": {"frechet": 1.0}})
    monkeypatch.setattr(Reference, "measure", lambda self, metrics, fake: {"m": {"frechet": left.pop(0)}})


def test_it_changes_no_weight(tmp_path):
    watched = train(tmp_path / "watched", "evaluate", every_steps=1, **GIVEN)
    alone = train(tmp_path / "alone")
    for name, network in watched.game.players.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, alone.game.players[name].state_dict()[key]), (name, key)
    files = [(tmp_path / name / "generator.safetensors").read_bytes() for name in ("watched", "alone")]
    assert files[0] == files[1]


def test_numbers_stand_with_their_floors_and_the_last_step_is_measured(tmp_path):
    run = train(tmp_path / "run", "evaluate", every_steps=4, metric=["frechet", "diversity"], **GIVEN)
    records = [record for record in run.metrics.read() if "frechet" in record]
    assert [record["step"] for record in records] == [4, 6]
    assert records[0]["frechet"] > records[0]["frechet_floor"] > 0
    assert records[0]["frechet_floor"] == records[1]["frechet_floor"]
    assert {"diversity", "diversity_floor"} <= records[0].keys()
    assert records[0]["measured_on"] == 20


def test_the_generator_nearest_to_the_floor_is_kept(tmp_path, monkeypatch):
    scripted(monkeypatch, [5.0, float("nan"), 1.25, 0.5, 2.0, 1.5])
    weights = []
    listener = listen("step_end", lambda run: weights.append(copy(run)))
    train(tmp_path / "run", "evaluate", every_steps=1, listeners=[listener], **GIVEN)
    kept = ganzoo.load(tmp_path / "run" / FILE).network.state_dict()
    same = [
        step for step, table in enumerate(weights, 1) if all(torch.equal(kept[n], table[n]) for n in table)
    ]
    assert same == [3]


def copy(run):
    return {name: value.clone() for name, value in run.game.generator.state_dict().items()}


def test_a_resumed_run_remembers_the_best(tmp_path, monkeypatch):
    scripted(monkeypatch, [5.0, 2.0, 3.0, 2.5])
    train(tmp_path / "run", "evaluate", every_steps=3, length={"steps": 6}, **GIVEN)
    before = (tmp_path / "run" / FILE).read_bytes()
    typed = {"dataset": "callbacks.small:labelled"}
    run = ganzoo.resume(tmp_path / "run", steps=12, typed=typed, device="cpu", threads=1)
    assert (run.callbacks["evaluate"].distance, run.callbacks["evaluate"].step) == (1.0, 6)
    assert (tmp_path / "run" / FILE).read_bytes() == before


def test_another_extractor_chooses_the_best_anew(tmp_path, monkeypatch):
    scripted(monkeypatch, [2.0, 5.0, 4.0])
    train(tmp_path / "run", "evaluate", length={"steps": 2}, **GIVEN)
    choose = extractors.choose
    monkeypatch.setattr(extractors, "choose", lambda *given: replace(choose(*given), sha256="another"))
    typed, said = {"dataset": "callbacks.small:labelled"}, []
    listener = listen("warning", lambda run, message: said.append(message))
    run = ganzoo.resume(tmp_path / "run", steps=4, typed=typed, device="cpu", threads=1, listeners=[listener])
    assert (run.callbacks["evaluate"].distance, run.callbacks["evaluate"].step) == (4.0, 4)
    assert ["the extractor has changed" in text for text in said] == [True]


def test_a_number_that_no_metric_gives(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'frechet'"):
        train(tmp_path / "run", "evaluate", best="frechett", **GIVEN)


def test_a_metric_that_does_not_fit_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(MisfitError, match="names its modes"):
        train(tmp_path / "run", "evaluate", metric=["mixture-modes"], **GIVEN)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_metric_that_does_not_exist_is_noticed_before_a_directory_is_made(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'frechet'"):
        train(tmp_path / "run", "evaluate", metric=["frechett"], **GIVEN)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("every", "epochs", "steps"), [("3", 3.0, 0), ("40steps", 0.0, 40)])
def test_the_option_of_run_adds_it(tmp_path, every, epochs, steps):
    made = ganzoo.run("vanilla", "mnist-5k", evaluate_every=every, dry_run=True, device="cpu")
    part = made.recipe.callback[-1]
    assert part.name == "evaluate"
    assert (part.options["every_epochs"], part.options["every_steps"]) == (epochs, steps)


def test_seconds_are_refused():
    with pytest.raises(UsageError, match="not seconds"):
        ganzoo.run("vanilla", "mnist-5k", evaluate_every="30s", dry_run=True)
