"""Games: who plays and in what order.

A game has named players (networks) and an ordered list of turns. A turn says whose weights learn, with which
optimizer, and gives the loss of a batch. The engine plays turns; it knows nothing else about a GAN.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ganzoo.engine.calls import inference, is_pure, takes
from ganzoo.engine.distributed import Group
from ganzoo.engine.latent import Start
from ganzoo.engine.parts import Parts
from ganzoo.options import PositiveInt
from ganzoo.schedules import Schedule
from ganzoo.spec import DataSpec

Stats = dict[str, Tensor]


@dataclass
class Batch:
    """Real samples (N, *shape), labels (N,) or None, and what turns of a step leave for later ones.

    group: the ranks that share the batch; these samples are the rows of this one. indices: where the samples
    are among those of the data set (N,), int64. step: how many steps were played before this one.
    """

    real: Tensor
    labels: Tensor | None
    group: Group = field(default_factory=Group)
    shared: dict[str, Tensor] = field(default_factory=dict)
    indices: Tensor | None = None
    step: int = 0


@runtime_checkable
class Reporting(Protocol):
    """A loss that has numbers of its own to report."""

    def report(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Scalars by name, from the scores (N,) that D gave samples since the last report."""
        ...


@dataclass(frozen=True)
class Turn:
    """One move of the game: these weights learn from this loss, every so many steps.

    loss: from a batch to (what is minimised, statistics by name); after: called when the players have moved.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    loss: Callable[[Batch], tuple[Tensor, Stats]]
    every: int = 1
    after: Callable[[], None] = lambda: None


class Game(Protocol):
    """What the engine needs of a game.

    players: every network, by name; all of them are saved. modules: what else has state to save (a loss that
    keeps a running number, say). generator: the player that makes samples, averaged if the recipe asks.
    spec: what it makes, and the classes that it can be asked for; latent: what it starts from,
    noise or pictures.
    probability: whether sigmoid(score) is the discriminator's probability that a sample is real.
    """

    players: Mapping[str, nn.Module]
    modules: Mapping[str, nn.Module]
    turns: Sequence[Turn]
    generator: nn.Module
    spec: DataSpec
    latent: Start
    probability: bool

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's scores (N,) of samples."""
        ...

    def summary(self, stats: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Numbers to report, from the turns' statistics, each concatenated over some steps."""
        ...


def play_step(game: Game, batch: Batch, step: int) -> Stats:
    """Play every turn that is due and return their statistics, detached: nothing waits for the device."""
    stats: Stats = {}
    for turn in game.turns:
        if (step + 1) % turn.every == 0:  # the last of every so many: five turns of D, then one of G
            stats |= play_turn(turn, batch)
    return stats


def play_turn(turn: Turn, batch: Batch) -> Stats:
    """One move: gradients flow through all players and into the weights of the turn's own players only."""
    loss, stats = turn.loss(batch)
    gradients = torch.autograd.grad(batch.group.weigh(loss), turn.parameters, allow_unused=True)
    for parameter, gradient in zip(turn.parameters, batch.group.sum_gradients(gradients), strict=True):
        parameter.grad = laid_out_like(parameter, gradient)
    turn.optimizer.step()
    turn.after()
    return {f"{turn.name}/loss": loss.detach(), **{f"{turn.name}/{k}": v.detach() for k, v in stats.items()}}


def laid_out_like(parameter: Tensor, gradient: Tensor | None) -> Tensor | None:
    """The gradient in its weight's order of memory.

    That of a convolution under a gradient penalty may come transposed, and torch's fused optimizers read
    memory without a look at strides: they would move the wrong weights, without an error.
    """
    if gradient is None or gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)


