"""The part of the C preprocessor that the device tables of drivers need.

Macros with and without parameters, `#`, `##`, variable arguments, integer expressions, adjacent
strings (ISO/IEC 9899:2018, 6.4, 6.6, 6.10.3). Conditions are not evaluated: both
branches of an `#if` are read, because a table should cover everything that any configuration could drive.

pcpp, a complete preprocessor, is not used: it evaluates conditions, and if configured to leave them open, it reads
everything that a driver includes: 17 s for `drivers/ata/ahci.c` of Linux 6.12, whose tables take 0.03 s here, because
only the macros that they name are looked up.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


Tokens: TypeAlias = list[str]

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*'
    r"|##|\.\.\.|<<|>>|==|!=|<=|>=|&&|\|\||[^\sA-Za-z_0-9]"
)
_LINE_COMMENT = re.compile(r"(?<!:)//[^\n]*")
_DEFINE = re.compile(r"#[ \t]*define[ \t]+\Z")
_DEFINED = re.compile(r"(?!\w)(?:\(([^)]*)\))?[ \t]*((?:[^\n]*\\\n)*[^\n]*)")
_BEFORE = 40  # characters for `#define` and its blanks
_MOST = 200_000
"""The limit for the tokens of macros in one expression: the tables of the largest drivers have some thousand."""

_DEEPEST = 60
"""The limit for nested operands in an expression, each of which takes frames of Python's stack."""

_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]{1,40}|[1-9][0-9]{0,40}|0[0-7]{0,40})[uUlL]*")
_OCTAL = re.compile(r"0[0-7]+")
_TYPES = frozenset(
    [
        "__u8",
        "__u16",
        "__u32",
        "__u64",
        "u8",
        "u16",
        "u32",
        "u64",
        "int",
        "unsigned",
        "long",
        "short",
        "char",
        "kernel_ulong_t",
        "__le16",
        "__le32",
    ]
)
_ESCAPE = re.compile(r"\\(.)")
_MAX_DEPTH = 30
"""How many macros may be in each other, each of which takes frames of Python's stack."""

_WORD = (1 << 64) - 1


@attrs.frozen
class Macro:
    """The definition of a name; *parameters* is None for a macro without parentheses."""

    parameters: tuple[str, ...] | None
    body: str

    @property
    def tokens(self) -> Tokens:
        """Return the body's tokens."""
        return tokens(self.body)


Find: TypeAlias = "Callable[[str], Macro | None]"


def tokens(text: str) -> Tokens:
    """Return the tokens of *text*."""
    return _TOKEN.findall(text)


def without_comments(text: str) -> str:
    """Return *text* without block comments; a `/*` inside a string also counts as a comment."""
    first, *others = text.split("/*")
    return "".join([first, *(f" {it.partition('*/')[2]}" for it in others)])


def without_line_comments(text: str) -> str:
    """Return *text* without line comments."""
    return _LINE_COMMENT.sub("", text) if "//" in text else text


def definition(name: str, text: str) -> Macro | None:
    """Return the macro *name* defined in *text*, None if there is none; of several, the first that is not empty."""
    found = None
    place = text.find(name)
    while place >= 0 and (found is None or not found.body):
        end = place + len(name)
        if _DEFINE.search(text, max(0, place - _BEFORE), place) and (match := _DEFINED.match(text, end)):
            parameters = None if match[1] is None else tuple(it.strip() for it in match[1].split(",") if it.strip())
            body = without_line_comments(without_comments(match[2].replace("\\\n", " ")))
            found = Macro(parameters, body.strip())
        place = text.find(name, end)
    return found


def expand(given: Sequence[str], find: Find) -> Tokens:
    """Return *given* with every macro that *find* knows expanded, up to `_MOST` tokens."""
    return _Expansion(find).expand(given, frozenset(), 0)


@attrs.define
class _Expansion:
    """Expand macros, counting tokens: macros that double at every step would never end."""

    find: Find
    left: int = _MOST

    def expand(self, given: Sequence[str], hidden: frozenset[str], depth: int) -> Tokens:
        """Return *given* with every macro expanded except those *hidden*."""
        out: Tokens = []
        place = 0
        while place < len(given):
            token = given[place]
            place += 1
            macro = self._macro(token) if token not in hidden and depth < _MAX_DEPTH else None
            if macro is None or (macro.parameters is not None and given[place : place + 1] != ["("]):
                out.append(token)
                continue
            body = macro.tokens
            if macro.parameters is not None:
                arguments, place = call_arguments(given, place)
                body = _substituted(macro, arguments, lambda it: self.expand(it, hidden, depth + 1))
            self.left -= 1 + len(body)
            out += self.expand(body, hidden | {token}, depth + 1)
        return out

    def _macro(self, token: str) -> Macro | None:
        is_name = token[0].isalpha() or token[0] == "_"
        return self.find(token) if is_name and self.left > 0 else None


def call_arguments(given: Sequence[str], place: int) -> tuple[list[Tokens], int]:
    """Return the arguments in the brackets that open at *place*, and the place after them."""
    end = closing(given, place)
    return split(given[place + 1 : end]), end + 1


def closing(given: Sequence[str], place: int) -> int:
    """Return the place where the bracket at *place* closes."""
    depth = 0
    for index in range(place, len(given)):
        depth += (given[index] in "({[") - (given[index] in ")}]")
        if not depth:
            return index
    return len(given)


def split(given: Sequence[str]) -> list[Tokens]:
    """Return *given*, split at the commas outside of brackets."""
    parts: list[Tokens] = [[]]
    depth = 0
    for each in given:
        depth += (each in "({[") - (each in ")}]")
        if each == "," and not depth:
            parts.append([])
        else:
            parts[-1].append(each)
    return parts


