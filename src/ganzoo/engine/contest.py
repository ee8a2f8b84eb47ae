"""What games of real against fake share: the discriminator's loss, the deceivers' loss, and their numbers."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.engine.calls import takes
from ganzoo.engine.parts import Parts

if TYPE_CHECKING:
    from ganzoo.engine.game import Stats


@runtime_checkable
class Reporting(Protocol):
    """A loss that has numbers of its own to report."""

    def report(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Scalars by name, from the scores (N,) that D gave samples since the last report."""
        ...


class Contest:
    """A discriminator with the recipe's loss, penalties, constraints and augmentations.

    parts: for what the discriminator judges, which need not be the run's samples. pack: it judges so many
    side by side. loss: one that several contests share, else the recipe's. view: what it sees of samples;
    modules: what has state to save; constrain: to be called after each of its moves.
    """

    def __init__(self, parts: Parts, discriminator: nn.Module, *, pack: int = 1, loss: Any = None) -> None:
        packed = parts.packed(pack)
        self.view, self.constrain = parts.view(pack), parts.constraint(discriminator)
        self.judge, self.judge_both = parts.caller(discriminator), packed.joint_caller(discriminator)
        self.loss = parts.loss() if loss is None else loss
        self.probability, self.g_loss_sees_real = self.loss.probability, takes(self.loss.generator, "real")
        self.penalties = packed.penalties(discriminator)
        self.modules: dict[str, nn.Module] = {"loss": self.loss} if isinstance(self.loss, nn.Module) else {}
        self.modules |= self.view.modules

    def d_loss(
        self,
        real: Tensor,
        fake: Tensor,
        labels: Tensor | None = None,
        scores: tuple[Tensor, Tensor] | None = None,
        penalty_weight: float = 1.0,
    ) -> "tuple[Tensor, Stats]":
        """What the discriminator loses on samples as it sees them.

        scores: of both, where they are known; penalty_weight: 0 leaves penalties out.
        """
        real_scores, fake_scores = self.judge_both(real, fake, labels) if scores is None else scores
        self.view.observe(real_scores)
        loss = self.loss.discriminator(real_scores, fake_scores)
        for penalty in self.penalties if penalty_weight else ():
            loss = loss + penalty_weight * penalty(real, fake, labels)
        return loss, {"real_scores": real_scores, "fake_scores": fake_scores}

    def g_loss(self, fake_scores: Tensor, real: Callable[[], Tensor], labels: Tensor | None = None) -> Tensor:
        """What those lose who made the fakes.

        real: gives real samples as the discriminator sees them, for losses that look at their scores too.
        """
        if not self.g_loss_sees_real:
            return self.loss.generator(fake_scores)
        return self.loss.generator(fake_scores, self.judge(real(), labels))

    def summary(self, stats: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Numbers of turns `d` and `g` with statistics `real_scores` and `fake_scores`.

        Every turn's loss, what the loss itself has to report, and D(x), D(G(z)) and accuracies where scores
        are log-odds, else mean scores; other statistics are given by their name, as means.
        """
        means = {}
        for name, values in stats.items():
            turn, _, what = name.partition("/")
            if not what.endswith("_scores"):
                means[f"{turn}_loss" if what == "loss" else what] = values.mean()
        real, fake = stats["d/real_scores"], stats["d/fake_scores"]
        if isinstance(self.loss, Reporting):
            means |= self.loss.report(real, fake)
        if not self.probability:
            return means | {"real_score": real.mean(), "fake_score": fake.mean()}
        means |= {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
        means["d_accuracy"] = torch.cat((real > 0, fake <= 0)).float().mean()
        if "g/fake_scores" in stats:
            means["g_accuracy"] = (stats["g/fake_scores"] > 0).float().mean()
        return means
