"""A fragment: a named set of requested options, each with its origin.

Options come from a mapping or from the text of a `.config` (`derivations.kconfig.language.grammar`). All problems of a
fragment are reported at once. Fragments are combined by `derivations.kconfig.language.merge`.
"""

from __future__ import annotations

import re
import textwrap

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.place import OptionPlace, Place, caller_place
from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.condition import ALWAYS, Condition
from derivations.kconfig.language.values import Priority, Qualified, Unset, Value, checked, option_name, shown
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from derivations.kconfig.language.values import Asked
    from derivations.version import Version

    Options: TypeAlias = "Mapping[str, Asked | Request | Clause | tuple[Clause, ...]]"
    ExtraConfig: TypeAlias = "Options | str | Fragment | Sequence[Options | str | Fragment]"
    """The argument of `as_fragments`, and so of every parameter named `extra_config`."""


_MAX_PROBLEMS = 20  # lines: less than a screen
_FILE_NAME = re.compile(r"[^\s=#()]*[./][^\s=#()]*")
_MACHINERY = (
    __name__,
    *(f"derivations.linux.{name}" for name in ("arguments", "kernel", "linux_libre", "manual_config", "patch")),
)
"""Modules that call on behalf of the user."""


def with_problems(head: str, problems: Sequence[str]) -> str:
    """Return a sentence of *head* and the *problems*, each on a line of its own if there are several."""
    return f"{head}: {problems[0]}" if len(problems) == 1 else "\n  ".join([f"{head}:", *problems])