def _substituted(macro: Macro, arguments: list[Tokens], expanded: Callable[[Tokens], Tokens]) -> Tokens:
    """Return the body of *macro* with its parameters replaced."""
    values = _bound(macro.parameters or (), arguments)
    out: Tokens = []
    body = macro.tokens
    place = 0
    while place < len(body):
        each, following = body[place], body[place + 1 : place + 2]
        if each == "#" and following and following[0] in values:
            text = " ".join(values[following[0]]).replace("\\", "\\\\").replace('"', '\\"')
            out.append(f'"{text}"')
            place += 2
        elif following == ["##"]:
            glued = values.get(each, [each])
            while body[place + 1 : place + 2] == ["##"]:
                right = body[place + 2 : place + 3]
                glued = _glue(glued, values.get(right[0], right) if right else [])
                place += 2
            out += glued
            place += 1
        else:
            out += expanded(values[each]) if each in values else [each]
            place += 1
    return out


def _glue(left: Tokens, right: Tokens) -> Tokens:
    if not left or not right:
        return [*left, *right]
    if left[-1] == ",":  # `, ##args`
        return [*left, *right]
    return [*left[:-1], *tokens(left[-1] + right[0]), *right[1:]]


def _bound(parameters: tuple[str, ...], arguments: list[Tokens]) -> Mapping[str, Tokens]:
    values: dict[str, Tokens] = {}
    for index, parameter in enumerate(parameters):
        if parameter.endswith("..."):
            rest = [token for argument in arguments[index:] for token in [*argument, ","]][:-1]
            values[parameter.removesuffix("...") or "__VA_ARGS__"] = rest
        else:
            values[parameter] = arguments[index] if index < len(arguments) else []
    return values


def string(given: Sequence[str]) -> str | None:
    """Return the value of *given*, adjacent strings; None if it is something else."""
    inner = [token for token in given if token not in {"(", ")"}]
    if not inner or not all(token[0] == '"' for token in inner):
        return None
    return "".join(_ESCAPE.sub(r"\1", token[1:-1]) for token in inner)


def number(given: Sequence[str]) -> int | None:
    """Return the value of the integer expression *given*; None if it is something else."""
    if len(given) == 1 and (match := _NUMBER.fullmatch(given[0])):  # nearly always
        return int(match[1], 8 if _OCTAL.fullmatch(match[1]) else 0)
    expression = _Expression(list(given))
    value = expression.ternary()
    return value if expression.place == len(expression.given) else None


_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "||": (1, lambda a, b: int(bool(a or b))),
    "&&": (2, lambda a, b: int(bool(a and b))),
    "|": (3, lambda a, b: a | b),
    "^": (4, lambda a, b: a ^ b),
    "&": (5, lambda a, b: a & b),
    "==": (6, lambda a, b: int(a == b)),
    "!=": (6, lambda a, b: int(a != b)),
    "<": (7, lambda a, b: int(a < b)),
    ">": (7, lambda a, b: int(a > b)),
    "<=": (7, lambda a, b: int(a <= b)),
    ">=": (7, lambda a, b: int(a >= b)),
    "<<": (8, lambda a, b: (a << (b & 63)) & _WORD),
    ">>": (8, lambda a, b: a >> (b & 63)),
    "+": (9, lambda a, b: a + b),
    "-": (9, lambda a, b: a - b),
    "*": (10, lambda a, b: a * b),
    "/": (10, lambda a, b: a // b if b else 0),
    "%": (10, lambda a, b: a % b if b else 0),
}
"""The precedence of each operator, and its function."""

_UNARY: dict[str, Callable[[int], int]] = {
    "~": lambda a: ~a,
    "-": lambda a: -a,
    "+": lambda a: a,
    "!": lambda a: int(not a),
}


@attrs.define
class _Expression:
    """A precedence-climbing parser of C's integer expressions; None means that it cannot read one."""

    given: Tokens
    place: int = 0
    depth: int = 0

    def _next(self) -> str:
        return self.given[self.place] if self.place < len(self.given) else ""

    def _take(self, token: str) -> bool:
        taken = self._next() == token
        self.place += taken
        return taken

    def ternary(self) -> int | None:
        self.depth += 1
        value = self._chosen() if self.depth <= _DEEPEST else None
        self.depth -= 1
        return value

    def _chosen(self) -> int | None:
        condition = self._binary(1)
        if not self._take("?"):
            return condition
        then = condition if self._next() == ":" else self.ternary()  # `a ?: b`, a GNU extension
        otherwise = self.ternary() if self._take(":") else None
        return None if condition is None else (then if condition else otherwise)

    def _binary(self, tightness: int) -> int | None:
        value = self._unary()
        while value is not None and (found := _BINARY.get(self._next(), (0, None)))[0] >= tightness:
            level, operate = found
            self.place += 1
            right = self._binary(level + 1)
            value = None if right is None or operate is None else operate(value, right)
        return value

    def _unary(self) -> int | None:
        self.depth += 1
        value = self._operand() if self.depth <= _DEEPEST else None
        self.depth -= 1
        return value

    def _operand(self) -> int | None:
        given = self._next()
        self.place += 1
        if given in _UNARY:
            value = self._unary()
            return None if value is None else _UNARY[given](value)
        if given == "(":
            if self._next() in _TYPES:
                self.place = closing(self.given, self.place - 1) + 1
                return self._unary()
            value = self.ternary()
            return value if self._take(")") else None
        if match := _NUMBER.fullmatch(given):
            digits = match[1]
            return int(digits, 8 if _OCTAL.fullmatch(digits) else 0)
        return ord(given[1]) if len(given) == len("'x'") and given[0] == "'" else None
