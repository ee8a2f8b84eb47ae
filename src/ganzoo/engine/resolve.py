"""The parts of a recipe, looked up by name with their options checked and completed."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ganzoo import registry
from ganzoo.engine import faults
from ganzoo.engine.calls import takes
from ganzoo.errors import GanzooError, MisfitError, PluginError
from ganzoo.options import complete, options_of
from ganzoo.recipe import LIST_ROLES, ROLES, Part, Recipe
from ganzoo.registry import Component


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

    @property
    def starts_from_pictures(self) -> bool:
        """Whether it is a generator that makes pictures of pictures: its factory takes a `source`."""
        return takes(self.factory, "source")

    def with_options(self, **options: Any) -> "Resolved":
        """The same component with these options on top of its own. Raises UsageError."""
        return replace(
            self, options=complete(self.label, options_of(self.factory), {**self.options, **options})
        )

    def build(self, *arguments: Any, beside: "Resolved | None" = None) -> Any:
        """The component itself. Raises MisfitError where it refuses what it is given, and PluginError.

        beside: the part that it is made for, which a refusal names.
        """
        signature = inspect.signature(self.factory)
        try:
            signature.bind(*arguments, **self.options)
        except TypeError as error:
            given = ", ".join([*(type(each).__name__ for each in arguments), *self.options])
            message = f"{self.origin} takes {signature} and is given ({given}): {error}"
            raise PluginError(f"{message}. The page Components says what each kind takes.") from error
        try:
            return self.factory(*arguments, **self.options)
        except GanzooError:
            raise
        except ValueError as error:
            place = f"with {beside.label}" if beside else "here"
            raise MisfitError(f"{self.label} cannot be used {place}: {error}.") from error
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
