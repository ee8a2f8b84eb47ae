"""The energy of a sample: how badly an autoencoder rebuilds it."""

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

Error = Literal["squared", "absolute", "length"]


@runtime_checkable
class Autoencoder(Protocol):
    """A discriminator that rebuilds samples; its scores are minus their energies."""

    def examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and the codes (N, F) that the samples were rebuilt from."""
        ...


def energy(samples: Tensor, rebuilt: Tensor, error: Error) -> Tensor:
    """The energies (N,) of samples (N, *shape).

    error: the mean over a sample's numbers of the squared or absolute difference, or the length of the whole
    difference.
    """
    difference = (rebuilt - samples).flatten(1)
    if error == "squared":
        return difference.square().mean(1)
    if error == "absolute":
        return difference.abs().mean(1)
    return (difference.square().sum(1) + 1e-12).sqrt()  # the root of zero has no gradient
