"""Extractors: fixed networks whose features stand for samples when metrics compare them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from ganzoo.errors import MisfitError

if TYPE_CHECKING:
    from ganzoo.datasets.base import Samples
    from ganzoo.extractors.classifier import Classifier
    from ganzoo.spec import DataSpec

Name = Literal["auto", "mnist", "fashion-mnist", "trained", "random", "values", "inception"]
NAMES: tuple[str, ...] = get_args(Name)
SHIPPED = Path(__file__).with_name("weights")
GREY_28 = (28, 28)
AT_ONCE = 500

# Which extractor `auto` is for ganzoo's own data sets.
OWN: Mapping[str, Name] = MappingProxyType(
    {
        "ganzoo/mnist": "mnist",
        "ganzoo/mnist-5k": "mnist",
        "ganzoo/stacked-mnist": "mnist",
        "ganzoo/fashion-mnist": "fashion-mnist",
    }
)

# Samples (N, *shape), pictures in [-1, 1], become features (N, F) and, if it knows any, their classes (N,).
Read = Callable[[Tensor], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True)
class Extractor:
    """Features and classes of samples, by a function that never changes.

    sha256: of the weights, "" where there are none. classes: how many it tells apart, None for none.
    """

    name: str
    read: Read
    sha256: str = ""
    classes: int | None = None

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (N, F) and classes (N,) or None of samples (N, *shape), pictures in [-1, 1]."""
        features, classes = zip(*map(self.read, torch.split(samples, AT_ONCE)), strict=True)
        return torch.cat(features), None if self.classes is None else torch.cat(classes)


def choose(name: str, dataset: str, spec: "DataSpec", training: "Callable[[], Samples]") -> Extractor:
    """The extractor of a name for samples of a data set.

    `auto` is the one that ganzoo ships, if it does; else for pictures one trained on their labels, or with
    random weights where there are none; vectors are their own features. dataset: its full name. training:
    loads the training samples. Raises MisfitError where it cannot read them.
    """
    if name == "auto":
        pictures: Name = "random" if spec.classes is None else "trained"
        name = OWN.get(dataset, pictures if spec.is_image else "values")
    if name == "values":
        return Extractor("values", lambda samples: (samples.flatten(1), None))
    if not spec.is_image:
        raise MisfitError(f"extractor {name} reads pictures; the samples are {spec.shape_text}. Use values.")
    if name == "trained":
        from ganzoo.extractors.trained import trained

        return trained(spec, training())
    if name == "inception":
        from ganzoo.extractors.inception import inception

        return inception(spec)
    return random(spec) if name == "random" else shipped(name, spec)


def shipped(name: str, spec: "DataSpec") -> Extractor:
    """The classifier that ganzoo ships for MNIST or Fashion-MNIST, which reads every channel on its own.

    The classes of pictures with several channels are all combinations: 1,000 for three. Raises MisfitError.
    """
    from ganzoo.extractors import classifier

    if spec.shape[1:] != GREY_28:
        raise MisfitError(f"extractor {name} reads pictures of 28x28; the samples are {spec.shape_text}.")
    network = classifier.decode((SHIPPED / f"{name}.safetensors").read_bytes(), channels=1, classes=10)
    return Extractor(name, by_channel(network), classifier.digest(network), 10 ** spec.shape[0])


def by_channel(network: "Classifier") -> Read:
    """Each channel read on its own: features side by side, and the classes a, b, c as 100 a + 10 b + c."""

    def read(pictures: Tensor) -> tuple[Tensor, Tensor]:
        count, channels = pictures.shape[:2]
        features, scores = network(pictures.flatten(0, 1).unsqueeze(1))
        places = 10 ** torch.arange(channels - 1, -1, -1)
        return features.view(count, -1), scores.argmax(1).view(count, channels) @ places

    return read


def random(spec: "DataSpec") -> Extractor:
    """A convolutional network with fixed random weights that never learnt anything."""
    from ganzoo.extractors import classifier

    network = classifier.make(spec.shape[0], 1)
    return Extractor("random", lambda pictures: (network(pictures)[0], None), classifier.digest(network))
