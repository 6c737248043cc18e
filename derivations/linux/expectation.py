"""What a boot test expects of its guest, and what of it did not hold.

A guest prints, among other things on its console:

    KERNIX-OUT some text            each line of the script's output
    KERNIX-FACT release=6.12.117    its facts: release, cmdline, modules, config, status
"""

from __future__ import annotations

import re

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from derivations.linux.arguments import InvalidArgument
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    from derivations.forms import ListOf

    One: TypeAlias = str | re.Pattern[str] | Mapping[str, str | re.Pattern[str]]
    Expected: TypeAlias = One | ListOf[One] | None
    """The forms that a user writes."""


OUT: Final = "KERNIX-OUT "
FACT: Final = "KERNIX-FACT "

_EXAMPLE = "it may be a text, a pattern of `re.compile`, a mapping of facts, or a list of these"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_FACT_LINE = re.compile(rf"({_NAME.pattern})=(.*)", re.ASCII)
_FLAGS = re.ASCII | re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE
_SHOWN = 20  # lines of output in an error
_LONGEST = 200  # characters of a value in an error


class BootTestFailed(Error):
    """A kernel booted, and its guest did not do what a test expects.

    Attributes:
        name: The test.
        problems: What did not hold.
    """

    exit_code = 100

    name: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} failed: {'; '.join(self.problems)}"


class GuestUnfinished(Error):
    """The console of a boot test has no facts."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} failed: the guest did not get to the end of the script"

    @property
    def hint(self) -> str:
        """Say where to look."""
        return "what it printed is in the log of the boot"


@attrs.frozen(kw_only=True)
class Reported:
    """What a guest reported: the script's output, its own facts, and those that the script printed as `name=value`."""

    output: tuple[str, ...]
    facts: Mapping[str, str]

    @classmethod
    def parse(cls, console: str, name: str) -> Reported:
        """Return what the guest of the test *name* reported on its *console*.

        Raises:
            GuestUnfinished: it did not get to its end.
        """
        lines = console.replace("\r", "").split("\n")
        output = tuple(it.removeprefix(OUT) for it in lines if it.startswith(OUT))
        own = dict(it.removeprefix(FACT).split("=", 1) for it in lines if it.startswith(FACT) and "=" in it)
        if "status" not in own:
            raise GuestUnfinished(name)
        printed = {match[1]: match[2] for it in output if (match := _FACT_LINE.fullmatch(it))}
        return cls(output=output, facts={**own, **printed})


def written(expected: Any) -> list[list[Any]]:  # noqa: ANN401 -- what the user wrote
    """Return *expected* as JSON: `["output", value]`, `["line", value]`, `["fact", name, value]`.

    A value is a text, or `[pattern, flags]`.

    Raises:
        InvalidArgument: it has another form.
    """
    if expected is None:
        return []
    if isinstance(expected, str | re.Pattern):
        return [["output", _value(expected)]]
    if isinstance(expected, Mapping):
        return [["fact", _name(name), _value(value)] for name, value in sorted(expected.items(), key=str)]
    if isinstance(expected, bytes) or not isinstance(expected, Iterable):
        raise InvalidArgument("expect", f"{expected!r} cannot be compared with what the guest prints; {_EXAMPLE}")
    found: list[list[Any]] = []
    for one in expected:
        found += written(one) if isinstance(one, Mapping) else [["line", _value(one)]]
    return found


def problems(expected: list[list[Any]], reported: Reported) -> tuple[str, ...]:
    """Return what of *expected*, as `written` returns it, did not hold."""
    return tuple(it for one in expected if (it := _problem(one, reported)) is not None)


def shown(reported: Reported) -> tuple[str, ...]:
    """Return the last lines of the script's output, for an error."""
    return reported.output[-_SHOWN:]


def _problem(one: list[Any], reported: Reported) -> str | None:
    kind, *names, value = one
    text = "\n".join(reported.output)
    if kind == "fact":
        name = names[0]
        if name not in reported.facts:
            return f"the guest did not report {name}"
        found = reported.facts[name]
        held = found == value if isinstance(value, str) else _pattern(value).search(found) is not None
        return None if held else f"{name} is {_short(found)}, not {_described(value)}"
    if isinstance(value, str):
        held = value in reported.output if kind == "line" else text.rstrip("\n") == value.rstrip("\n")
    else:
        held = _pattern(value).search(text) is not None
    if held:
        return None
    if kind == "output":
        return f"the script printed {_short(text)}, not {_described(value)}"
    return f"the script did not print {_described(value)}"


def _value(given: object) -> str | list[Any]:
    if isinstance(given, str):
        return given
    if isinstance(given, re.Pattern) and isinstance(given.pattern, str):
        return [given.pattern, int(given.flags & _FLAGS)]
    raise InvalidArgument("expect", f"{given!r} cannot be compared with what the guest prints; {_EXAMPLE}")


def _name(given: object) -> str:
    if isinstance(given, str) and _NAME.fullmatch(given):
        return given
    raise InvalidArgument("expect", f"{given!r} is not the name of a fact, such as 'release'")


def _pattern(value: list[Any]) -> re.Pattern[str]:
    return re.compile(value[0], value[1])


def _described(value: str | list[Any]) -> str:
    return _short(value) if isinstance(value, str) else f"like {_short(value[0])}"


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
