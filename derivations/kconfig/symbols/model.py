"""A tree's Kconfig as data: its options and choices with their conditions, for one architecture.

`derivations/linux/scripts/kconf/` writes it from the data of the kernel's own parser, so it is right for every version.
It explains *why* an option has its value; the value itself comes from the resolver.

    about       JSON: the architecture, the kernel's version
    symbols     one JSON document per option, in order of the names
    index       the name and offset in `symbols` of each
    choices     one JSON document per choice, in order of their numbers
    elsewhere   the name and place of options that only files for other architectures define
    common      the names of options that the kernel's own configurations enable
"""

from __future__ import annotations

import json

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from derivations.kconfig.symbols.expression import NO, YES, Expr, Or, from_json


if TYPE_CHECKING:
    from pathlib import Path


Type = Literal["bool", "tristate", "string", "int", "hex", "unknown"]


@attrs.frozen
class Prompt:
    """A prompt, and its condition.

    Attributes:
        text: Its text.
        condition: The highest value that it offers.
        menus: The titles of its menus, from the top.
    """

    text: str
    condition: Expr = YES
    menus: tuple[str, ...] = ()


@attrs.frozen
class Default:
    """The value of an option that is not set; the first whose condition holds applies."""

    value: Expr
    condition: Expr = YES


@attrs.frozen
class Select:
    """An option that this one selects or implies."""

    target: str
    condition: Expr = YES


@attrs.frozen
class Range:
    """A range of numbers; the first whose condition holds applies."""

    low: Expr
    high: Expr
    condition: Expr = YES


@attrs.frozen
class Definition:
    """A place that defines an option, with its dependencies there."""

    file: str
    line: int
    depends: Expr = YES


@attrs.frozen(kw_only=True)
class Symbol:
    """An option.

    Attributes:
        name: Without CONFIG_.
        type: Kconfig's type.
        prompts: Its prompts; none if only other options determine it.
        defaults: In order.
        selects: The options that it enables, regardless of their dependencies.
        implies: The options that it enables by default.
        ranges: In order.
        depends: Its dependencies, over all definitions.
        selected_by: Its least value, because others select it.
        implied_by: Its default, because others imply it.
        definitions: In order.
        help: Its help text.
        choice: The id of the choice that it belongs to.
        transitional: Whether it is only read, to migrate old configurations to the options that replace it (since 6.18).
    """

    name: str
    type: Type
    prompts: tuple[Prompt, ...] = ()
    defaults: tuple[Default, ...] = ()
    selects: tuple[Select, ...] = ()
    implies: tuple[Select, ...] = ()
    ranges: tuple[Range, ...] = ()
    depends: Expr = YES
    selected_by: Expr = NO
    implied_by: Expr = NO
    definitions: tuple[Definition, ...] = ()
    help: str = ""
    choice: str | None = None
    transitional: bool = False


@attrs.frozen(kw_only=True)
class Choice:
    """Options, one of which is y.

    Attributes:
        id: `@` and a number by position, as in expressions.
        prompt: Its prompt.
        members: The options, in order.
        depends: Its dependencies.
        condition: When the prompt is visible, dependencies included.
        type: bool, or tristate: then several members can be m.
        defaults: The members chosen by default; the first whose condition holds applies.
        definitions: In order.
    """

    id: str
    prompt: str
    members: tuple[str, ...]
    depends: Expr = YES
    condition: Expr = YES
    type: Type = "bool"
    defaults: tuple[Default, ...] = ()
    definitions: tuple[Definition, ...] = ()


