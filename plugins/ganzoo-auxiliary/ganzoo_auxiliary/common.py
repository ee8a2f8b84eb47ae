"""What the games share: the classes that they draw, and the discriminators and generators that they need."""

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.engine.calls import takes
from ganzoo.engine.game import Batch
from ganzoo.engine.parts import Parts
from ganzoo.errors import MisfitError
from ganzoo.layers import Dropout, SameConv2d, doublings
from ganzoo.spec import DataSpec


def convolutions(
    spec: DataSpec,
    width: int,
    *,
    kernel: int,
    slope: float,
    batch_norm: bool = True,
    dropout: float | None = None,
) -> tuple[nn.Sequential, int]:
    """Halvings down to sides of 4 to 7: pictures (N, C, H, W) -> features (N, F), and F.

    width: filters of the first layer; each layer after it has twice as many, and batch norm unless it is left
    out. Raises ValueError where the data are no pictures.
    """
    if not spec.is_image:
        raise ValueError(f"it looks at pictures and the data are {spec.shape_text}")
    before, height, breadth = spec.shape
    layers = nn.Sequential()
    for step in range(doublings(height, breadth, 4)):
        after = width * 2**step
        layers.append(SameConv2d(before, after, kernel, 2))
        layers.extend([nn.BatchNorm2d(after)] if step and batch_norm else [])
        layers.append(nn.LeakyReLU(slope))
        layers.extend([] if dropout is None else [Dropout(dropout)])
        before, height, breadth = after, -(-height // 2), -(-breadth // 2)
    return layers.append(nn.Flatten()), before * height * breadth


@runtime_checkable
class Featured(Protocol):
    """A discriminator whose features a game can put a head of its own on.

    Its forward is `judge(features(x))`.
    """

    feature_count: int

    def features(self, x: Tensor) -> Tensor:
        """Features (N, feature_count) of samples (N, *shape)."""
        ...

    def judge(self, features: Tensor) -> Tensor:
        """Scores (N,) from features."""
        ...


@runtime_checkable
class Classifying(Protocol):
    """A discriminator that gives each class a logit."""

    def examine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (N,) and class logits (N, classes)."""
        ...


def featured(parts: Parts) -> tuple[nn.Module, Featured]:
    """The recipe's discriminator, as a network and as one with features. Raises MisfitError."""
    network = parts.discriminator()
    if not isinstance(network, Featured):
        raise _refusal(parts, "features", "infogan or acgan")
    return network, network


def classifying(parts: Parts) -> tuple[nn.Module, Classifying]:
    """The recipe's discriminator, as a network and as one that tells classes. Raises MisfitError."""
    network = parts.discriminator()
    if not isinstance(network, Classifying):
        raise _refusal(parts, "class logits", "sgan")
    return network, network


def _refusal(parts: Parts, needs: str, choose: str) -> MisfitError:
    game, discriminator = (parts.resolved[role][0].label for role in ("game", "discriminator"))
    return MisfitError(
        f"{game} needs a discriminator with {needs}; {discriminator} has none. Choose {choose}."
    )


def conditional_generator(parts: Parts, spec: DataSpec | None = None) -> nn.Module:
    """The recipe's generator, which must make samples for given labels. Raises MisfitError."""
    if (spec or parts.spec).classes is None:
        game = parts.resolved["game"][0].label
        raise MisfitError(f"{game} learns classes and the data have no labels. Choose labelled data.")
    network = parts.generator(spec)
    if not takes(network.forward, "labels"):
        game, generator = (parts.resolved[role][0].label for role in ("game", "generator"))
        raise MisfitError(f"{game} asks for classes and {generator} takes no labels. Choose cdcgan.")
    return network


def labels_of(batch: Batch) -> Tensor:
    """The labels (N,) of the real samples. Raises MisfitError where the data have none."""
    if batch.labels is None:
        raise MisfitError("the game learns classes and the data have no labels. Choose labelled data.")
    return batch.labels


def draw_classes(batch: Batch, classes: int) -> Tensor:
    """As many classes (N,) as there are real samples, all of the same probability."""

    def draw(count: int, source: torch.Generator | None) -> Tensor:
        return torch.randint(classes, (count,), generator=source, device=batch.real.device)

    return batch.group.draw(len(batch.real), draw)


def class_loss(logits: Tensor, labels: Tensor, softmax_twice: bool = False) -> Tensor:
    """Cross entropy; twice is with probabilities in the place of logits, as popular scripts have it."""
    return F.cross_entropy(logits.softmax(1) if softmax_twice else logits, labels)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each row's highest logit is that of its label, (N,)."""
    return (logits.argmax(1) == labels).to(logits.dtype)
