"""Values of options: written as in a `.config`, and read back."""

from __future__ import annotations

import itertools

from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.kconfig.language.condition import Condition
from derivations.kconfig.language.values import (
    MODULE,
    NO,
    UNSET,
    YES,
    Asked,
    Hex,
    Priority,
    Qualified,
    Value,
    checked,
    default,
    force,
    option_name,
    optional,
    read,
    when_arch,
    when_at_least,
    when_between,
    when_older,
    written,
)
from derivations.version import InvalidVersion, Version
from tests import strategies


if TYPE_CHECKING:
    from collections.abc import Callable


@given(strategies.option_values)
def test_round_trip(value: Value) -> None:
    """A written value is read back as the same value, of the same type."""
    back = read(written(value))

    assert value == back
    assert type(value) is type(back)


@given(st.text())
def test_reading_never_crashes(text: str) -> None:
    """Any text is a value that round-trips, or a `ValueError`."""
    try:
        value = read(text)
    except ValueError:
        return
    assert value == read(written(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(YES, "y", id="yes"),
        pytest.param(MODULE, "m", id="module"),
        pytest.param(NO, "n", id="no"),
        pytest.param(17, "17", id="integer"),
        pytest.param(-1, "-1", id="negative"),
        pytest.param(0, "0", id="zero"),
        pytest.param(Hex(0x1000), "0x1000", id="hexadecimal"),
        pytest.param("", '""', id="empty-text"),
        pytest.param("y", '"y"', id="text-that-looks-like-yes"),
        pytest.param("17", '"17"', id="text-that-looks-like-a-number"),
        pytest.param('a "b" \\c', r'"a \"b\" \\c"', id="quoted"),
        pytest.param("foo#bar", '"foo#bar"', id="number-sign"),
    ],
)
def test_forms(value: Value, text: str) -> None:
    """Each kind of value has its form."""
    assert text == written(value)
    assert value == read(text)


def test_hexadecimal_digits_of_either_case() -> None:
    """Kconfig keeps a hexadecimal number as written, so both cases are read."""
    assert Hex(0xABC) == read("0XaBc")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("Y", id="upper-case-yes"),
        pytest.param("yes", id="word"),
        pytest.param("-foo", id="text-without-quotes"),
        pytest.param('"', id="one-quote"),
        pytest.param('"a', id="quote-not-closed"),
        pytest.param('"a"b"', id="quote-inside"),
        pytest.param('"a\\"', id="closing-quote-is-escaped"),
        pytest.param("'a'", id="single-quotes"),
        pytest.param("0x", id="hexadecimal-without-digits"),
        pytest.param("0x_1", id="hexadecimal-with-underscore"),
        pytest.param("-0x1", id="negative-hexadecimal"),
        pytest.param("1_000", id="underscore"),
        pytest.param("+1", id="plus"),
        pytest.param(" 1", id="space"),
        pytest.param("1.5", id="fraction"),
        pytest.param("ff", id="hexadecimal-without-0x"),
        pytest.param("१२", id="digits-of-another-script"),
        pytest.param("9" * 5000, id="huge"),
    ],
)
def test_invalid_texts(text: str) -> None:
    """Text that Kconfig would not accept is not a value."""
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_wrappers() -> None:
    """Each wrapper sets one attribute of a value."""
    new, old = Version(6, 7), Version(5, 10)

    assert optional(YES) == Qualified(YES, optional=True)
    assert force(NO) == Qualified(NO, priority=Priority.FORCE)
    assert default(17) == Qualified(17, priority=Priority.DEFAULT)
    assert when_at_least("6.7", YES) == Qualified(YES, condition=Condition(since=new))
    assert when_older("6.7", YES) == Qualified(YES, condition=Condition(before=new))
    assert when_between("5.10", "6.7", YES) == Qualified(YES, condition=Condition(since=old, before=new))
    assert when_arch("arm64", YES) == Qualified(YES, condition=Condition(architectures=("arm64",)))
    assert when_arch(("x86_64", "arm64"), YES) == Qualified(YES, condition=Condition(architectures=("arm64", "x86_64")))


def test_the_numbers_of_priorities() -> None:
    """Priorities are NixOS' mkForce, a plain definition, and mkDefault; the lowest wins."""
    assert [(it.name, it.value) for it in sorted(Priority)] == [("FORCE", 50), ("PLAIN", 100), ("DEFAULT", 1000)]


WRAPPERS: dict[str, Callable[[Asked], Asked]] = {
    "optional": optional,
    "force": force,
    "since": lambda it: when_at_least("5.10", it),
    "before": lambda it: when_older("6.7", it),
    "arch": lambda it: when_arch("arm64", it),
}


@pytest.mark.parametrize("order", [pytest.param(it, id="-".join(it)) for it in itertools.permutations(WRAPPERS)][::11])
def test_wrappers_nest_in_any_order(order: tuple[str, ...]) -> None:
    """The order of wrappers does not matter."""
    value: Asked = YES
    for name in order:
        value = WRAPPERS[name](value)

    assert value == Qualified(
        YES,
        optional=True,
        priority=Priority.FORCE,
        condition=Condition(since=Version(5, 10), before=Version(6, 7), architectures=("arm64",)),
    )


