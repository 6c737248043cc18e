"""Kconfig expressions: the dependencies of an option, its default, the condition of its prompt.

The value of an expression is n, m or y; `&&` is the minimum, `||` the maximum, `!` is 2 minus the
value (Documentation/kbuild/kconfig-language.rst, "Menu dependencies"). The model stores them as
JSON, written by `derivations/linux/scripts/kconf/`:

    "NAME"                      an option, or a choice, whose id begins with @
    {"value": "y"}              a constant
    ["!", e]
    ["&&", e, e, …]             two or more terms
    ["||", e, e, …]
    ["=", operand, operand]     also != < <= > >=; an operand is a name or a constant
"""

from __future__ import annotations

import enum
import re

from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import attrs


if TYPE_CHECKING:
    from collections.abc import Iterator


Operator = Literal["=", "!=", "<", "<=", ">", ">="]

_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
_DECIMAL = re.compile(r"-?[0-9]+", re.ASCII)
_OPERATORS = frozenset(("=", "!=", "<", "<=", ">", ">="))


class Level(enum.IntEnum):
    """The value of an expression."""

    N = 0
    M = 1
    Y = 2

    def __str__(self) -> str:
        return self.name.lower()


@attrs.frozen
class Const:
    """A constant in the Kconfig file."""

    value: str


@attrs.frozen
class Ref:
    """The value of an option, or of a choice, whose id begins with `@`."""

    name: str


@attrs.frozen
class Not:
    """The negation of its term."""

    term: Expr


@attrs.frozen
class And:
    """The minimum of its terms."""

    terms: tuple[Expr, ...]


@attrs.frozen
class Or:
    """The maximum of its terms."""

    terms: tuple[Expr, ...]


@attrs.frozen
class Compare:
    """A comparison of two values: y or n."""

    operator: Operator
    left: Const | Ref
    right: Const | Ref


Expr = Const | Ref | Not | And | Or | Compare

YES = Const("y")
NO = Const("n")

_LEVELS = {"n": Level.N, "m": Level.M, "y": Level.Y}


class Valued(Protocol):
    """A source of the values of options and choices."""

    def level(self, name: str, /) -> Level:
        """Return the level of *name* in an expression: n for strings, numbers and undefined names."""
        ...

    def text(self, name: str) -> str:
        """Return the value of *name* as text; *name* itself if it is not defined."""
        ...


def from_json(value: Any) -> Expr:  # noqa: ANN401 -- JSON
    """Return the expression whose JSON is *value*."""
    if isinstance(value, str):
        return Ref(value)
    if isinstance(value, dict):
        return Const(value["value"])
    operator, *operands = value
    terms = tuple(from_json(it) for it in operands)
    if operator == "!":
        return Not(terms[0])
    if operator == "&&":
        return And(terms)
    if operator == "||":
        return Or(terms)
    if operator not in _OPERATORS:
        msg = f"{operator!r} is not a Kconfig operator"
        raise ValueError(msg)
    left, right = cast("tuple[Const | Ref, Const | Ref]", terms)
    return Compare(operator, left, right)


def evaluate(expression: Expr, values: Valued) -> Level:
    """Return the value of *expression* with *values*."""
    match expression:
        case Const(value):
            return _LEVELS.get(value, Level.N)
        case Ref(name):
            return values.level(name)
        case Not(term):
            return Level(Level.Y - evaluate(term, values))
        case And(terms):
            return min(evaluate(it, values) for it in terms)
        case Or(terms):
            return max(evaluate(it, values) for it in terms)
        case Compare(operator, left, right):
            return Level.Y if compare(operator, _text(left, values), _text(right, values)) else Level.N


def compare(operator: Operator, left: str, right: str) -> bool:
    """Compare as numbers or tristates if both are, else as strings, as scripts/kconfig/expr.c does."""
    numbers = _number(left), _number(right)
    first, second = (left, right) if None in numbers else cast("tuple[Any, Any]", numbers)
    match operator:
        case "=":
            return bool(first == second)
        case "!=":
            return bool(first != second)
        case "<":
            return bool(first < second)
        case "<=":
            return bool(first <= second)
        case ">":
            return bool(first > second)
        case ">=":
            return bool(first >= second)


def _number(text: str) -> int | None:
    if text in _LEVELS:
        return _LEVELS[text]
    if _HEX.fullmatch(text):
        return int(text, 16)
    return int(text) if _DECIMAL.fullmatch(text) else None


def _text(operand: Const | Ref, values: Valued) -> str:
    return operand.value if isinstance(operand, Const) else values.text(operand.name)


def refs(expression: Expr) -> tuple[str, ...]:
    """Return the options and choices that *expression* names, each once, in order."""
    operands = (
        operand for it in leaves(expression) for operand in ((it.left, it.right) if isinstance(it, Compare) else (it,))
    )
    return tuple(dict.fromkeys(it.name for it in operands if isinstance(it, Ref)))


def leaves(expression: Expr) -> Iterator[Ref | Compare]:
    """Yield the options and comparisons that *expression* combines, in order."""
    match expression:
        case Ref() | Compare():
            yield expression
        case Not(term):
            yield from leaves(term)
        case And(terms) | Or(terms):
            for term in terms:
                yield from leaves(term)
        case Const():
            return


def show(expression: Expr, values: Valued | None = None) -> str:
    """Return *expression* as Kconfig writes it; with *values*, each name with its value: `A [=y] && !B [=m]`."""
    match expression:
        case Const(value):
            return value if _number(value) is not None else f'"{value}"'
        case Ref(name):
            return name if values is None else f"{name} [={_shown(name, values)}]"
        case Not(term):
            return f"!{_inner(term, values, (And, Or, Compare))}"
        case And(terms):
            return " && ".join(_inner(it, values, (Or,)) for it in terms)
        case Or(terms):
            return " || ".join(show(it, values) for it in terms)
        case Compare(operator, left, right):
            return f"{show(left, values)} {operator} {show(right, values)}"


def _inner(term: Expr, values: Valued | None, bracketed: tuple[type[Any], ...]) -> str:
    text = show(term, values)
    return f"({text})" if isinstance(term, bracketed) else text


def _shown(name: str, values: Valued) -> str:
    """Return the value of *name*; n if it is not defined, where its text is its own name."""
    text = values.text(name)
    return "n" if text == name else text