class InvalidFragment(Error):
    """A text or mapping is not a valid set of requests."""

    problems: tuple[str, ...]
    fragment: str = ""

    def __str__(self) -> str:
        more = len(self.problems) - _MAX_PROBLEMS
        listing = [*self.problems[:_MAX_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        where = f" in {self.fragment}" if self.fragment else ""
        return with_problems(f"invalid configuration{where}", listing)


@attrs.frozen
class Origin:
    """The origin of a request: the name of its fragment, and a file and line such as `mine.py:12`."""

    fragment: str = ""
    _place: str | OptionPlace = ""

    @property
    def place(self) -> str:
        """Return file and line; empty if they are not known."""
        return str(self._place)

    def __str__(self) -> str:
        place = self.place
        if place.startswith(f"{self.fragment}:"):
            return place  # a file's fragment has the file's name
        return f"{self.fragment}, {place}" if place else self.fragment

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Return the origin that *text* denotes."""
        fragment, comma, place = text.rpartition(", ")
        if comma:
            return cls(fragment, place)
        file, _, line = text.rpartition(":")
        return cls(file, text) if line.isdecimal() and file else cls(text)


@attrs.frozen
class Request:
    """The requested value of one option; the origin does not take part in comparisons."""

    value: Value | Unset
    optional: bool = False
    priority: Priority = Priority.PLAIN
    origin: Origin = attrs.field(factory=Origin, eq=False)


@attrs.frozen
class Clause:
    """A request, and when it applies."""

    request: Request
    condition: Condition = ALWAYS


@attrs.frozen(init=False, repr=False)
class Fragment:
    """A named set of requests.

    Args:
        name: Its name in errors and diagnoses.
        options: A mapping such as `{"KGDB": YES}`, or text as in a `.config`.
        description: A sentence for people.
        priority: The priority of requests without one of their own: `Priority.DEFAULT` for a base that others build on.
        binding: The kernels for which non-optional requests must hold; for others, all are optional.

    Raises:
        InvalidFragment: with all problems of *options*.
    """

    name: str
    options: FrozenMap[tuple[Clause, ...]]
    description: str = attrs.field(eq=False)
    binding: Condition

    def __init__(
        self,
        name: str,
        options: Options | str,
        *,
        description: str = "",
        priority: Priority = Priority.PLAIN,
        binding: Condition = ALWAYS,
    ) -> None:
        if not isinstance(name, str) or not name.isprintable() or not name:  # type: ignore[redundant-expr]  # users do not check types
            raise InvalidFragment((f"{shown(name)} is not a valid fragment name",))
        found = _from_text(name, options) if isinstance(options, str) else _from_mapping(name, options)
        if priority is not Priority.PLAIN:
            found = {option: _at_priority(clauses, priority) for option, clauses in found.items()}
        self.__attrs_init__(name, FrozenMap(found), description, binding)  # pyright: ignore[reportAttributeAccessIssue]

    def __repr__(self) -> str:
        return f"<Fragment {self.name}: {len(self.options)} options>"

    def requests(self, version: Version, arch: str) -> Iterator[tuple[str, Request]]:
        """Yield every option and request that applies to a kernel of *version* on *arch*."""
        is_binding = self.binding.holds(version, arch)
        for option, clauses in self.options.items():
            for clause in clauses:
                if clause.condition.holds(version, arch):
                    yield option, clause.request if is_binding else _if_it_can_be(clause.request)

    def without(self, *options: str) -> Fragment:
        """Return this fragment without any request for *options*."""
        names = {option_name(it) for it in options}
        return self._with({name: clauses for name, clauses in self.options.items() if name not in names})

    def overridden_by(self, other: Fragment) -> Fragment:
        """Return this fragment without its requests for options where *other* requests them too."""
        left = {name: _left(clauses, other.options.get(name, ())) for name, clauses in self.options.items()}
        return self._with({name: clauses for name, clauses in left.items() if clauses})

    def _with(self, options: Mapping[str, tuple[Clause, ...]]) -> Fragment:
        fragment = Fragment.__new__(Fragment)
        # The options are checked already.
        fragment.__attrs_init__(self.name, FrozenMap(options), self.description, self.binding)  # pyright: ignore[reportAttributeAccessIssue]
        return fragment


def _from_mapping(fragment: str, asked: object) -> dict[str, tuple[Clause, ...]]:
    if isinstance(asked, PurePath):
        raise _file_name(fragment, str(asked))
    if not isinstance(asked, Mapping):
        raise InvalidFragment((f"{shown(asked)} is neither a mapping from options to values nor a string",), fragment)
    call = caller_place(_MACHINERY, asked)
    found: dict[str, tuple[Clause, ...]] = {}
    problems = []
    for key, value in asked.items():
        try:
            name = option_name(key)
        except ValueError as error:
            problems.append(f"{error}{_at(call, str(key))}")
            continue
        if name in found:
            problems.append(f"{name} is listed twice, with and without CONFIG_{_at(call, name)}")
            continue
        try:
            found[name] = _clauses(value, _origin(fragment, call, name))
        except ValueError as error:
            problems.append(f"{name}: {error}{_at(call, name)}")
        else:
            if not found[name]:
                problems.append(f"{name}: no value is given; UNSET withdraws a request{_at(call, name)}")
    if problems:
        raise InvalidFragment(tuple(problems), fragment)
    return found


def _from_text(fragment: str, source: str) -> dict[str, tuple[Clause, ...]]:
    if _FILE_NAME.fullmatch(source):
        raise _file_name(fragment, source)
    from derivations.kconfig.language.grammar import parse, remark_on  # noqa: PLC0415 -- start-up: most requests are mappings

    call = caller_place(_MACHINERY)
    reading = parse(textwrap.dedent(source))  # indented as in a Python file, in triple quotation marks
    name = f"{fragment}, {call}:{call.first}" if call else fragment
    if reading.problems:
        raise InvalidFragment(tuple(reading.problems), name)
    remark_on(source, name)
    return {
        it.option: (Clause(Request(it.value, origin=_origin(fragment, call, it.option, in_text=True))),)
        for it in reading.assignments
    }


def _file_name(fragment: str, name: str) -> InvalidFragment:
    return InvalidFragment((f"{shown(name)} is a file name; write fragment_file({shown(name)})",), fragment)


def _origin(fragment: str, call: Place | None, option: str, *, in_text: bool = False) -> Origin:
    return Origin(fragment, OptionPlace(call, option, in_text) if call else "")


def _at(call: Place | None, option: str) -> str:
    return f" ({OptionPlace(call, option)})" if call else ""


def _clauses(value: object, origin: Origin) -> tuple[Clause, ...]:
    """Return the clauses of *value*, which may be or contain anything; those without an origin get *origin*."""
    if isinstance(value, list | tuple):
        return tuple(clause for it in value for clause in _clauses(it, origin))
    clause = _clause(value)
    request = clause.request
    if request.origin.fragment:
        return (clause,)  # from another fragment, already checked
    if not isinstance(request.value, Unset):
        checked(request.value)
    elif request.optional:
        msg = "UNSET requests nothing, so it cannot be optional"
        raise ValueError(msg)
    if clause.condition.is_empty:
        msg = "it is never requested: its conditions exclude each other"
        raise ValueError(msg)
    return (Clause(Request(request.value, request.optional, request.priority, origin), clause.condition),)


def _clause(value: Any) -> Clause:  # noqa: ANN401 -- a user's value, checked next
    if isinstance(value, Clause):
        return value
    if isinstance(value, Qualified):
        return Clause(Request(value.value, value.optional, value.priority), value.condition)
    return Clause(value if isinstance(value, Request) else Request(value))


def _at_priority(clauses: tuple[Clause, ...], priority: Priority) -> tuple[Clause, ...]:
    return tuple(it if it.request.priority is not Priority.PLAIN else _with_priority(it, priority) for it in clauses)


def _with_priority(clause: Clause, priority: Priority) -> Clause:
    request = clause.request
    return Clause(Request(request.value, request.optional, priority, request.origin), clause.condition)


def _if_it_can_be(request: Request) -> Request:
    return Request(request.value, not isinstance(request.value, Unset), request.priority, request.origin)


def _left(clauses: tuple[Clause, ...], over: tuple[Clause, ...]) -> tuple[Clause, ...]:
    for new in over:
        clauses = tuple(
            attrs.evolve(it, condition=part) for it in clauses for part in it.condition.without(new.condition)
        )
    return clauses


def as_fragments(asked: Any, name: str) -> tuple[Fragment, ...]:  # noqa: ANN401 -- a user's value, not checked yet
    """Return *asked*, a mapping, text or fragment, or a list of these, as fragments; unnamed ones get *name*.

    Raises:
        InvalidFragment: with all problems of the first invalid one.
    """
    several = asked if isinstance(asked, list | tuple) else [asked]
    return tuple(it if isinstance(it, Fragment) else Fragment(name, it) for it in several)


def followed_by(asked: Any, old: tuple[Fragment, ...], name: str) -> tuple[Fragment, ...]:  # noqa: ANN401 -- as above
    """Return *old* followed by the fragments of *asked*, which replace the requests of *old* for the same options.

    Raises:
        InvalidFragment: with all problems of the first invalid one.
    """
    new = as_fragments(asked, name)
    for fragment in new:
        old = tuple(it.overridden_by(fragment) for it in old)
    return (*(it for it in old if it.options), *new)
