"""Options of components: ordinary keyword arguments, read from the signature and checked by their types."""

import difflib
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ganzoo.errors import PluginError, UsageError

type_hints = typing.get_type_hints


@dataclass(frozen=True)
class Bounds:
    """The values a number may take; `open_below` excludes `low` itself."""

    low: float
    high: float = math.inf
    open_below: bool = False

    def allow(self, number: float) -> bool:
        """Whether the number lies within the bounds."""
        above = number > self.low if self.open_below else number >= self.low
        return above and number <= self.high

    def __str__(self) -> str:
        text = f"> {self.low:g}" if self.open_below else f">= {self.low:g}"
        return text if math.isinf(self.high) else f"{text} and <= {self.high:g}"


PositiveInt = Annotated[int, Bounds(1)]
Count = Annotated[int, Bounds(0)]
LayerCount = Annotated[int, Bounds(1, 1000)]
PositiveFloat = Annotated[float, Bounds(0, open_below=True)]
NonNegativeFloat = Annotated[float, Bounds(0)]
Probability = Annotated[float, Bounds(0, 1)]


@dataclass(frozen=True)
class Option:
    """One keyword argument of a component."""

    name: str
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether the component cannot be built without it."""
        return self.default is inspect.Parameter.empty

    @property
    def type_text(self) -> str:
        """The type as a user reads it: `int >= 1`, `normal | uniform`."""
        return _describe(self.type)


def options_of(factory: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only parameters of a factory, in their order.

    Raises PluginError where the signature or its annotations cannot be read.
    """
    try:
        # Not inspect.signature of the class itself: that would follow metaclasses and wrappers differently.
        function = factory.__init__ if inspect.isclass(factory) else factory
        hints = type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters.values()
    except Exception as error:  # reading annotations may run any code of the component's author
        raise PluginError(f"cannot read the options of {factory!r}: {error}") from error
    return {
        p.name: Option(p.name, hints.get(p.name, Any), p.default)
        for p in parameters
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }


def complete(what: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `what`: the given ones, checked, and the defaults of the rest.

    Text is read as the type that the option declares. Raises UsageError for unknown names and wrong values.
    """
    for name in given:
        if name not in options:
            raise UsageError(f"{what} has no option {name!r}.{suggest(name, options)}")
    missing = [name for name, option in options.items() if option.required and name not in given]
    if missing:
        raise UsageError(f"{what} needs the option {missing[0]!r} ({options[missing[0]].type_text}).")
    return {
        name: convert(f"{what}: {name}", option.type, given[name]) if name in given else option.default
        for name, option in options.items()
    }


def suggest(name: str, known: typing.Iterable[str]) -> str:
    """A sentence that helps after a misspelt name: the nearest known one, or the first twenty of them."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {close[0]!r}?"
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f" There are: {', '.join(names[:20])}{more}." if names else " There are none."


def convert(where: str, kind: Any, value: Any) -> Any:
    """The value as the type `kind`; text from a command line is parsed, everything else must fit as it is."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        number = convert(where, arguments[0], value)
        for bounds in arguments[1:]:
            if isinstance(bounds, Bounds) and number is not None and not bounds.allow(number):
                raise UsageError(f"{where} is {value!r}; it must be {bounds}.")
        return number
    if origin is Literal:
        # True == 1, but they are not the same choice.
        same = [a for a in arguments if (type(a) is type(value) and a == value) or str(a) == value]
        if not same:
            raise UsageError(f"{where} is {value!r}.{suggest(str(value), map(str, arguments))}")
        return same[0]
    if origin in (typing.Union, types.UnionType):
        return _convert_union(where, kind, arguments, value)
    if origin is tuple:
        return _convert_tuple(where, kind, arguments, value)
    return _convert_plain(where, kind, value)


def _convert_union(where: str, kind: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if type(None) in arguments and (value is None or value == "none"):
        return None
    alternatives = [a for a in arguments if a is not type(None)]
    if len(alternatives) == 1:
        return convert(where, alternatives[0], value)
    for alternative in alternatives:
        try:
            return convert(where, alternative, value)
        except UsageError:
            continue
    raise UsageError(f"{where} is {value!r}; it must be {_describe(kind)}.")


def _convert_tuple(where: str, kind: Any, arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = _split(value) if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        raise UsageError(f"{where} is {value!r}; it must be {_describe(kind)}, with commas between.")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(convert(where, arguments[0], item) for item in items)
    if len(items) != len(arguments):
        raise UsageError(f"{where} has {len(items)} values; it must be {_describe(kind)}.")
    return tuple(convert(where, part, item) for part, item in zip(arguments, items, strict=True))


def _split(text: str) -> list[str]:
    """The values in `0.5,0.9` and in `(0.5, 0.9)`."""
    inner = text.strip("()[] ").removesuffix(",")
    return [item.strip() for item in inner.split(",")] if inner else []


_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _convert_plain(where: str, kind: Any, value: Any) -> Any:
    wrong = UsageError(f"{where} is {value!r}; it must be {_describe(kind)}.")
    if kind is bool:
        if isinstance(value, str) and value.lower() in _TRUTH:
            return _TRUTH[value.lower()]
        if isinstance(value, bool):
            return value
        raise wrong
    if kind in (int, float):
        if isinstance(value, bool):
            raise wrong
        try:
            number = kind(value) if isinstance(value, str) or kind is float else value
            finite = isinstance(number, kind) and math.isfinite(number)
        except (ValueError, TypeError, OverflowError):
            raise wrong from None
        if not finite:
            raise wrong
        return number
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    raise wrong


_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "none",
    Any: "anything",
}


def _describe(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return " ".join([_describe(arguments[0]), *(str(b) for b in arguments[1:] if isinstance(b, Bounds))])
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(a) for a in arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"several of ({_describe(arguments[0])})"
        return f"{len(arguments)} values: " + ", ".join(_describe(a) for a in arguments)
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))
