"""A Kconfig of a few options with a resolver that implements enough of the real rules."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

from derivations.frozen_map import FrozenMap
from derivations.kconfig.diagnosis.diagnose import diagnose
from derivations.kconfig.language.fragment import Origin, Request
from derivations.kconfig.language.merge import Merged
from derivations.kconfig.symbols.dotconfig import compose
from derivations.kconfig.symbols.expression import (
    NO,
    YES,
    And,
    Compare,
    Const,
    Expr,
    Level,
    Not,
    Or,
    Ref,
    evaluate,
)
from derivations.kconfig.symbols.model import Choice, Default, Definition, Model, Prompt, Range, Select, Symbol
from derivations.kconfig.symbols.values_table import Values


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from derivations.kconfig.diagnosis.outcome import Diagnosis
    from derivations.kconfig.language.values import Value

_WORD = re.compile(r"\s*(\|\||&&|!=|=|<|!|\(|\)|\"[^\"]*\"|@?\w+)")
_LETTERS = "nmy"
_SWITCHES = ("bool", "tristate")
_VISIBLE = re.compile(r"(?:# )?CONFIG_(\w+)(?:=(.*)| is not set)")


def expression(text: str) -> Expr:
    """Return the expression that *text* denotes in Kconfig's own notation."""
    words = _WORD.findall(text)
    found = _either(words)
    assert not words, text
    return found


def _either(words: list[str]) -> Expr:
    terms = [_both(words)]
    while words and words[0] == "||":
        words.pop(0)
        terms.append(_both(words))
    return terms[0] if len(terms) == 1 else Or(tuple(terms))


def _both(words: list[str]) -> Expr:
    terms = [_one(words)]
    while words and words[0] == "&&":
        words.pop(0)
        terms.append(_one(words))
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def _one(words: list[str]) -> Expr:
    word = words.pop(0)
    if word == "!":
        return Not(_one(words))
    if word == "(":
        inner = _either(words)
        words.pop(0)
        return inner
    left = _atom(word)
    if words and words[0] in {"=", "!=", "<"}:
        operator: Any = words.pop(0)
        return Compare(operator, left, _atom(words.pop(0)))
    return left


def _atom(word: str) -> Const | Ref:
    if word in set(_LETTERS) or word.isdecimal() or word.startswith('"'):
        return Const(word.strip('"'))
    return Ref(word)


def both(*terms: Expr) -> Expr:
    """Return the conjunction of *terms*, as Kconfig simplifies it."""
    flat = [it for term in terms for it in (term.terms if isinstance(term, And) else (term,)) if it != YES]
    return YES if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))


def option(name: str, kind: Any = "bool", prompt: str | None = None, **more: Any) -> Symbol:  # noqa: ANN401 -- as Kconfig's
    """Return an option as a Kconfig file would define it; its conditions are text."""
    depends = expression(more.pop("depends", "y"))
    asked = expression(more.pop("prompt_if", "y"))
    defaults = more.pop("defaults", ())
    file = more.pop("file", "Kconfig")
    return Symbol(
        name=name,
        type=kind,
        prompts=(Prompt(prompt, both(asked, depends), ("Options",)),) if prompt is not None else (),
        depends=depends,
        defaults=tuple(Default(expression(v), both(expression(c), depends)) for v, c in defaults),
        selects=tuple(Select(it, depends) for it in more.pop("selects", ())),
        ranges=tuple(Range(expression(a), expression(b), expression(c)) for a, b, c in more.pop("ranges", ())),
        definitions=(Definition(file, 1, depends),),
        **more,
    )


def model(options: Iterable[Symbol], choices: Iterable[Choice] = (), **more: Any) -> Model:  # noqa: ANN401 -- those of Model
    """Return the model of *options*, with selects recorded on both sides."""
    symbols = {it.name: it for it in options}
    for it in list(symbols.values()):
        for select in it.selects:
            target = symbols[select.target]
            term = both(Ref(it.name), select.condition)
            others = () if target.selected_by == NO else (target.selected_by,)
            flat = tuple(x for other in others for x in (other.terms if isinstance(other, Or) else (other,)))
            symbols[target.name] = _with(target, selected_by=Or((*flat, term)) if flat else term)
    about = {"arch": "x86_64", "srcarch": "x86", "version": "6.12.1"}
    return Model(dict(sorted(symbols.items())), choices, **{**about, **more})


