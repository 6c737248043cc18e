"""A tree's Kconfig as data: its options and choices with their conditions, for one architecture.

`derivations/linux/scripts/kconf/` writes it from what the kernel's own parser has built, so it is the kernel's in all
its versions. It tells *why* an option is what it is; what it is, only the resolver says.

    about       JSON: the architecture, the kernel's version
    symbols     a JSON document an option, in order of the names
    index       name and place in `symbols` of each
    choices     a JSON document a choice, in order of their numbers
    elsewhere   name and place of what is defined in files that this architecture does not read
    common      names of what the configurations that come with the kernel switch on
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
    """What a person is asked, and when.

    Attributes:
        text: The question.
        condition: How far it can be answered with y.
        menus: The titles of the menus it stands in, from the top.
    """

    text: str
    condition: Expr = YES
    menus: tuple[str, ...] = ()


@attrs.frozen
class Default:
    """The value that an option has if nobody sets it; the first whose condition holds."""

    value: Expr
    condition: Expr = YES


@attrs.frozen
class Select:
    """An option that is switched on, or suggested, with this one."""

    target: str
    condition: Expr = YES


@attrs.frozen
class Range:
    """What numbers an option can be; the first whose condition holds."""

    low: Expr
    high: Expr
    condition: Expr = YES


@attrs.frozen
class Definition:
    """Where an option is defined, and what it depends on there."""

    file: str
    line: int
    depends: Expr = YES


@attrs.frozen(kw_only=True)
class Symbol:
    """An option.

    Attributes:
        name: Without CONFIG_.
        type: What values it has.
        prompts: What a person is asked; none if only other options decide.
        defaults: In order.
        selects: What it switches on, whatever that depends on.
        implies: What it switches on unless somebody says otherwise.
        ranges: In order.
        depends: What it depends on, all its definitions together.
        selected_by: What it is at least, because others select it.
        implied_by: What it is by default, because others imply it.
        definitions: In order.
        help: What Kconfig says about it.
        choice: The id of the choice that it is a member of.
        transitional: Whether it is only read, to be carried over to options that replace it (since 6.18).
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
    """Options of which one is y.

    Attributes:
        id: `@` and a number by position; what expressions call it.
        prompt: The question.
        members: The options, in order.
        depends: What it depends on.
        condition: When the question is asked, that it depends on something included.
        type: bool, or tristate: then several members can be m.
        defaults: Members that are chosen if nobody does; the first whose condition holds.
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
        common: What the configurations that come with the kernel switch on.
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
        """Take *symbols* in order of the names, and where others are defined *elsewhere*."""
        self.arch = arch
        self.srcarch = srcarch
        self.version = version
        self.choices: Mapping[str, Choice] = {it.id: it for it in choices}
        self.common = frozenset(common)
        self._symbols = symbols
        self._elsewhere = elsewhere or {}

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Return the model in *directory*, its options not read yet."""
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
        """Return the choice that option *name* is a member of, None if there is none."""
        symbol = self.get(name)
        return None if symbol is None or symbol.choice is None else self.choices.get(symbol.choice)

    def rivals(self, name: str) -> tuple[str, ...]:
        """Return the members of the choice of option *name*, which is one of them; empty if it is in none."""
        choice = self.choice_of(name)
        return () if choice is None else choice.members

    def elsewhere(self, name: str) -> tuple[str, ...]:
        """Return where files that this architecture does not read define *name*: `arch/arm64/Kconfig:12`."""
        return tuple(self._elsewhere.get(name, ()))


class _Symbols(Mapping[str, Symbol]):
    """The options in a directory, each read when it is asked for: there are about 20,000."""

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
    """Return when one of *conditions* holds; y if there are none."""
    terms = tuple(conditions)
    return YES if not terms or YES in terms else terms[0] if len(terms) == 1 else Or(terms)


def _defaults(it: dict[str, Any]) -> tuple[Default, ...]:
    return tuple(Default(from_json(d["value"]), _condition(d)) for d in it["defaults"])


def _selects(found: list[dict[str, Any]]) -> tuple[Select, ...]:
    return tuple(Select(it["target"], _condition(it)) for it in found)


def _definitions(it: dict[str, Any]) -> tuple[Definition, ...]:
    return tuple(Definition(d["file"], d["line"], from_json(d.get("depends", _YES))) for d in it["definitions"])
