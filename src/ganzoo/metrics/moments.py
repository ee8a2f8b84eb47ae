"""Mean, variance, skewness and kurtosis."""

from torch import Tensor

NAMES = ("mean", "variance", "skewness", "kurtosis")


def moments(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Mean, variance, skewness and excess kurtosis (0 for a Gaussian) of real and of generated values.

    real, fake: samples (N, *shape), all of whose values are taken together. Where all values are the same,
    skewness and kurtosis are NaN.
    """
    sides = {"real": _moments(real), "fake": _moments(fake)}
    return {
        f"{side}_{name}": value
        for side, values in sides.items()
        for name, value in zip(NAMES, values, strict=True)
    }


def _moments(samples: Tensor) -> list[float]:
    values = samples.detach().double().flatten()
    mean = values.mean()
    centred = values - mean
    variance = centred.square().mean()
    # Rounding leaves a trace of variance in values that are all the same.
    scaled = centred / variance.sqrt() if values.min() < values.max() else centred * float("nan")
    return [mean.item(), variance.item(), scaled.pow(3).mean().item(), scaled.pow(4).mean().item() - 3]
