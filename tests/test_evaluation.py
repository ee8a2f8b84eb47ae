"""Measuring a trained generator."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import ganzoo as library
from ganzoo import extractors, measuring
from ganzoo.datasets.base import DataFolders, Samples
from ganzoo.engine import generator_file
from ganzoo.engine.resolve import Resolved, look_up
from ganzoo.engine.sampling import Trained
from ganzoo.errors import DataError, DivergedError, MisfitError, PluginError, UsageError
from ganzoo.extractors import Extractor
from ganzoo.measuring import Side
from ganzoo.recipe import Part
from ganzoo.reference import Plan, Reference, as_seen, reference
from ganzoo.registry import TYPED, Component
from ganzoo.spec import DataSpec

PIXELS = DataSpec((1, 4, 4), (0, 255), 3, 40)


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """A run on the line, of two steps."""
    out = tmp_path_factory.mktemp("runs") / "line"
    library.run("gaussian", "gaussian", out=out, steps=2, device="cpu")
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A run on labelled pictures, of two steps."""
    out = tmp_path_factory.mktemp("runs") / "pictures"
    values = {"batch": 20, "generator.width": 8, "discriminator.width": 8}
    library.run("cgan", "callbacks.small:labelled", out=out, steps=2, device="cpu", set=values)
    return out


def metric(function) -> Resolved:
    return Resolved("metric", Component("metrics", function.__name__, TYPED, "", "m:f"), function, {})


def sides(count: int = 20) -> tuple[Side, Side]:
    extractor = Extractor("values", lambda x: (x.flatten(1), None))
    return Side(torch.randn(count, 2), extractor), Side(torch.randn(count, 2), extractor)


def test_a_run_is_measured_by_what_suits_its_data(line):
    found = library.evaluate(line)
    assert (found.dataset, found.count, found.extractor, found.held_out) == (
        "gaussian",
        500,
        "values",
        "half of train",
    )
    assert list(found.metrics) == ["wasserstein", "kl-histogram", "moments"]
    distance = found.metrics["wasserstein"]["wasserstein"]
    assert distance.value > distance.floor > 0
    kept = [json.loads(text) for text in (line / "evaluations.jsonl").read_text().splitlines()]
    assert kept[-1] == json.loads(json.dumps(found.to_table()))


def test_the_same_seed_gives_the_same_numbers(line):
    first, again, other = (library.evaluate(line, seed=seed, count=100) for seed in (1, 1, 2))
    assert first == again
    assert first.metrics["wasserstein"]["wasserstein"] != other.metrics["wasserstein"]["wasserstein"]
    floors = [found.metrics["wasserstein"]["wasserstein"].floor for found in (first, other)]
    assert floors[0] == floors[1]


def test_a_mixture_says_its_modes(tmp_path):
    library.run("gaussian", "ring", out=tmp_path / "ring", steps=2, device="cpu")
    found = library.evaluate(tmp_path / "ring")
    assert found.count == 2500
    numbers = found.metrics["mixture-modes"]
    assert numbers["modes"].floor == 8
    assert numbers["high_quality"].floor == pytest.approx(0.9889, abs=0.006)
    assert numbers["mode_kl"].floor < 0.01
    assert math.isnan(numbers["mode_kl"].value) == (numbers["modes"].value == 0)


