"""The Inception network of the literature's FID, through the package torch-fidelity."""

import urllib.error
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import DataError, MisfitError, UsageError
from ganzoo.extractors import Extractor, classifier
from ganzoo.spec import DataSpec

ADVICE = (
    "They are weights-inception-2015-12-05-6726825d.pth (95 MB) of github.com/toshas/torch-fidelity:\n"
    "put them into {folder}, or use --extractor trained or random."
)


def inception(spec: DataSpec) -> Extractor:
    """The 2,048 features of Inception v3 as TensorFlow has them (Heusel et al., 2017, arXiv:1706.08500).

    Grey pictures are shown in grey. Raises UsageError without torch-fidelity, DataError without its weights
    and MisfitError for pictures of other than one or three channels.
    """
    if spec.shape[0] not in (1, 3):
        raise MisfitError(f"extractor inception reads grey and colour pictures, not {spec.shape_text}.")
    network = load()

    def read(pictures: Tensor) -> tuple[Tensor, None]:
        pixels = ((pictures + 1) * 127.5).round().to(torch.uint8)
        return network(pixels.expand(-1, 3, -1, -1))[0], None

    return Extractor("inception", read, classifier.digest(network))


def load() -> Any:
    """torch-fidelity's network with its weights, which it downloads unless they are in torch's cache."""
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise UsageError(
            "extractor inception needs torch-fidelity: pip install 'ganzoo[inception]'."
        ) from error
    try:
        return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        folder = f"{torch.hub.get_dir()}/checkpoints"
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"the weights of Inception cannot be had: {reason}.\n{ADVICE.format(folder=folder)}"
        ) from error
