"""The outcome of a request, and the reason."""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.language.values import Unset, written
from derivations.kconfig.language.wording import place


if TYPE_CHECKING:
    from derivations.kconfig.diagnosis.blockers import Blocker
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.values import Tristate, Value


class Outcome(enum.StrEnum):
    """How a request ended."""

    HELD = "held"  # the option has the requested value
    SELECTED = "selected"  # it does, and would without the request, because another option selects it
    SHADOWED = "shadowed"  # another fragment's request wins
    CLAMPED = "clamped"  # the number is outside the option's range
    CHOICE = "choice"  # another member of the option's choice was chosen
    BLOCKED = "blocked"  # its dependencies, or what selects it, prevent it
    ABSENT = "absent"  # an option of another architecture or version
    UNKNOWN = "unknown"  # no such option
    INVALID = "invalid"  # a value that an option of this type cannot have


@attrs.frozen(kw_only=True)
class Diagnosis:
    """The outcome of one request, with the reason and what to change.

    Attributes:
        option: The option's name.
        request: The request, with its origin.
        got: The option's value; None if there is no such option.
        outcome: How the request ended.
        reason: Why, a clause; may be empty.
        witness: The obstacles, each followed down to what can be changed.
        suggestion: What to do instead, a clause.
        likely: Options that would probably make it hold, according to the model.
        change: Options that make it hold, as confirmed by Kconfig (`repair.proven`); empty if none are known.
    """

    option: str
    request: Request
    got: str | None
    outcome: Outcome
    reason: str = ""
    witness: tuple[Blocker, ...] = ()
    suggestion: str | None = None
    likely: tuple[tuple[str, Tristate], ...] = ()
    change: tuple[tuple[str, Tristate], ...] = ()

    @property
    def wanted(self) -> Value:
        """Return the requested value."""
        return requested_value(self.request)

    @property
    def holds(self) -> bool:
        """Return whether the option has the requested value."""
        return self.outcome in {Outcome.HELD, Outcome.SELECTED}

    @property
    def fails(self) -> bool:
        """Return whether this is an error: the request does not hold, is not optional, and was not overridden."""
        return not (self.holds or self.request.optional or self.outcome is Outcome.SHADOWED)

    def __str__(self) -> str:
        got = "" if self.got is None else f", got {self.got or 'empty'}"
        head = f"{self.option}: requested {written(self.wanted)}{place(self.request)}{got}"
        return f"{head}: {self.reason}" if self.reason else head

    @property
    def text(self) -> str:
        """Return the diagnosis in full, as several lines."""
        lines = [str(self), *(line for it in self.witness for line in it.lines("  "))]
        if self.suggestion:
            lines.append(f"  {self.suggestion}")
        if self.change:
            lines.append(f"  to fix this, add {python(dict(self.change))}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as JSON data."""
        return {
            "option": self.option,
            "asked": written(self.wanted),
            "optional": self.request.optional,
            "fragment": self.request.origin.fragment,
            "place": self.request.origin.place,
            "got": self.got,
            "outcome": self.outcome.value,
            "holds": self.holds,
            "reason": self.reason,
            "witness": [it.to_json() for it in self.witness],
            "suggestion": self.suggestion,
            "change": {name: value.value for name, value in self.change},
        }


def python(assignments: dict[str, Tristate]) -> str:
    """Return *assignments* as a Python mapping on one line, ready to paste."""
    return "{" + ", ".join(f'"{name}": {value!r}' for name, value in assignments.items()) + "}"


def requested_value(request: Request) -> Value:
    """Return the value that *request* asks for; every merged request has one."""
    if isinstance(request.value, Unset):
        msg = f"{request!r} has no value"
        raise TypeError(msg)
    return request.value