def _with(symbol: Symbol, **changes: Any) -> Symbol:  # noqa: ANN401 -- any field's
    import attrs  # noqa: PLC0415 -- only here

    return attrs.evolve(symbol, **changes)


class Resolver:
    """Resolves a configuration like Kconfig, for a `Model` of switches, numbers and strings."""

    def __init__(self, options: Model) -> None:
        """Resolve for *options*."""
        self.model = options
        self.asked: list[str] = []

    def __call__(self, text: str) -> Values:
        """Return the values of all options."""
        self.asked.append(text)
        assigned = {match[1]: match[2] or "n" for line in text.splitlines() if (match := _VISIBLE.fullmatch(line))}
        rows = {
            name: self._row(symbol, Level.N, "n" if symbol.type in _SWITCHES else "")
            for name, symbol in self.model.items()
        }
        rows |= dict.fromkeys(self.model.choices, "0 0 n")
        for _ in range(30):
            before = dict(rows)
            values = Values(rows)
            for choice in self.model.choices.values():
                rows[choice.id] = f"0 0 {evaluate(choice.depends, values)}"
            for name, symbol in self.model.items():
                rows[name] = self._resolved(symbol, assigned.get(name), Values(rows), assigned)
            if rows == before:
                break
        return Values(rows)

    def _row(self, symbol: Symbol, visible: Level, value: str) -> str:
        text = {"string": f'"{value}'}.get(symbol.type, value)
        return f"{int(visible)} {int(bool(visible))} {text}"

    def _resolved(self, symbol: Symbol, text: str | None, values: Values, assigned: Mapping[str, str]) -> str:
        visible = max((evaluate(it.condition, values) for it in symbol.prompts), default=Level.N)
        modules = values.level("MODULES") is Level.Y
        if visible is Level.M and (symbol.type != "tristate" or not modules):
            visible = Level.Y
        default = next((it.value for it in symbol.defaults if evaluate(it.condition, values)), None)
        if symbol.type not in _SWITCHES:
            return self._row(symbol, visible, self._entry(symbol, text if visible else None, default, values))
        if symbol.choice is not None:
            return self._row(symbol, visible, self._member(symbol, visible, values, assigned))
        level = Level.N if default is None else evaluate(default, values)
        if visible and text in set(_LETTERS):
            level = min(Level(_LETTERS.index(text)), visible)
        level = max(level, evaluate(symbol.selected_by, values))
        if level is Level.M and (symbol.type == "bool" or not modules):
            level = Level.Y
        return self._row(symbol, visible, str(level))

    def _member(self, symbol: Symbol, visible: Level, values: Values, assigned: Mapping[str, str]) -> str:
        members = self.model.choices[symbol.choice or ""].members
        able = [it for it in members if evaluate(self.model[it].prompts[0].condition, values)]
        chosen = (
            [it for it in able if assigned.get(it) == "y"] or [it for it in able if assigned.get(it) != "n"] or able
        )
        winner = chosen[-1] if any(assigned.get(it) == "y" for it in chosen) else next(iter(chosen), None)
        return "y" if visible and symbol.name == winner else "n"

    def _entry(self, symbol: Symbol, written: str | None, default: Expr | None, values: Values) -> str:
        text = (
            written.strip('"') if written is not None and written.startswith('"') == (symbol.type == "string") else ""
        )
        if symbol.type != "string" and not re.fullmatch(r"(0x)?[0-9a-f]+", text):
            text = ""
        if not text and isinstance(default, Const):
            text = default.value
        for it in symbol.ranges:
            if text and evaluate(it.condition, values):
                low, high = (
                    x.value if isinstance(x, Const) else values.text(getattr(x, "name", "")) for x in (it.low, it.high)
                )
                if not low or not high:
                    return text
                return str(min(max(int(text, 0), int(low, 0)), int(high, 0)))
        return text


def merged(requests: Mapping[str, Value], **optional: bool) -> Merged:
    """Return *requests* as if from `mine.py`, each on a line of its own."""
    return Merged(
        FrozenMap(
            {
                name: Request(value, optional.get(name, False), origin=Origin("mine", f"mine.py:{line}"))
                for line, (name, value) in enumerate(requests.items(), 1)
            }
        )
    )


def diagnoses(options: Model, requests: Mapping[str, Value], base: str = "") -> dict[str, Diagnosis]:
    """Return the diagnoses of *requests* over *base*, by option."""
    values = Resolver(options)(compose(base, requests, options))
    return {it.option: it for it in diagnose(merged(requests), options, values)}
