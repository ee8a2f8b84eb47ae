"""The parts that a game is assembled from, looked up by name and built with their options."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo import registry
from ganzoo.engine import check, faults, promises
from ganzoo.engine.calls import Score, call_with_labels, mixes_samples
from ganzoo.engine.feed import smallest_batch
from ganzoo.engine.latent import Latent
from ganzoo.engine.seeds import derive, reseed
from ganzoo.errors import GanzooError, MisfitError, PluginError
from ganzoo.options import complete, options_of
from ganzoo.recipe import LIST_ROLES, ROLES, Part, Recipe
from ganzoo.registry import Component
from ganzoo.spec import DataSpec

if TYPE_CHECKING:
    from ganzoo.engine.game import Batch, Stats, Turn

Penalty = Callable[[Tensor, Tensor, Tensor | None], Tensor]
DTYPES = {"float32": torch.float32, "bfloat16": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Resolved:
    """A component that was looked up, and all its options."""

    role: str
    component: Component
    factory: Callable[..., Any]
    options: dict[str, Any]

    @property
    def label(self) -> str:
        """How messages call it: `generator dcgan`."""
        return f"{self.role} {self.component.name}"

    @property
    def origin(self) -> str:
        """The label with the package, if another than ganzoo brings it: `generator mine of my-gan`."""
        installed = self.component.version and not self.component.is_builtin
        return f"{self.label} of {self.component.package}" if installed else self.label

    def build(self, *arguments: Any) -> Any:
        """The component itself. Raises MisfitError where it refuses what it is given."""
        try:
            return self.factory(*arguments, **self.options)
        except GanzooError:
            raise
        except ValueError as error:
            raise MisfitError(f"{self.label} cannot be used here: {error}.") from error
        except (Exception, SystemExit) as error:
            if self.component.is_builtin and not faults.is_out_of_memory(error):
                raise
            raise faults.failure(self, "when it is built", error) from error


def look_up(role: str, part: Part, *, typed: bool = False) -> Resolved:
    """The component of a part, with its options checked and completed."""
    component = registry.find(ROLES[role], part.name, typed=typed)
    factory = component.load()
    options = options_of(factory)
    return Resolved(role, component, factory, complete(f"{role} {part.name}", options, part.options))


def resolve(recipe: Recipe, typed: frozenset[str] = frozenset()) -> tuple[Recipe, dict[str, list[Resolved]]]:
    """The recipe with every option written out, and its parts by role.

    typed: import paths that the user typed; no others are followed. Raises UsageError and PluginError.
    """
    found: dict[str, list[Resolved]] = {}
    whole: dict[str, Any] = {}
    for role in ROLES:
        value = getattr(recipe, role)
        parts = value if role in LIST_ROLES else () if value is None else (value,)
        found[role] = [look_up(role, part, typed=part.name in typed) for part in parts]
        full = tuple(Part(p.name, **r.options) for p, r in zip(parts, found[role], strict=True))
        whole[role] = full if role in LIST_ROLES else full[0] if full else None
    return replace(recipe, **whole), found


@dataclass(frozen=True)
class Parts:
    """Builds what a game asks for: networks with weights from the run's seed, losses, penalties and turns.

    spec: the data as networks see them. precision: bfloat16 lets networks compute in bfloat16 while weights,
    penalties and losses stay in float32.
    """

    recipe: Recipe
    resolved: dict[str, list[Resolved]]
    spec: DataSpec
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: str = "float32"

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights and losses."""
        return DTYPES[self.precision]

    @property
    def latent(self) -> Latent:
        """The noise that the recipe asks for."""
        return Latent(self.recipe.latent, self.recipe.latent_distribution)

    def generator(self, spec: DataSpec | None = None, name: str = "generator") -> nn.Module:
        """A generator of the recipe's kind; `name` tells several of them apart."""
        part, spec = self.resolved["generator"][0], spec or self.spec
        network = self._network(part, name, spec, self.recipe.latent)
        check.generator(part, network, spec, self.recipe.latent, self._smallest_batch)
        return network

    def discriminator(self, spec: DataSpec | None = None, name: str = "discriminator") -> nn.Module:
        """A discriminator of the recipe's kind; `name` tells several of them apart."""
        part, spec = self.resolved["discriminator"][0], spec or self.spec
        network = self._network(part, name, spec)
        check.discriminator(part, network, spec, self._smallest_batch)
        return network

    def pair(self) -> tuple[nn.Module, nn.Module]:
        """A generator and a discriminator that agree about labels."""
        generator, discriminator = self.generator(), self.discriminator()
        warning = check.labels_agree(
            self.resolved["generator"][0], generator, self.resolved["discriminator"][0], discriminator
        )
        if warning:
            logging.getLogger("ganzoo").warning(warning)
        return generator, discriminator

    def _network(self, part: Resolved, name: str, *arguments: Any) -> nn.Module:
        # Each player draws its weights from a seed of its own: swapping one leaves the others as they were.
        reseed(derive(self.seed, "weights", name), torch.device("cpu"))
        network = part.build(*arguments)
        if not isinstance(network, nn.Module):
            raise PluginError(f"{part.label} is a {type(network).__name__}; it must be a torch.nn.Module.")
        return network.to(self.device, self.dtype)

    def loss(self) -> Any:
        """The recipe's loss."""
        made = self.resolved["loss"][0].build()
        check.loss(self.resolved["loss"][0], made)
        return made.to(self.device, self.dtype) if isinstance(made, nn.Module) else made

    def penalties(self, discriminator: nn.Module) -> "list[Penalty]":
        """The recipe's penalties on this discriminator, in full precision."""
        score = call_with_labels(discriminator)
        for part in self.resolved["penalty"]:
            check.penalty(part, discriminator, self.spec)
        return [partial(part.factory, score, **part.options) for part in self.resolved["penalty"]]

    def caller(self, network: nn.Module) -> Score:
        """The network as a function of (input, labels), computed in the run's precision."""
        call, precision = call_with_labels(network), self._precision

        def compute(x: Tensor, labels: Tensor | None) -> Tensor:
            with precision():
                return call(x, labels).to(x.dtype)

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
            real_scores, fake_scores = torch.tensor_split(compute(torch.cat((real, fake)), both), 2)
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
    ) -> "Turn":
        """A turn with the recipe's optimizer and schedule: `d_...` for turn d, `g_...` for all others."""
        from ganzoo.engine.game import Turn

        side = "d" if name == "d" else "g"
        parameters = [p for player in players for p in player.parameters() if p.requires_grad]
        part = self.resolved[f"{side}_optimizer"][0]
        optimizer = promises.optimizer(part, part.build(parameters))
        part = self.resolved[f"{side}_schedule"][0]
        schedule = promises.schedule(part, part.build())
        return Turn(name, parameters, optimizer, schedule, loss, every, after)

    @property
    def _smallest_batch(self) -> int:
        return smallest_batch(self.recipe, self.spec.size)

    def _precision(self) -> AbstractContextManager[Any]:
        if self.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
