"""Which extractor reads which samples, and the one that is trained and kept."""

import builtins
import logging
import urllib.error

import pytest
import torch

from ganzoo import extractors
from ganzoo.datasets.base import Samples
from ganzoo.errors import DataError, MisfitError, UsageError
from ganzoo.extractors import choose, classifier, trained
from ganzoo.spec import DataSpec

GREY = DataSpec((1, 28, 28), (0, 255), 10, 60)
SMALL = DataSpec((1, 8, 8), (0, 255), 3, 60)
PLAIN = DataSpec((3, 16, 16), (-1.0, 1.0), None, 60)
VECTORS = DataSpec((3,), None, 4, 60)


def samples(spec: DataSpec = SMALL, seed: int = 0) -> Samples:
    source = torch.Generator().manual_seed(seed)
    values = torch.randint(256, (spec.size, *spec.shape), generator=source, dtype=torch.uint8)
    return Samples(values, torch.arange(spec.size) % (spec.classes or 1))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own, and training that takes no time."""
    train = classifier.train
    monkeypatch.setattr(trained, "cache", lambda: tmp_path / "extractors")
    monkeypatch.setattr(classifier, "train", lambda *given: train(*given, most_steps=2, batch=10))
    return tmp_path / "extractors"


@pytest.mark.parametrize(
    ("dataset", "spec", "name", "classes", "features"),
    [
        ("ganzoo/mnist", GREY, "mnist", 10, 128),
        ("ganzoo/mnist-5k", GREY, "mnist", 10, 128),
        ("ganzoo/fashion-mnist", GREY, "fashion-mnist", 10, 128),
        ("ganzoo/stacked-mnist", DataSpec((3, 28, 28), (0, 255), 1000, 9), "mnist", 1000, 384),
        ("mine/mine", SMALL, "trained", 3, 128),
        ("mine/mine", PLAIN, "random", None, 128),
        ("mine/mine", VECTORS, "values", None, 3),
    ],
)
def test_auto_is_chosen_by_the_data(cache, dataset, spec, name, classes, features):
    found = choose("auto", dataset, spec, samples)
    assert (found.name, found.classes) == (name, classes)
    assert bool(found.sha256) == (name != "values")
    x = torch.rand(4, *spec.shape) * 2 - 1
    made, labels = found(x)
    assert made.shape == (4, features)
    assert (labels is None) == (classes is None)
    assert torch.allclose(torch.cat([found(one[None])[0] for one in x]), made, atol=1e-4)


def test_each_channel_is_a_digit_of_the_class():
    def network(x):
        return x.flatten(1), torch.nn.functional.one_hot(x[:, 0, 0, 0].long(), 10)

    pictures = torch.zeros(2, 3, 28, 28)
    pictures[:, :, 0, 0] = torch.tensor([[1.0, 2.0, 3.0], [9.0, 0.0, 7.0]])
    features, classes = extractors.by_channel(network)(pictures)
    assert classes.tolist() == [123, 907]
    assert torch.equal(features, pictures.flatten(1))


def test_the_random_one_is_always_the_same():
    first, second = (extractors.random(PLAIN) for _ in range(2))
    assert first.sha256 == second.sha256


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("mnist", SMALL, "28x28; the samples are 1x8x8"),
        ("random", VECTORS, "reads pictures"),
        ("trained", PLAIN, "needs labels"),
        ("inception", DataSpec((4, 8, 8), (0, 255), None, 9), "not 4x8x8"),
    ],
)
def test_an_extractor_that_cannot_read_the_samples(name, spec, words):
    with pytest.raises(MisfitError, match=words):
        choose(name, "mine/mine", spec, lambda: Samples(torch.zeros(9, *spec.shape)))


def test_a_trained_one_is_trained_once(cache, monkeypatch):
    first = trained.trained(SMALL, samples())
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(classifier, "train", None)
    assert trained.trained(SMALL, samples()).sha256 == first.sha256


def test_other_samples_are_another_extractor(cache):
    trained.trained(SMALL, samples())
    trained.trained(SMALL, samples(seed=1))
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_one_is_said_and_made_anew(cache, caplog):
    first = trained.trained(SMALL, samples())
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING, "ganzoo"):
        assert trained.trained(SMALL, samples()).sha256 == first.sha256
    assert "made anew" in caplog.text
    assert classifier.decode(path.read_bytes(), 1, 3)


def test_a_cache_that_cannot_be_written_is_no_failure(cache, caplog):
    cache.write_text("no folder")
    with caplog.at_level(logging.WARNING, "ganzoo"):
        assert trained.trained(SMALL, samples()).classes == 3
    assert "not kept" in caplog.text


def test_inception_without_its_package(monkeypatch):
    real = builtins.__import__

    def without(name, *given, **named):
        if name.startswith("torch_fidelity"):
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'ganzoo\[inception\]'"):
        choose("inception", "mine/mine", PLAIN, samples)


@pytest.mark.slow
def test_inception_reads_grey_pictures(monkeypatch):
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = module.FeatureExtractorInceptionV3
    monkeypatch.setattr(module, "load_state_dict_from_url", lambda *given, **named: {})
    monkeypatch.setattr(network, "load_state_dict", lambda self, state: None)
    found = choose("inception", "ganzoo/mnist", GREY, samples)
    features, classes = found(torch.rand(2, 1, 28, 28) * 2 - 1)
    assert (features.shape, classes, found.classes) == ((2, 2048), None, None)
    assert len(found.sha256) == 64


def test_inception_without_its_weights(monkeypatch):
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")

    def offline(*given, **named):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(module, "load_state_dict_from_url", offline)
    with pytest.raises(DataError, match=r"(?s)no network.*weights-inception-2015-12-05-6726825d.pth.*random"):
        choose("inception", "mine/mine", PLAIN, samples)
