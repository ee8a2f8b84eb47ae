"""The parts that a game is assembled from, built with their options."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from ganzoo.engine import check, layout, promises
from ganzoo.engine.calls import Score, call_with_labels, mixes_samples, takes
from ganzoo.engine.distributed import Group
from ganzoo.engine.feed import smallest_batch
from ganzoo.engine.latent import Latent
from ganzoo.engine.products import hasten
from ganzoo.engine.resolve import Resolved
from ganzoo.engine.seeds import derive, reseed
from ganzoo.engine.view import View, packed_shape
from ganzoo.engine.whole_batch import with_whole_batch_norm, with_whole_scores
from ganzoo.errors import MisfitError, PluginError
from ganzoo.recipe import Recipe
from ganzoo.spec import DataSpec

if TYPE_CHECKING:
    from ganzoo.engine.game import Batch, Stats, Turn

Result = TypeVar("Result", Tensor, tuple[Tensor, ...])
Penalty = Callable[[Tensor, Tensor, Tensor | None], Tensor]
IN_LOSSES = ("generator", "discriminator", "loss", "penalty", "constraint", "augmentation", "game")
DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.float32,
    "float64": torch.float64,
}


@dataclass(frozen=True)
class Parts:
    """Builds what a game asks for: networks with weights from the run's seed, losses, penalties and turns.

    spec: the data as networks see them. precision: bfloat16 lets networks compute in bfloat16 while weights,
    penalties and losses stay in float32; tf32 lets a GPU round the factors of products to ten bits. group:
    the ranks that play the game together.
    """

    recipe: Recipe
    resolved: dict[str, list[Resolved]]
    spec: DataSpec
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"
    group: Group = field(default_factory=Group)

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights and losses."""
        return DTYPES[self.precision]

    @property
    def are_own(self) -> bool:
        """Whether ganzoo itself brings all that takes part in the losses of a step."""
        return all(part.component.is_builtin for role in IN_LOSSES for part in self.resolved.get(role, []))

    @property
    def data(self) -> Resolved | None:
        """The data set, if there is one."""
        return next(iter(self.resolved.get("dataset", [])), None)

    @property
    def latent(self) -> Latent:
        """The noise that the recipe asks for."""
        return Latent(self.recipe.latent, self.recipe.latent_distribution, self.group)

    def generator(
        self, spec: DataSpec | None = None, name: str = "generator", source: DataSpec | None = None
    ) -> nn.Module:
        """A generator of the recipe's kind; `name` tells several of them apart.

        source: the pictures that it starts from, else noise. Raises MisfitError where that is not its kind.
        """
        part, spec = self.resolved["generator"][0], spec or self.spec
        if part.starts_from_pictures == (source is None):
            words = ("pictures", "noise") if source is None else ("noise", "pictures")
            game = self.resolved["game"][0].label
            raise MisfitError(
                f"{part.label} starts from {words[0]} and {game} gives it {words[1]}. "
                "Choose another generator, or a recipe with another game."
            )
        start = source or self.recipe.latent
        network = self._network(part, name, spec, start)
        check.generator(part, network, spec, start, self._smallest_batch)
        return network

    def discriminator(self, spec: DataSpec | None = None, name: str = "discriminator") -> nn.Module:
        """A discriminator of the recipe's kind; `name` tells several of them apart."""
        part, spec = self.resolved["discriminator"][0], spec or self.spec
        network = self._network(part, name, spec)
        check.discriminator(part, network, spec, self._smallest_batch)
        return network

    def pair(self, pack: int = 1) -> tuple[nn.Module, nn.Module]:
        """A generator, and a discriminator of so many samples at once, that agree about labels."""
        generator, discriminator = self.generator(), self.packed(pack).discriminator()
        if pack > 1 and takes(discriminator.forward, "labels"):
            raise MisfitError(
                f"{self.resolved['game'][0].label} packs {pack} samples and "
                f"{self.resolved['discriminator'][0].label} judges one label at a time. "
                "Set game.pack=1 or choose a discriminator without labels."
            )
        warning = check.labels_agree(
            self.resolved["generator"][0], generator, self.resolved["discriminator"][0], discriminator
        )
        if warning:
            logging.getLogger("ganzoo").warning(warning)
        return generator, discriminator

    def packed(self, pack: int) -> "Parts":
        """The parts for samples that come so many side by side. Raises MisfitError."""
        if pack == 1:
            return self
        game = self.resolved["game"][0]
        ranks = self.group.size
        if self.recipe.batch % (pack * ranks) or self._smallest_batch < pack * ranks:
            shared = f", shared by {ranks} ranks" if ranks > 1 else ""
            sizes = f"a batch of {self.recipe.batch}, the smallest of {self._smallest_batch}{shared}"
            raise MisfitError(f"{game.label} cannot pack {pack} of {sizes}. Set another batch.")
        spec = replace(self.spec, shape=packed_shape(self.spec.shape, pack), size=self.spec.size // pack)
        return replace(self, spec=spec, recipe=self.recipe.set("batch", self.recipe.batch // pack))

    def view(self, pack: int = 1) -> View:
        """What the discriminator sees: the recipe's augmentations, and so many samples side by side."""
        modules = {}
        for number, part in enumerate(self.resolved["augmentation"], 1):
            made = part.build(self.spec, beside=self.data)
            check.augmentation(part, made, self.spec)
            modules[f"augmentation-{number}"] = made.to(self.device, self.dtype)
        return View(modules, pack, self.group)

    def constraint(self, discriminator: nn.Module) -> Callable[[], None]:
        """Put the recipe's constraints on this discriminator; what comes back follows each of its moves."""
        reseed(derive(self.seed, "constraint"), torch.device("cpu"))
        judge = self.resolved["discriminator"][0]
        made = [part.build(discriminator, beside=judge) for part in self.resolved["constraint"]]

        def keep() -> None:
            for each in made:
                each()

        return keep

    def player(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        """A network of the game's own, an encoder, say: its weights are drawn from a seed of its name."""
        # Each player has a seed of its own: swapping one leaves the others as they were.
        reseed(derive(self.seed, "weights", name), torch.device("cpu"))
        network = hasten(with_whole_batch_norm(make(), self.group)).to(self.device, self.dtype)
        return layout.lay_out(network)

    def _network(self, part: Resolved, name: str, *arguments: Any) -> nn.Module:
        def make() -> nn.Module:
            network = part.build(*arguments, beside=self.data)
            if isinstance(network, nn.Module):
                return network
            raise PluginError(f"{part.label} is a {type(network).__name__}; it must be a torch.nn.Module.")

        return self.player(name, make)

    def loss(self) -> Any:
        """The recipe's loss."""
        made = self.resolved["loss"][0].build()
        check.loss(self.resolved["loss"][0], made)
        made = with_whole_scores(made, self.group)
        return made.to(self.device, self.dtype) if isinstance(made, nn.Module) else made

    def penalties(self, discriminator: nn.Module) -> "list[Penalty]":
        """The recipe's penalties on this discriminator, in full precision."""
        score = call_with_labels(discriminator)
        for part in self.resolved["penalty"]:
            check.penalty(part, discriminator, self.spec)
        return [partial(part.factory, score, **part.options) for part in self.resolved["penalty"]]

    def caller(self, network: nn.Module) -> Score:
        """The network as a function of (input, labels), computed in the run's precision."""
        return self.computing(call_with_labels(network))

    def computing(self, function: Callable[..., Result]) -> Callable[..., Result]:
        """The function, computed in the run's precision; what it returns has that of the weights."""

        def compute(*arguments: Any) -> Result:
            with self._precision():
                return _cast(function(*arguments), self.dtype)

        return compute

    def joint_caller(
        self, network: nn.Module
    ) -> Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]:
        """The network on real and fake samples: in one pass where no layer mixes samples, else in two."""
        compute = self.caller(network)

        def apart(real: Tensor, fake: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
            return compute(real, labels), compute(fake, labels)

        def joined(real: Tensor, fake: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
            both = None if labels is None else torch.cat((labels, labels))
            scores = compute(torch.cat((real, fake)), both)
            real_scores, fake_scores = scores.view(2, len(real), *scores.shape[1:]).unbind()
            return real_scores, fake_scores

        return apart if mixes_samples(network, self.spec) else joined

    def turn(
        self,
        name: str,
        players: Sequence[nn.Module],
        loss: "Callable[[Batch], tuple[Tensor, Stats]]",
        *,
        every: int = 1,
        after: Callable[[], None] = lambda: None,
        lr: float | None = None,
        repeats: int = 0,
    ) -> "Turn":
        """A turn with the recipe's optimizer and schedule: `d_...` for turn d, `g_...` for all others.

        lr: another learning rate than the optimizer's own. repeats: as of a Turn.
        """
        from ganzoo.engine.game import Turn

        side = "d" if name == "d" else "g"
        parameters = [p for player in players for p in player.parameters() if p.requires_grad]
        part = self.resolved[f"{side}_optimizer"][0]
        if lr is not None:
            part = part.with_options(lr=lr)
        optimizer = promises.optimizer(part, part.build(parameters))
        part = self.resolved[f"{side}_schedule"][0]
        schedule = promises.schedule(part, part.build())
        return Turn(name, parameters, optimizer, schedule, loss, every, after, repeats)

    @property
    def _smallest_batch(self) -> int:
        return smallest_batch(self.recipe, self.spec.size)

    def _precision(self) -> AbstractContextManager[Any]:
        if self.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def _cast(result: Result, dtype: torch.dtype) -> Result:
    return tuple(r.to(dtype) for r in result) if isinstance(result, tuple) else result.to(dtype)
