"""The classic losses, on raw scores.

Every loss is told the discriminator's scores and returns what a player minimises: `discriminator(real, fake)`
and `generator(fake)`, or `generator(fake, real)` where it also looks at the scores of real samples.
Scores are (N,) or (N, patches); `probability` says whether sigmoid(score) is the probability of "real".
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.options import Probability


class Paper:
    """The log form of the first GAN, safe from overflow (Goodfellow et al., 2014, arXiv:1406.2661).

    form: G minimises -log D(G(z)) (non-saturating, section 3) or log(1 - D(G(z))) (saturating, equation 1).
    average: D's loss is the mean of its two terms instead of their sum.
    """

    probability: ClassVar[bool] = True

    def __init__(
        self, *, form: Literal["non-saturating", "saturating"] = "non-saturating", average: bool = False
    ) -> None:
        self.saturating = form == "saturating"
        self.scale = 0.5 if average else 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z))), with -log sigmoid(s) = softplus(-s)."""
        return self.scale * (softplus(-real).mean() + softplus(fake).mean())

    def generator(self, fake: Tensor) -> Tensor:
        """-log D(G(z)), or log(1 - D(G(z))) in the saturating form."""
        return -softplus(fake).mean() if self.saturating else softplus(-fake).mean()


class BCE:
    """Binary cross entropy, the same numbers as `paper` (Goodfellow et al., 2014, arXiv:1406.2661).

    average: D's loss is the mean of its two terms instead of their sum.
    """

    probability: ClassVar[bool] = True

    def __init__(self, *, average: bool = False) -> None:
        self.scale = 0.5 if average else 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Cross entropy of real scores with 1 and of fake scores with 0."""
        return self.scale * (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0))

    def generator(self, fake: Tensor) -> Tensor:
        """Cross entropy of fake scores with 1."""
        return _cross_entropy(fake, 1.0)


class SmoothedBCE:
    """Binary cross entropy with softened labels (Salimans et al., 2016, arXiv:1606.03498, section 3.4).

    real_target, fake_target: D's labels; generator_target: the label that G wants its fakes to get.
    average: D's loss is the mean over the joined batch instead of the sum of its two terms.
    """

    probability: ClassVar[bool] = True

    def __init__(
        self,
        *,
        real_target: Probability = 0.9,
        fake_target: Probability = 0.1,
        generator_target: Probability = 0.9,
        average: bool = True,
    ) -> None:
        self.real_target, self.fake_target, self.generator_target = real_target, fake_target, generator_target
        self.scale = 0.5 if average else 1.0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Cross entropy of real and fake scores with their softened labels."""
        return self.scale * (_cross_entropy(real, self.real_target) + _cross_entropy(fake, self.fake_target))

    def generator(self, fake: Tensor) -> Tensor:
        """Cross entropy of fake scores with the generator's target."""
        return _cross_entropy(fake, self.generator_target)


class Hinge:
    """The hinge loss (Lim and Ye, 2017, arXiv:1705.02894; Miyato et al., 2018, arXiv:1802.05957)."""

    probability: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """max(0, 1 - D(x)) + max(0, 1 + D(G(z)))."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-D(G(z))."""
        return -fake.mean()


class LeastSquares:
    """Least squares with labels a, b and c (Mao et al., 2016, arXiv:1611.04076, equation 2).

    fake_label (a), real_label (b): what D aims at; generator_label (c): what G wants D to say.
    """

    probability: ClassVar[bool] = False

    def __init__(
        self, *, fake_label: float = 0.0, real_label: float = 1.0, generator_label: float = 1.0
    ) -> None:
        self.fake_label, self.real_label, self.generator_label = fake_label, real_label, generator_label

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """(D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2."""
        return 0.5 * ((real - self.real_label).square().mean() + (fake - self.fake_label).square().mean())

    def generator(self, fake: Tensor) -> Tensor:
        """(D(G(z)) - c)^2 / 2."""
        return 0.5 * (fake - self.generator_label).square().mean()


class Wasserstein:
    """The critic's difference of means; it needs a bound (Arjovsky et al., 2017, arXiv:1701.07875)."""

    probability: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """D(G(z)) - D(x)."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """-D(G(z))."""
        return -fake.mean()


class Relativistic:
    """Is real more real than fake? (Jolicoeur-Martineau, 2018, arXiv:1807.00734).

    form: pairs compares each real score with one fake score (RpGAN, equation 7); average compares each score
    with the mean of the other side (RaGAN, equation 11).
    """

    probability: ClassVar[bool] = False

    def __init__(self, *, form: Literal["pairs", "average"] = "pairs") -> None:
        self.averaged = form == "average"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log sigmoid(D(x) - D(G(z))), or the averaged form's two terms."""
        if self.averaged:
            return softplus(fake.mean(0) - real).mean() + softplus(fake - real.mean(0)).mean()
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        """The discriminator's loss with the two sides exchanged."""
        return self.discriminator(fake, real)


class BoundarySeeking:
    """G aims at where D is undecided (Hjelm et al., 2017, arXiv:1702.08431, continuous case)."""

    probability: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log D(x) - log(1 - D(G(z)))."""
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """(log D(G(z)) - log(1 - D(G(z))))^2 / 2: half the square of the score."""
        return 0.5 * fake.square().mean()


class Softmax:
    """Cross entropy over all samples of a batch, real and generated (Lin, 2017, arXiv:1704.06191).

    D gives each of M real samples the share 1 / M and fakes none; G gives all samples the same share.
    """

    probability: ClassVar[bool] = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """-log of the shares of real samples, a share being exp(score) over its sum in the batch."""
        return -torch.cat((real, fake)).log_softmax(0)[: len(real)].mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        """-log of the shares of all samples, real and generated."""
        return -torch.cat((real, fake)).log_softmax(0).mean()


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) = -log sigmoid(-x), exact: torch's default threshold of 20 would be off by 2e-9."""
    return F.softplus(x, threshold=50.0)


def _cross_entropy(scores: Tensor, label: float) -> Tensor:
    """-label log sigmoid(s) - (1 - label) log(1 - sigmoid(s)) = softplus(s) - label s."""
    if label == 1:
        return softplus(-scores).mean()  # the difference would round small values away
    return torch.sub(softplus(scores), scores, alpha=label).mean()