def test_nesting_the_same() -> None:
    """Nested conditions must all hold; the outer priority wins; optional twice is once."""
    assert when_at_least("6.1", when_at_least("6.7", YES)) == when_at_least("6.7", YES)
    assert when_older("6.1", when_older("6.7", YES)) == when_older("6.1", YES)
    assert when_arch("x86", when_arch(["x86_64", "arm64"], YES)) == when_arch("x86_64", YES)
    assert force(default(YES)) == force(YES)
    assert optional(optional(YES)) == optional(YES)


def test_wrappers_of_lists() -> None:
    """The values in a list are wrapped one by one."""
    either = [when_older("6.7", YES), when_at_least("6.7", MODULE)]

    assert default(either) == (default(when_older("6.7", YES)), default(when_at_least("6.7", MODULE)))
    assert optional([YES, [NO]]) == (optional(YES), (optional(NO),))


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: when_at_least("latest", YES), id="word"),
        pytest.param(lambda: when_at_least(6.7, YES), id="number"),  # type: ignore[arg-type]
        pytest.param(lambda: when_older("6.1.55-custom", YES), id="suffix"),
        pytest.param(lambda: when_between("5.10", "", YES), id="nothing"),
    ],
)
def test_invalid_bounds(call: Callable[[], object]) -> None:
    """A bound that is not a version is refused at once."""
    with pytest.raises(InvalidVersion):
        call()


def test_names() -> None:
    """The `repr` of a value is the name that definitions use."""
    assert repr([YES, MODULE, NO, UNSET]) == "[YES, MODULE, NO, UNSET]"


@pytest.mark.parametrize("key", ["KGDB", "CONFIG_KGDB", "64BIT", "CONFIG_64BIT", "PPC_8xx", "44x", "CONFIGFS_FS"])
def test_option_names(key: str) -> None:
    """An option name may have the prefix CONFIG_; a few contain lower-case letters."""
    assert option_name(key) == key.removeprefix("CONFIG_")


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        pytest.param("kgdb", "'kgdb' is not an option name; did you mean KGDB?", id="small"),
        pytest.param("CONFIG_kgdb", "'CONFIG_kgdb' is not an option name; did you mean KGDB?", id="small-with-prefix"),
        pytest.param("config_kgdb", "'config_kgdb' is not an option name; did you mean KGDB?", id="small-prefix"),
        pytest.param(
            "CONFIG_CONFIG_A", "'CONFIG_CONFIG_A' has the prefix CONFIG_ twice; write CONFIG_A", id="prefix-twice"
        ),
        pytest.param("NET 9P", "'NET 9P' is not an option name; did you mean NET_9P?", id="blank"),
        pytest.param(" KGDB", "' KGDB' is not an option name; did you mean KGDB?", id="blank-before"),
        pytest.param("NET-9P", "'NET-9P' is not an option name; did you mean NET_9P?", id="dash"),
        pytest.param("KGDB\n", "'KGDB\\n' is not an option name; did you mean KGDB?", id="newline"),
        pytest.param("Ä", "'Ä' is not an option name", id="letter"),
        pytest.param("", "'' is not an option name", id="nothing"),
        pytest.param("CONFIG_", "'CONFIG_' is not an option name", id="only-the-prefix"),
        pytest.param(3, "3 is not an option name", id="number"),
    ],
)
def test_invalid_option_names(key: object, sentence: str) -> None:
    """A name that Kconfig could never define is refused, with a suggestion."""
    with pytest.raises(ValueError, match=r".") as caught:
        option_name(key)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param(True, "True is not a value; use YES", id="true"),
        pytest.param(False, "False is not a value; use NO", id="false"),
        pytest.param(None, "None is not a value; use YES, MODULE, NO, UNSET, a number, a string or Hex", id="none"),
        pytest.param(1.5, "1.5 is not a value", id="fraction"),
        pytest.param(b"x", "b'x' is not a value", id="bytes"),
        pytest.param(Hex(-1), "Hex(number=-1) is not a hexadecimal number", id="negative-hexadecimal"),
        pytest.param(Hex("1"), "Hex(number='1') is not a hexadecimal number", id="hexadecimal-text"),  # type: ignore[arg-type]
        pytest.param(Hex(True), "Hex(number=True) is not a value", id="hexadecimal-bool"),
        pytest.param(1 << 64, "the number does not fit in 64 bits", id="large"),
        pytest.param(10**5000, "the number does not fit in 64 bits", id="huge"),
        pytest.param("a\nb", "'a\\nb' does not fit in one line of text", id="newline"),
        pytest.param("a\rb", "does not fit in one line of text", id="carriage-return"),
        pytest.param("a\0b", "does not fit in one line of text", id="nul"),
        pytest.param("\udc80", "does not fit in one line of text", id="not-unicode"),
    ],
)
def test_invalid_values(value: Any, sentence: str) -> None:  # noqa: ANN401 -- what a user may write
    """A value that no `.config` can hold is refused."""
    with pytest.raises(ValueError, match=r".") as caught:
        checked(value)

    assert sentence in str(caught.value)
