"""Options: read from signatures, converted from text, and checked by type and bounds."""

import contextlib
import inspect
import math
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.errors import PluginError, UsageError
from ganzoo.options import (
    Bounds,
    Count,
    NonNegativeFloat,
    Option,
    PositiveFloat,
    PositiveInt,
    Probability,
    complete,
    convert,
    options_of,
    suggest,
)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (int, 3, 3),
        (int, "3", 3),
        (int, " -3 ", -3),
        (int, 10**400, None),
        (int, True, None),
        (int, 3.0, None),
        (int, "3.5", None),
        (int, "9" * 5000, None),
        (int, None, None),
        (float, 3, 3.0),
        (float, "1e-4", 1e-4),
        (float, 0.5, 0.5),
        (float, False, None),
        (float, "nan", None),
        (float, math.inf, None),
        (float, "-inf", None),
        (float, 10**400, None),
        (float, "", None),
        (float, [1.0], None),
        (bool, True, True),
        (bool, "yes", True),
        (bool, "False", False),
        (bool, "0", False),
        (bool, 1, None),
        (bool, "maybe", None),
        (str, "text", "text"),
        (str, "", ""),
        (str, 3, None),
        (Any, [1, {}], [1, {}]),
    ],
)
def test_plain_types(kind, given, value):
    check(kind, given, value)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (PositiveInt, 1, 1),
        (PositiveInt, "0", None),
        (Count, 0, 0),
        (Count, -1, None),
        (PositiveFloat, 1e-30, 1e-30),
        (PositiveFloat, 0, None),
        (NonNegativeFloat, "0", 0.0),
        (NonNegativeFloat, -1e-30, None),
        (Probability, 1, 1.0),
        (Probability, 1.01, None),
        (Probability, "nan", None),
        (PositiveInt | None, None, ...),
        (PositiveInt | None, "none", ...),
        (PositiveInt | None, "2", 2),
        (PositiveInt | None, 0, None),
    ],
)
def test_bounds(kind, given, value):
    check(kind, given, value)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (Literal["a", "b"], "a", "a"),
        (Literal["a", "b"], "c", None),
        (Literal[1, 2], "2", 2),
        (Literal[1, 2], 2, 2),
        (Literal[1, 2], True, None),
        (Literal[1, 2], [1], None),
        (Literal["1", 1], 1, 1),
        (tuple[float, float], "0.5,0.999", (0.5, 0.999)),
        (tuple[float, float], "(0.5, 0.999)", (0.5, 0.999)),
        (tuple[float, float], [0, 1], (0.0, 1.0)),
        (tuple[float, float], "0.5", None),
        (tuple[float, float], (1.0, 2.0, 3.0), None),
        (tuple[float, float], (1.0, "x"), None),
        (tuple[float, float], 0.5, None),
        (tuple[int, ...], "1,2,3", (1, 2, 3)),
        (tuple[int, ...], "[7,]", (7,)),
        (tuple[int, ...], "", ()),
        (tuple[int, ...], [], ()),
        (tuple[int, ...], "1,,2", None),
        (tuple[Probability, Probability], (0.5, 1.5), None),
        (int | float, "3", 3),
        (int | float, "3.5", 3.5),
        (int | str, "three", "three"),
        (int | str, 2.5, None),
        (Literal["auto"] | PositiveInt, "auto", "auto"),
        (Literal["auto"] | PositiveInt, "4", 4),
        (Literal["auto"] | PositiveInt, 0, None),
        (tuple[int, int] | None, "none", ...),
    ],
)
def test_choices_tuples_and_unions(kind, given, value):
    check(kind, given, value)


def check(kind, given, value):
    """The conversion gives `value` of the same type; None: it is refused; ...: it gives None."""
    if value is None:
        with pytest.raises(UsageError, match="part: option "):
            convert("part: option", kind, given)
        return
    got = convert("part: option", kind, given)
    assert got == (None if value is ... else value)
    assert type(got) is type(None if value is ... else value)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (PositiveInt, "0", "x is '0'; it must be >= 1."),
        (PositiveFloat, 0.0, "x is 0.0; it must be > 0."),
        (Probability, 2, "x is 2; it must be >= 0 and <= 1."),
        (bool, "maybe", "x is 'maybe'; it must be true or false."),
        (Literal["normal", "uniform"], "norml", "x is 'norml'. Did you mean 'normal'?"),
        (Literal["normal", "uniform"], "q", "x is 'q'. There are: normal, uniform."),
        (int | float, "q", "x is 'q'; it must be a whole number or a number."),
        (tuple[float, float], "1", "x has 1 values; it must be 2 values: a number, a number."),
        (tuple[int, ...], 5, "x is 5; it must be several of (a whole number), with commas between."),
        (str, "\x1b[31m", None),
    ],
)
def test_a_refusal_says_what_was_given_and_what_is_allowed(kind, given, message):
    if message is None:
        assert convert("x", kind, given) == given
        return
    with pytest.raises(UsageError) as error:
        convert("x", kind, given)
    assert str(error.value) == message