def test_a_conditional_generator_gets_the_labels_of_the_real_samples(pictures, monkeypatch):
    asked = []
    sample = Trained.sample
    monkeypatch.setattr(Trained, "sample", lambda self, n, y, s: asked.append(y) or sample(self, n, y, s))
    found = library.evaluate(pictures, dataset="callbacks.small:labelled", extractor="values", count=8)
    assert asked[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(found.metrics) == ["frechet", "precision-recall", "density-coverage"]
    assert found.held_out == "test"


def test_the_labels_that_were_asked_for_reach_a_metric(pictures, monkeypatch):
    read = Extractor("first pixel", lambda x: (x.flatten(1), (x[:, 0, 0, 0] > 0).long()), "", 2)
    monkeypatch.setattr(extractors, "choose", lambda *_: read)
    given = {"dataset": "callbacks.small:labelled", "count": 8}
    found = library.evaluate(pictures, metric=["class-agreement", "cluster-purity"], **given)
    made = library.load(pictures).sample(8, [0, 0, 1, 1, 2, 2, 3, 3], 0)
    seen = (made[:, 0, 0, 0] > 0).long().tolist()
    right = sum(a == b for a, b in zip([0, 0, 1, 1, 2, 2, 3, 3], seen, strict=True))
    assert found.metrics["class-agreement"]["class_agreement"].value == right / 8
    pure = sum(max(seen[i : i + 2].count(0), seen[i : i + 2].count(1)) for i in (0, 2, 4, 6))
    assert found.metrics["cluster-purity"]["cluster_purity"].value == pure / 8


def test_a_generator_of_other_classes_goes_through_its_own(pictures):
    real = Side(torch.zeros(5, 1, 4, 4), Extractor("values", lambda x: (x, None)), torch.arange(5))
    found = Reference(real, real, "test", None, Plan(()), DataSpec((1, 4, 4), (-1, 1), 5, 5))
    assert found.wanted(5).tolist() == [0, 1, 2, 3, 4]
    assert found.wanted(2).tolist() == [0, 1, 0, 1, 0]


def test_the_command_prints_a_table_or_json(line, ganzoo):
    shown = ganzoo("evaluate", str(line), "-n", "50", "--metric", "wasserstein")
    assert shown.code == 0
    assert "50 samples on each side" in shown.out
    assert [word for word in ("value", "floor", "wasserstein") if word not in shown.out] == []
    printed = ganzoo("evaluate", str(line), "-n", "50", "--metric", "wasserstein", "--json")
    table = json.loads(printed.out)
    assert table["metrics"].keys() == {"wasserstein"}
    assert table["metrics"]["wasserstein"]["wasserstein"].keys() == {"value", "floor"}
    assert table["extractor"] == "values"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "frechett"], "Did you mean 'frechet'?"),
        (["--extractor", "mnits"], "Did you mean 'mnist'?"),
        (["-n", "501"], "count is 501; this data set allows 2 to 500"),
        (["-n", "0"], "count is 0"),
        (["--metric", "mixture-modes"], "needs a data set that names its modes"),
        (["--metric", "class-histogram"], "needs an extractor that tells classes apart"),
        (["--metric", "class-agreement"], "needs samples that were asked for by label"),
        (["--extractor", "random"], "reads pictures"),
        (["--set", "frechet.x=1"], "not among the metrics"),
        (["--set", "wasserstein.directions=0"], "must be >= 1"),
        (["--set", "directions=1"], "METRIC.OPTION=VALUE"),
        (["--dataset", "ring"], "makes samples of 1, the data set ring holds 2"),
    ],
)
def test_what_cannot_be_measured(line, ganzoo, arguments, words):
    done = ganzoo("evaluate", str(line), *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_no_data_are_exit_code_3(pictures, ganzoo, monkeypatch):
    monkeypatch.setattr(DataFolders, "search", property(lambda self: []))
    monkeypatch.setattr("ganzoo.datasets.download._get", lambda *given: (_ for _ in ()).throw(OSError("off")))
    monkeypatch.setattr("ganzoo.evaluation.load", lambda *given: replace_shape(library.load(pictures)))
    done = ganzoo("evaluate", str(pictures), "--dataset", "mnist")
    assert done.code == 3
    assert "--data FOLDER" in done.err


def replace_shape(trained: Trained) -> Trained:
    return replace(trained, spec=DataSpec((1, 28, 28), (-1.0, 1.0), 10, 60_000))


def test_samples_that_are_not_finite_are_exit_code_6(line, tmp_path, ganzoo):
    trained = library.load(line)
    for parameter in trained.network.parameters():
        parameter.data.fill_(torch.nan)
    path = tmp_path / "broken.safetensors"
    generator_file.save(path, trained.network, trained.part, trained.spec, trained.latent)
    done = ganzoo("evaluate", str(path), "--dataset", "gaussian")
    assert done.code == 6
    assert "500 of 500 generated samples hold NaN" in done.err


def test_a_source_that_is_not_there_is_said_first(tmp_path):
    with pytest.raises(UsageError, match="there is no .*absent. Name a run directory or a generator"):
        library.evaluate(tmp_path / "absent")


def test_a_file_alone_needs_the_name_of_its_data(line, tmp_path):
    (tmp_path / "g.safetensors").write_bytes((line / "generator.safetensors").read_bytes())
    with pytest.raises(UsageError, match="--dataset NAME"):
        library.evaluate(tmp_path / "g.safetensors")
    named = library.evaluate(tmp_path / "g.safetensors", dataset="gaussian", set={"dataset.size": 60})
    assert named.count == 30
    assert not (tmp_path / "evaluations.jsonl").exists()


def test_a_file_in_a_run_directory_belongs_to_the_run(line):
    (line / "best.safetensors").write_bytes((line / "generator.safetensors").read_bytes())
    assert (
        library.evaluate(line / "best.safetensors").generator_sha256
        == library.evaluate(line).generator_sha256
    )


def test_options_of_a_metric(line):
    found = library.evaluate(line, metric="precision-recall", set={"precision-recall.neighbours": 1})
    usual = library.evaluate(line, metric="precision-recall")
    assert (
        found.metrics["precision-recall"]["precision"].floor
        < usual.metrics["precision-recall"]["precision"].floor
    )


# What a metric is handed, and what it must give.


def test_a_metric_gets_what_its_parameters_are_called():
    real, fake = sides()

    def spread(fake_features, real, *, scale: float = 2.0):
        return {"spread": scale * (real - fake_features).abs().max().item()}

    part = replace(metric(spread), options={"scale": 3.0})
    expected = 3 * (real.samples - fake.samples).abs().max().item()
    assert measuring.call(part, real, fake, None) == {"spread": expected}


def fails(real):
    raise RuntimeError("no idea")


def refuses(real):
    raise ValueError("it is too warm")


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda real, images: {"a": 1.0}, PluginError, "asks for 'images', which nothing is called"),
        (lambda real: {}, PluginError, "expected {name: number}"),
        (lambda real: {"a": torch.tensor(1.0)}, PluginError, "expected {name: number}"),
        (fails, PluginError, "fails at work: RuntimeError: no idea"),
        (refuses, MisfitError, "cannot be used here: it is too warm"),
        (lambda real_classes: {"a": 1.0}, MisfitError, "tells classes apart"),
    ],
)
def test_a_metric_that_breaks_its_promise(function, error, words):
    with pytest.raises(error, match=words):
        measuring.call(metric(function), *sides(), None)