class StandardGame:
    """Two players, a generator and a discriminator (Goodfellow et al., 2014, arXiv:1406.2661, algorithm 1).

    first: who moves first. share: what both turns of a step use: nothing, the same noise or the same fakes.
    d_turn_generator: whether the fakes for D are made with batch statistics (train) or running ones (eval).
    g_every: G moves in the last of every so many steps. pack: D judges so many samples side by side, joined
    along channels or features (Lin et al., 2017, arXiv:1712.04086); a rest of a batch is not shown.
    penalty_every: penalties count in the last of every so many steps, and so many times as much (lazy
    regularization, Karras et al., 2019, arXiv:1912.04958, appendix B; Adam stays as it is).
    """

    def __init__(
        self,
        parts: Parts,
        *,
        first: Literal["discriminator", "generator"] = "discriminator",
        share: Literal["nothing", "noise", "fakes"] = "nothing",
        d_turn_generator: Literal["train", "eval"] = "train",
        g_every: PositiveInt = 1,
        pack: PositiveInt = 1,
        penalty_every: PositiveInt = 1,
    ) -> None:
        self.generator, self.discriminator = parts.pair(pack)
        self.players = {"generator": self.generator, "discriminator": self.discriminator}
        self.view, packed = parts.view(pack), parts.packed(pack)
        after_d_turn = parts.constraint(self.discriminator)
        self.generate, self.judge = parts.caller(self.generator), parts.caller(self.discriminator)
        self.score_both = packed.joint_caller(self.discriminator)
        self.loss, self.latent, self.spec = parts.loss(), parts.latent, parts.spec
        self.penalties, self.penalty_every = packed.penalties(self.discriminator), penalty_every
        self.probability = self.loss.probability
        self.modules = {"loss": self.loss} if isinstance(self.loss, nn.Module) else {}
        self.modules |= self.view.modules
        self.eval_in_d_turn = d_turn_generator == "eval"
        if self.eval_in_d_turn and share == "fakes":
            raise ValueError(
                "share=fakes gives D the fakes that G learns from; d_turn_generator=eval asks for others"
            )
        # The same noise through a pure generator gives the same fakes: make them once.
        # Not where G moves first: D learns from what the moved G makes of the noise.
        can_repeat = share == "noise" and first == "discriminator" and not self.eval_in_d_turn
        repeats = can_repeat and is_pure(self.generator, self.latent.size, parts.spec.classes)
        self.share = "fakes" if repeats else share
        self.g_loss_sees_real = takes(self.loss.generator, "real")
        d_turn = parts.turn("d", [self.discriminator], self.d_loss, after=after_d_turn)
        g_turn = parts.turn("g", [self.generator], self.g_loss, every=g_every)
        self.turns = (d_turn, g_turn) if first == "discriminator" else (g_turn, d_turn)

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The discriminator tells real from fake."""
        real, fake = self.view(batch.real), self.view(self.fakes_for_d(batch))
        real_scores, fake_scores = self.score_both(real, fake, batch.labels)
        self.view.observe(real_scores)
        loss = self.loss.discriminator(real_scores, fake_scores)
        if (batch.step + 1) % self.penalty_every == 0:
            for penalty in self.penalties:
                loss = loss + self.penalty_every * penalty(real, fake, batch.labels)
        return loss, {"real_scores": real_scores, "fake_scores": fake_scores}

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The generator makes fakes that the discriminator takes for real."""
        fake_scores = self.judge(self.view(self.fakes(batch)), batch.labels)
        if not self.g_loss_sees_real:
            return self.loss.generator(fake_scores), {"fake_scores": fake_scores}
        real_scores = self.judge(self.view(batch.real), batch.labels)
        return self.loss.generator(fake_scores, real_scores), {"fake_scores": fake_scores}

    def fakes_for_d(self, batch: Batch) -> Tensor:
        """Fakes that carry no gradient."""
        if self.share == "fakes":
            return self.fakes(batch).detach()
        with torch.no_grad(), inference(self.generator) if self.eval_in_d_turn else nullcontext():
            return self.fakes(batch)

    def fakes(self, batch: Batch) -> Tensor:
        """As many fakes as there are real samples, made for the same labels."""
        if self.share != "fakes" or "fakes" not in batch.shared:
            batch.shared["fakes"] = self.generate(self.noise(batch), batch.labels)
        return batch.shared["fakes"]

    def noise(self, batch: Batch) -> Tensor:
        """Fresh noise, or what an earlier turn of the step started from."""
        if self.share == "nothing" or "noise" not in batch.shared:
            batch.shared["noise"] = self.latent.draw(len(batch.real), batch.real)
        return batch.shared["noise"]

    def score(self, samples: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's scores of samples, one for each pack."""
        return self.judge(self.view.pack(samples), labels)

    def summary(self, stats: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses, and D(x), D(G(z)) and accuracies where scores are log-odds, else mean scores."""
        return numbers(stats, self.loss)


def numbers(stats: Mapping[str, Tensor], loss: Any) -> dict[str, Tensor]:
    """What a game with turns d and g reports of them, from their statistics `real_scores` and `fake_scores`.

    Every turn's loss, what the loss itself has to report, and D(x), D(G(z)) and accuracies where scores are
    log-odds, else mean scores; other statistics are given by their name, as means.
    """
    means = {}
    for name, values in stats.items():
        turn, _, what = name.partition("/")
        if not what.endswith("_scores"):
            means[f"{turn}_loss" if what == "loss" else what] = values.mean()
    real, fake = stats["d/real_scores"], stats["d/fake_scores"]
    if isinstance(loss, Reporting):
        means |= loss.report(real, fake)
    if not loss.probability:
        return means | {"real_score": real.mean(), "fake_score": fake.mean()}
    means |= {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
    means["d_accuracy"] = torch.cat((real > 0, fake <= 0)).float().mean()
    if "g/fake_scores" in stats:
        means["g_accuracy"] = (stats["g/fake_scores"] > 0).float().mean()
    return means
