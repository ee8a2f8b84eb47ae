"""How much of a mixture of Gaussians is found."""

import torch
from torch import Tensor

from ganzoo.datasets.base import Modes
from ganzoo.metrics.classes import modes_found
from ganzoo.options import PositiveFloat


def mixture_modes(fake: Tensor, modes: Modes, *, reach_sd: PositiveFloat = 3.0) -> dict[str, float]:
    """Modes, high-quality share and reverse KL of a mixture (Lin et al., 2018, arXiv:1712.04086).

    A sample is of high quality within three standard deviations of a mode; a mode with such a sample counts;
    mode_kl is KL(found || uniform) of the high-quality samples, NaN without any. The protocol has 2,500
    samples.
    """
    distances, nearest = torch.cdist(fake.double(), modes.centres.double()).min(1)
    good = distances < reach_sd * modes.sd
    counts = torch.bincount(nearest[good], minlength=len(modes.centres)).double()
    return {**modes_found(counts), "high_quality": good.double().mean().item()}