@given(
    st.one_of(
        st.text("0123456789.,-+einfatrueonyslNT_()[] \x1b\n"),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.lists(st.floats()),
    )
)
def test_any_value_is_converted_or_refused(value):
    for kind in (int, Probability, bool, tuple[float, float], Literal["a", 1] | None, PositiveInt | bool):
        with contextlib.suppress(UsageError):
            convert("x", kind, value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**300), 10**300), st.booleans())
def test_what_is_printed_reads_back(number, whole, truth):
    assert convert("x", float, repr(number)) == number
    assert convert("x", int, str(whole)) == whole
    assert convert("x", bool, str(truth)) is truth


class Network:
    """Stands for a component."""

    def __init__(self, spec, latent: int, *, width: PositiveInt = 8, rate: "float" = 0.5, depth: int) -> None:
        self.width = width


def penalty(discriminator, real, /, *, gamma: NonNegativeFloat = 10.0, free=None):
    """Stands for a penalty."""


def test_options_are_the_keyword_only_parameters():
    options = options_of(Network)
    assert list(options) == ["width", "rate", "depth"]
    assert options["width"] == Option("width", PositiveInt, 8)
    assert options["rate"].type is float
    assert options["depth"].required
    assert not options["rate"].required
    assert options_of(penalty)["free"].type is Any
    assert options_of(object) == {}
    assert options_of(lambda: None) == {}


def test_unreadable_signatures_are_errors_of_the_plugin():
    def strange(*, x: "Absent" = 1): ...  # noqa: F821

    def odd(*, x: "1 +" = 1): ...  # noqa: F722

    def failing(*, x: "(1).real.absent" = 1): ...

    for factory in (strange, odd, failing, 3, print):
        if factory is print:
            assert "sep" in options_of(print)
            continue
        with pytest.raises(PluginError, match="cannot read the options"):
            options_of(factory)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PositiveInt, "a whole number >= 1"),
        (float, "a number"),
        (Literal["a", "b"], "a | b"),
        (Probability | None, "a number >= 0 and <= 1 or none"),
        (tuple[float, float], "2 values: a number, a number"),
        (tuple[int, ...], "several of (a whole number)"),
        (Annotated[float, Bounds(0, 1, open_below=True)], "a number > 0 and <= 1"),
        (Any, "anything"),
        (Network, "Network"),
    ],
)
def test_types_are_described_in_words(kind, text):
    assert Option("x", kind).type_text == text


def test_complete_checks_what_is_given_and_adds_the_defaults():
    options = options_of(Network)
    whole = complete("generator net", options, {"depth": "2", "width": 4})
    assert whole == {"width": 4, "rate": 0.5, "depth": 2}
    with pytest.raises(UsageError, match=r"generator net has no option 'widht'. Did you mean 'width'\?"):
        complete("generator net", options, {"widht": 4})
    with pytest.raises(UsageError, match=r"generator net needs the option 'depth' \(a whole number\)"):
        complete("generator net", options, {})
    with pytest.raises(UsageError, match="generator net: width is 0"):
        complete("generator net", options, {"depth": 1, "width": 0})


def test_defaults_are_taken_as_they_are():
    assert complete("x", {"a": Option("a", int, None)}, {}) == {"a": None}


def test_suggest():
    assert suggest("hinje", ["hinge", "bce"]) == " Did you mean 'hinge'?"
    assert suggest("zzz", ["hinge", "bce", "bce"]) == " There are: bce, hinge."
    assert suggest("zzz", []) == " There are none."
    assert suggest("zzz", map(str, range(1000))).endswith(" and 980 more.")


def test_an_option_without_default_is_required():
    assert Option("x", int, inspect.Parameter.empty).required