class Model(Mapping[str, Symbol]):
    """Every option by name.

    Attributes:
        arch: Kbuild's ARCH.
        srcarch: The directory below `arch/`.
        version: The kernel's own version.
        choices: The choices by id, in order of their positions.
        common: The options that the kernel's own configurations enable.
    """

    def __init__(
        self,
        symbols: Mapping[str, Symbol],
        choices: Iterable[Choice] = (),
        *,
        arch: str,
        srcarch: str,
        version: str,
        elsewhere: Mapping[str, Sequence[str]] | None = None,
        common: Iterable[str] = (),
    ) -> None:
        """Take *symbols* in order of the names, and the places of options defined *elsewhere*."""
        self.arch = arch
        self.srcarch = srcarch
        self.version = version
        self.choices: Mapping[str, Choice] = {it.id: it for it in choices}
        self.common = frozenset(common)
        self._symbols = symbols
        self._elsewhere = elsewhere or {}

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Return the model in *directory*; options are parsed on access."""
        elsewhere: dict[str, list[str]] = {}
        for line in _lines(directory / "elsewhere"):
            name, _, place = line.partition(" ")
            elsewhere.setdefault(name, []).append(place)
        choices = [_choice(json.loads(line)) for line in _lines(directory / "choices")]
        about = json.loads((directory / "about").read_text(encoding="utf-8"))
        common = _lines(directory / "common")
        return cls(_Symbols(directory), choices, elsewhere=elsewhere, common=common, **about)

    def __getitem__(self, name: str) -> Symbol:
        return self._symbols[name]

    def __contains__(self, name: object) -> bool:
        return name in self._symbols

    def __iter__(self) -> Iterator[str]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all options, in order."""
        return tuple(self._symbols)

    def choice_of(self, name: str) -> Choice | None:
        """Return the choice that option *name* belongs to; None if there is none."""
        symbol = self.get(name)
        return None if symbol is None or symbol.choice is None else self.choices.get(symbol.choice)

    def rivals(self, name: str) -> tuple[str, ...]:
        """Return the members of the choice of option *name*, itself included; empty if it is in no choice."""
        choice = self.choice_of(name)
        return () if choice is None else choice.members

    def elsewhere(self, name: str) -> tuple[str, ...]:
        """Return where files for other architectures define *name*: `arch/arm64/Kconfig:12`."""
        return tuple(self._elsewhere.get(name, ()))


class _Symbols(Mapping[str, Symbol]):
    """The options in a directory, parsed on access: there are about 20,000."""

    def __init__(self, directory: Path) -> None:
        self._data = (directory / "symbols").read_bytes()
        words = (directory / "index").read_text(encoding="utf-8").split()
        self._places = dict(zip(words[::2], words[1::2], strict=True))
        self._read: dict[str, Symbol] = {}

    def __getitem__(self, name: str) -> Symbol:
        if name not in self._read:
            start = int(self._places[name])
            line = self._data[start : self._data.index(b"\n", start)]
            self._read[name] = _symbol(json.loads(line.decode(errors="replace")))
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line]


def _symbol(it: dict[str, Any]) -> Symbol:
    return Symbol(
        name=it["name"],
        type=it["type"],
        prompts=tuple(Prompt(p["text"], _condition(p), tuple(p["menus"])) for p in it["prompts"]),
        defaults=_defaults(it),
        selects=_selects(it["selects"]),
        implies=_selects(it["implies"]),
        ranges=tuple(Range(from_json(r["low"]), from_json(r["high"]), _condition(r)) for r in it["ranges"]),
        depends=from_json(it.get("depends", _YES)),
        selected_by=from_json(it.get("selected_by", _NO)),
        implied_by=from_json(it.get("implied_by", _NO)),
        definitions=_definitions(it),
        help=it.get("help", ""),
        choice=it.get("choice"),
        transitional=it.get("transitional", False),
    )


def _choice(it: dict[str, Any]) -> Choice:
    return Choice(
        id=it["id"],
        prompt=next((p["text"] for p in it["prompts"]), ""),
        members=tuple(it["members"]),
        depends=from_json(it.get("depends", _YES)),
        condition=_any(_condition(p) for p in it["prompts"]),
        type=it["type"],
        defaults=_defaults(it),
        definitions=_definitions(it),
    )


_YES, _NO = {"value": "y"}, {"value": "n"}


def _condition(it: dict[str, Any]) -> Expr:
    return from_json(it.get("if", _YES))


def _any(conditions: Iterable[Expr]) -> Expr:
    """Return the disjunction of *conditions*; y if there are none."""
    terms = tuple(conditions)
    return YES if not terms or YES in terms else terms[0] if len(terms) == 1 else Or(terms)


def _defaults(it: dict[str, Any]) -> tuple[Default, ...]:
    return tuple(Default(from_json(d["value"]), _condition(d)) for d in it["defaults"])


def _selects(found: list[dict[str, Any]]) -> tuple[Select, ...]:
    return tuple(Select(it["target"], _condition(it)) for it in found)


def _definitions(it: dict[str, Any]) -> tuple[Definition, ...]:
    return tuple(Definition(d["file"], d["line"], from_json(d.get("depends", _YES))) for d in it["definitions"])
