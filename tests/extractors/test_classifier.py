"""The classifier that gives features."""

from pathlib import Path

import pytest
import torch

from ganzoo.datasets.base import DataFolders
from ganzoo.datasets.mnist import fashion_mnist, mnist
from ganzoo.engine.tensor_file import UNREADABLE
from ganzoo.errors import DataError
from ganzoo.extractors import SHIPPED, classifier


def blobs(count: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures whose brighter half is their class, and their classes."""
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    pixels = torch.randint(100, (count, 1, 12, 12), generator=source)
    pixels[labels == 1, :, :6] += 100
    pixels[labels == 0, :, 6:] += 100
    return pixels.to(torch.uint8), labels


def test_it_learns_and_twice_the_same():
    pixels, labels = blobs()
    before = torch.random.get_rng_state()
    first, second = (classifier.train(pixels, labels, 2, most_steps=40, batch=20) for _ in range(2))
    assert classifier.digest(first) == classifier.digest(second)
    assert classifier.accuracy(first, pixels, labels) > 0.95
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_survives_its_file_to_the_bit():
    network = classifier.train(*blobs(40), 2, most_steps=3, batch=10)
    again = classifier.decode(classifier.encode(network), 1, 2)
    assert classifier.digest(again) == classifier.digest(network)


@pytest.mark.parametrize("change", [lambda c: c[:-1], lambda c: b"", lambda c: b"\0" * 100])
def test_a_damaged_file_is_noticed(change):
    content = classifier.encode(classifier.make(1, 2))
    with pytest.raises(UNREADABLE):
        classifier.decode(change(content), 1, 2)


def test_a_file_of_another_classifier_is_noticed():
    with pytest.raises(UNREADABLE):
        classifier.decode(classifier.encode(classifier.make(3, 2)), 1, 2)
    broken = classifier.make(1, 2)
    broken.head.bias.data[0] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        classifier.decode(classifier.encode(broken), 1, 2)


def test_large_pictures_are_scaled_down():
    with torch.no_grad():
        features, scores = classifier.make(3, 4)(torch.rand(2, 3, 100, 64))
    assert (features.shape, scores.shape) == ((2, 128), (2, 4))


def test_pictures_are_moved_by_a_pixel_at_most():
    picture = torch.zeros(1, 1, 9, 9)
    picture[..., 4, 4] = 1
    source = torch.Generator().manual_seed(0)
    places = {tuple(classifier.shifted(picture, source)[0, 0].nonzero()[0].tolist()) for _ in range(200)}
    assert places == {(down, right) for down in (3, 4, 5) for right in (3, 4, 5)}


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_shipped_weights_are_small_and_documented(name):
    content = (SHIPPED / f"{name}.safetensors").read_bytes()
    assert len(content) < 1_000_000
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    assert classifier.digest(classifier.decode(content, 1, 10)) in page


@pytest.mark.slow
@pytest.mark.parametrize(("make", "least"), [(mnist, 0.99), (fashion_mnist, 0.90)])
def test_the_shipped_classifiers_know_the_test_pictures(make, least):
    dataset = make(DataFolders(download=False))
    try:
        test = dataset.load("test")
    except DataError:
        pytest.skip(f"{dataset.archive.name} is not here")
    content = (SHIPPED / f"{dataset.archive.name}.safetensors").read_bytes()
    assert classifier.accuracy(classifier.decode(content, 1, 10), test.values, test.labels) > least