# The real side.


def made(values: torch.Tensor, test: torch.Tensor | None = None, spec: DataSpec = PIXELS, **given):
    splits = {"train": values, "test": test}

    def load(split):
        x = splits[split]
        return None if x is None else Samples(x, torch.arange(len(x)) % 3)

    class Data:
        pass

    Data.spec = spec
    return reference(look_up("dataset", Part("gaussian")), Data, load, extractor="values", **given)


def test_without_a_test_split_the_halves_share_no_sample():
    values = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4)
    found = made(values, count=10)
    seen = [
        ((side.samples[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
        for side in (found.real, found.held_out)
    ]
    assert seen == [[0, 4, 8, 12, 16, 20, 24, 28, 32, 36], [1, 5, 9, 13, 17, 21, 25, 29, 33, 37]]
    assert found.real.labels.tolist() == [v % 3 for v in seen[0]]


def test_with_one_it_is_the_floor():
    values = torch.zeros(40, 1, 4, 4, dtype=torch.uint8)
    found = made(values, test=values[:7] + 255)
    assert (found.held_out_from, len(found.real.samples), len(found.held_out.samples)) == ("test", 7, 7)
    assert (found.real.samples == -1).all()
    assert (found.held_out.samples == 1).all()


def test_both_sides_are_rounded_to_bytes():
    spec = replace(PIXELS, value_range=(-1.0, 1.0))
    x = torch.rand(100, 1, 4, 4) * 3 - 1.5
    seen = as_seen(x, spec)
    levels = ((seen + 1) * 127.5).numpy()
    assert np.abs(levels - levels.round()).max() < 1e-4
    assert (seen - x.clamp(-1, 1)).abs().max() <= 1 / 255 + 1e-6
    assert torch.equal(as_seen(seen, spec), seen)
    vectors = torch.randn(5, 2)
    assert as_seen(vectors, DataSpec((2,), None, None, 5)) is vectors


def test_generated_samples_are_rounded_too_and_must_be_finite():
    found = made(torch.zeros(40, 1, 4, 4, dtype=torch.uint8))
    assert found.side(torch.full((2, 1, 4, 4), 9.0)).samples.max() == 1
    with pytest.raises(DivergedError, match="1 of 2"):
        found.side(torch.tensor([[0.0], [torch.inf]])[:, :, None, None].expand(-1, 1, 4, 4))


@pytest.mark.slow
def test_stacked_mnist_has_the_floor_of_the_literature():
    part = look_up("dataset", Part("stacked-mnist"))
    dataset = part.build(DataFolders(download=False))
    try:
        found = reference(part, dataset, dataset.load)
    except DataError:
        pytest.skip("MNIST is not here")
    assert len(found.real.samples) == 26_000
    floor = found.floor(measuring.find(["stacked-modes"]))["stacked-modes"]
    assert floor["modes"] == 1000
    assert floor["mode_kl"] == pytest.approx(0.0237, abs=0.004)
