"""A recipe: parts by name plus plain numbers, all that decides the weights of a trained GAN."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal

from ganzoo.errors import UsageError
from ganzoo.options import NonNegativeFloat, Option, PositiveFloat, PositiveInt, complete, options_of, suggest

# Which kind of component each role of a recipe names.
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "dataset": "datasets",
        "generator": "generators",
        "discriminator": "discriminators",
        "loss": "losses",
        "penalty": "penalties",
        "constraint": "constraints",
        "augmentation": "augmentations",
        "game": "games",
        "d_optimizer": "optimizers",
        "g_optimizer": "optimizers",
        "d_schedule": "schedules",
        "g_schedule": "schedules",
        "callback": "callbacks",
    }
)
LIST_ROLES = frozenset({"penalty", "constraint", "augmentation", "callback"})


@dataclass(frozen=True, init=False)
class Part:
    """A component by name, with the options that differ from its defaults: `Part("adam", lr=2e-4)`."""

    name: str
    options: Mapping[str, Any]

    def __init__(self, name: str, /, **options: Any) -> None:
        if "name" in options:
            raise UsageError(f"{name} has an option 'name', the word for the part itself: rename it.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", MappingProxyType(dict(options)))

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.options.items()))))

    def with_options(self, **options: Any) -> "Part":
        """The same component with these options on top of its own."""
        return Part(self.name, **{**self.options, **options})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the weights; two runs of one recipe and seed agree to the bit on one machine.

    latent: how many numbers the generator starts from.
    latent_distribution: normal is N(0, 1), uniform is U(-1, 1).
    value_range: smallest and largest pixel value that the networks see; vectors are left as they are.
    batch: real samples a step; order: how they are drawn; last_batch: what becomes of an epoch's remainder
    (merge: it joins the batch before it).
    epochs, steps, images: how long to train; exactly one of the three is given.
    ema_half_life_images: real images after which a weight counts half in the averaged generator; 0 for none.
    callback: what is drawn and measured on the way, and record_every_steps: how many steps one line of
    metrics.jsonl sums up; both watch, they never change a weight.
    paper: the source (authors, year, arXiv id).
    """

    generator: Part
    discriminator: Part
    loss: Part
    d_optimizer: Part
    g_optimizer: Part
    dataset: Part | None = None
    penalty: tuple[Part, ...] = ()
    constraint: tuple[Part, ...] = ()
    augmentation: tuple[Part, ...] = ()
    game: Part = Part("standard")
    d_schedule: Part = Part("constant")
    g_schedule: Part = Part("constant")
    callback: tuple[Part, ...] = (Part("health"),)
    latent: PositiveInt = 100
    latent_distribution: Literal["normal", "uniform"] = "normal"
    value_range: tuple[float, float] = (-1.0, 1.0)
    batch: PositiveInt = 64
    order: Literal["shuffled", "replacement", "sequential"] = "shuffled"
    last_batch: Literal["keep", "drop", "merge"] = "keep"
    epochs: PositiveFloat | None = None
    steps: PositiveInt | None = None
    images: PositiveInt | None = None
    ema_half_life_images: NonNegativeFloat = 0.0
    record_every_steps: PositiveInt = 100
    paper: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        given = [name for name in ("epochs", "steps", "images") if getattr(self, name) is not None]
        if len(given) != 1:
            raise UsageError(
                f"a recipe gives exactly one of epochs, steps and images, not {given or 'none'}."
            )
        for role in ROLES:
            _check_role(role, getattr(self, role))
        low, high = self.value_range
        if not low < high:
            raise UsageError(
                f"value_range is ({low:g}, {high:g}); the first must be smaller than the second."
            )

    def lasting(self, **length: float | int | None) -> "Recipe":
        """The same recipe with another length: one of epochs=, steps= or images=."""
        return self._with({"epochs": None, "steps": None, "images": None, **length})

    def _with(self, changes: Mapping[str, Any]) -> "Recipe":
        return replace(self, **changes)

    def with_part(self, role: str, part: Part | tuple[Part, ...]) -> "Recipe":
        """The same recipe with another part in a role; a tuple of parts where it takes several."""
        changes: dict[str, Any] = {role: part}
        return replace(self, **changes)

    def set(self, path: str, value: Any) -> "Recipe":
        """The recipe with one value replaced: `latent`, `generator.width`, `callback.samples.count`.

        Raises UsageError for a path that names nothing in this recipe. Options of parts are checked when the
        part is looked up.
        """
        role, _, option = path.partition(".")
        numbers = plain_options()
        if not option and role in numbers:
            return self._set_number(role, value)
        if role not in ROLES:
            raise UsageError(f"--set {path}: no such part or number.{suggest(role, [*ROLES, *numbers])}")
        if not option:
            raise UsageError(f"--set {path}: which option of the {role}? Write {role}.OPTION=VALUE.")
        if role in LIST_ROLES:
            return self._with({role: _set_in_list(role, getattr(self, role), option, value)})
        part: Part | None = getattr(self, role)
        if part is None:
            raise UsageError(f"--set {path}: this recipe has no {role}.")
        return self._with({role: part.with_options(**{option: value})})

    def _set_number(self, name: str, value: Any) -> "Recipe":
        number = complete("the recipe", {name: plain_options()[name]}, {name: value})[name]
        if name in ("epochs", "steps", "images"):
            return self.lasting(**{name: number})
        return self._with({name: number})

    def to_table(self) -> dict[str, Any]:
        """The recipe as plain tables, for TOML and JSON; values that are None are left out."""
        table: dict[str, Any] = {name: getattr(self, name) for name in plain_options()}
        for role in ROLES:
            value = getattr(self, role)
            if role in LIST_ROLES:
                table[role] = [_part_table(part) for part in value]
            elif value is not None:
                table[role] = _part_table(value)
        return {key: _plain(value) for key, value in table.items() if value is not None}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "Recipe":
        """The recipe that `to_table` wrote. Raises UsageError for unknown keys and wrong types."""
        numbers = plain_options()
        for key in table:
            if key not in numbers and key not in ROLES:
                raise UsageError(f"a recipe has no {key!r}.{suggest(key, [*numbers, *ROLES])}")
        missing = [f.name for f in fields(cls) if f.default is f.default_factory and f.name not in table]
        if missing:
            raise UsageError(f"the recipe names no {missing[0]}.")
        values = complete("the recipe", numbers, {k: v for k, v in table.items() if k in numbers})
        for role in ROLES.keys() & table.keys():
            values[role] = _read_role(role, table[role])
        return cls(**values)


