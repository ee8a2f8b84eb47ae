"""The boundary-seeking loss."""

from torch import Tensor
from torch.nn.functional import softplus


class BoundarySeeking:
    """G seeks the boundary where D is undecided (Hjelm et al., 2017, arXiv:1702.08431)."""

    probability = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z)))."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """Half the squared log-odds that D gives to fakes."""
        return 0.5 * fake.square().mean()
