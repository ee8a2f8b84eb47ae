"""Games: who plays and in what order.

A game has named players (networks) and an ordered list of turns. A turn says whose weights learn, with which
optimizer, and gives the loss of a batch. The engine plays turns; it knows nothing else about a GAN.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ganzoo.engine.calls import inference, is_pure
from ganzoo.engine.contest import Contest
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


@dataclass(frozen=True)
class Turn:
    """One move of the game: these weights learn from this loss, every so many steps.

    loss: from a batch to (what is minimised, statistics by name); after: called when the players have moved.
    repeats: a promise that every so many losses are made by the same operations; 0 for none.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    loss: Callable[[Batch], tuple[Tensor, Stats]]
    every: int = 1
    after: Callable[[], None] = lambda: None
    repeats: int = 0

    def set_rate(self, seen: int, total: int) -> None:
        """Let the learning rate follow the schedule, of so many images in all."""
        factor = self.schedule(seen, total)
        for group in self.optimizer.param_groups:
            group.setdefault("base_lr", group["lr"])
            group["lr"] = group["base_lr"] * factor

    def move(self, gradients: Sequence[Tensor | None]) -> None:
        """Let the weights follow their gradients."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = laid_out_like(parameter, gradient)
        self.optimizer.step()
        self.after()


Move = Callable[[Turn, Sequence[Tensor | None]], None]


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


def play_step(game: Game, batch: Batch, step: int, move: Move = Turn.move) -> Stats:
    """Play every turn that is due and return their statistics, detached: nothing waits for the device."""
    stats: Stats = {}
    for turn in game.turns:
        if (step + 1) % turn.every == 0:  # the last of every so many: five turns of D, then one of G
            stats |= play_turn(turn, batch, move)
    return stats


def play_turn(turn: Turn, batch: Batch, move: Move = Turn.move) -> Stats:
    """One move: gradients flow through all players and into the weights of the turn's own players only."""
    loss, stats = turn.loss(batch)
    gradients = torch.autograd.grad(batch.group.weigh(loss), turn.parameters, allow_unused=True)
    move(turn, batch.group.sum_gradients(gradients))
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
        self.spec, self.latent, self.generate = parts.spec, parts.latent, parts.caller(self.generator)
        self.contest = Contest(parts, self.discriminator, pack=pack)
        self.view, self.judge, self.summary = self.contest.view, self.contest.judge, self.contest.summary
        self.modules, self.probability = self.contest.modules, self.contest.probability
        self.penalty_every = penalty_every
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
        after = self.contest.constrain
        d_turn = parts.turn("d", [self.discriminator], self.d_loss, after=after, repeats=penalty_every)
        g_turn = parts.turn("g", [self.generator], self.g_loss, every=g_every, repeats=1)
        self.turns = (d_turn, g_turn) if first == "discriminator" else (g_turn, d_turn)

    def d_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The discriminator tells real from fake."""
        is_due = (batch.step + 1) % self.penalty_every == 0
        real, fake = self.view(batch.real), self.view(self.fakes_for_d(batch))
        return self.contest.d_loss(
            real, fake, batch.labels, penalty_weight=self.penalty_every if is_due else 0
        )

    def g_loss(self, batch: Batch) -> tuple[Tensor, Stats]:
        """The generator makes fakes that the discriminator takes for real."""
        scores = self.judge(self.view(self.fakes(batch)), batch.labels)
        loss = self.contest.g_loss(scores, lambda: self.view(batch.real), batch.labels)
        return loss, {"fake_scores": scores}

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