def plain_options() -> dict[str, Option]:
    """The plain numbers and words of a recipe, as options."""
    return {name: option for name, option in options_of(Recipe).items() if name not in ROLES}


def _set_in_list(role: str, parts: tuple[Part, ...], path: str, value: Any) -> tuple[Part, ...]:
    name, _, option = path.rpartition(".")
    names = [part.name for part in parts]
    if not name and len(parts) == 1:
        name = names[0]
    if name not in names:
        known = suggest(name or path, [f"{n}.{path}" for n in names] if not name else names)
        raise UsageError(f"--set {role}.{path}: this recipe has no such {role}.{known}")
    return tuple(p.with_options(**{option: value}) if p.name == name else p for p in parts)


def _check_role(role: str, value: Any) -> None:
    parts = value if role in LIST_ROLES else (value,)
    optional = role == "dataset" and value is None
    if not isinstance(parts, tuple) or not (optional or all(isinstance(part, Part) for part in parts)):
        expected = 'a tuple of parts, for example (Part("r1"),)' if role in LIST_ROLES else 'a Part("NAME")'
        raise UsageError(f"{role} is {str(value)[:60]!r}; it must be {expected}.")


def _read_role(role: str, value: Any) -> Part | tuple[Part, ...]:
    if role in LIST_ROLES:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{role} must be a list of tables, each with a name.")
        return tuple(_read_part(role, item) for item in value)
    return _read_part(role, value)


def _read_part(role: str, value: Any) -> Part:
    if isinstance(value, str):
        return Part(value)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise UsageError(f"{role} must be a name, or a table with a name and its options.")
    return Part(value["name"], **{k: _frozen(v) for k, v in value.items() if k != "name"})


def _part_table(part: Part) -> dict[str, Any]:
    # TOML has no null: an option that is None is written as the word, which reads back as None.
    return {"name": part.name, **{k: "none" if v is None else _plain(v) for k, v in part.options.items()}}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
