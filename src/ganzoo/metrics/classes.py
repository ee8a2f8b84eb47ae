"""The classes that a classifier sees in generated samples."""

import torch
from torch import Tensor


def class_histogram(real_classes: Tensor, fake_classes: Tensor, classes: int) -> dict[str, float]:
    """Classes that generated samples cover, and KL(fake || real) of how often each is seen, in nats.

    real_classes, fake_classes: what the extractor takes each sample for, (N,), of so many `classes`. The real
    shares are smoothed by one sample spread over all classes, so that the divergence is finite.
    """
    real, fake = (torch.bincount(side, minlength=classes).double() for side in (real_classes, fake_classes))
    real_shares = (real + 1 / classes) / (real.sum() + 1)
    covered = (fake[real > 0] > 0).double().mean().item()
    return {"class_coverage": covered, "class_kl": divergence(fake / fake.sum(), real_shares)}


def class_agreement(fake_labels: Tensor, fake_classes: Tensor) -> dict[str, float]:
    """The share of samples that are taken for the class they were asked to be.

    fake_labels: what was asked for, fake_classes: what the extractor takes each sample for, (N,). The measure
    of conditional generators of Odena et al. (2016, arXiv:1610.09585, section 4.1), with a classifier.
    """
    return {"class_agreement": (fake_labels == fake_classes).double().mean().item()}


def cluster_purity(fake_labels: Tensor, fake_classes: Tensor, classes: int) -> dict[str, float]:
    """The share of samples taken for the class that is most frequent among those of the same label.

    For labels without a meaning of their own, as the categories that a GAN finds. fake_labels: what was asked
    for, fake_classes: what the extractor takes each sample for, (N,), of so many `classes`.
    """
    pairs = torch.bincount(fake_labels * classes + fake_classes).double()
    counts = torch.nn.functional.pad(pairs, (0, -len(pairs) % classes)).view(-1, classes)
    return {"cluster_purity": (counts.amax(1).sum() / counts.sum()).item()}


def stacked_modes(fake_classes: Tensor, classes: int) -> dict[str, float]:
    """Modes found of 1,000 in Stacked MNIST, and KL(found || uniform) (Metz et al., 2017, arXiv:1611.02163).

    fake_classes: what the extractor takes each sample for, (N,). In nats. The protocol has 26,000 samples.
    """
    counts = torch.bincount(fake_classes, minlength=classes).double()
    return modes_found(counts)


def modes_found(counts: Tensor) -> dict[str, float]:
    """Modes with a sample, and KL(found || uniform); NaN where no sample is in any."""
    uniform = torch.full_like(counts, 1 / len(counts))
    return {"modes": (counts > 0).sum().item(), "mode_kl": divergence(counts / counts.sum(), uniform)}


def divergence(p: Tensor, q: Tensor) -> float:
    """KL(p || q) of shares in nats; q is nowhere 0."""
    return torch.where(p == 0, 0.0, p * (p / q).log()).sum().item()
