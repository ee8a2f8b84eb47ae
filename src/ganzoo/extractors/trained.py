"""An extractor for labelled pictures, trained once and kept in the user's cache."""

import hashlib
import logging
from pathlib import Path

import platformdirs
from torch import Tensor

from ganzoo import storage
from ganzoo.datasets.base import Samples
from ganzoo.engine.state import fingerprint
from ganzoo.engine.tensor_file import UNREADABLE
from ganzoo.errors import DataError, MisfitError, ResourceError
from ganzoo.extractors import Extractor, classifier
from ganzoo.spec import DataSpec

_log = logging.getLogger("ganzoo")


def trained(spec: DataSpec, samples: Samples) -> Extractor:
    """A classifier of these training samples; the same file for the same samples.

    Raises MisfitError where they have no labels and DataError where there are none.
    """
    if samples.labels is None or spec.classes is None:
        raise MisfitError("extractor trained needs labels, which the data set has not. Use random.")
    if len(samples) == 0:
        raise DataError("the data set has no training samples to train an extractor on.")
    about = f"{classifier.VERSION} {spec.classes} {spec.value_range} {fingerprint(samples)}"
    name = f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.safetensors"
    network = kept(cache() / name, spec.shape[0], spec.classes)
    if network is None:
        _log.info("training an extractor on %d pictures, once", len(samples))
        pixels, labels = samples.values, samples.labels
        network = classifier.train(pixels, labels, spec.classes, spec.value_range or (-1.0, 1.0))
        keep(cache() / name, network)

    def read(pictures: Tensor) -> tuple[Tensor, Tensor]:
        features, scores = network(pictures)
        return features, scores.argmax(1)

    return Extractor("trained", read, classifier.digest(network), spec.classes)


def cache() -> Path:
    """The folder of trained extractors."""
    return Path(platformdirs.user_cache_dir("ganzoo")) / "extractors"


def kept(path: Path, channels: int, classes: int) -> classifier.Classifier | None:
    """The classifier in a file of the cache, or None where there is no whole one."""
    try:
        return classifier.decode(storage.read(path), channels, classes)
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE) as error:
        _log.warning("%s cannot be read and is made anew: %s", path, str(error).partition("\n")[0])
        return None


def keep(path: Path, network: classifier.Classifier) -> None:
    """Write a classifier into the cache; where that is not possible it is trained again next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.write(path, classifier.encode(network))
    except (OSError, ResourceError) as error:
        _log.warning("the extractor is not kept: %s", error)
