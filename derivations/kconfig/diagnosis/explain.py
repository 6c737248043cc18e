"""Everything about one option: its value and the reason, who requests it, what it depends on and affects."""

from __future__ import annotations

import textwrap

from typing import TYPE_CHECKING, Any

import attrs

from derivations.kconfig.diagnosis.blockers import Blocker, BlockerFinder
from derivations.kconfig.diagnosis.planner import alternatives, selector
from derivations.kconfig.diagnosis.ranges import limits
from derivations.kconfig.language.values import Unset, written
from derivations.kconfig.language.wording import joined, place, selecting
from derivations.kconfig.symbols.expression import YES as ALWAYS
from derivations.kconfig.symbols.expression import And, Const, Level, Ref, evaluate, show
from derivations.kconfig.symbols.fits import SWITCHES, holds
from derivations.kconfig.symbols.missing import missing
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from derivations.kconfig.language.merge import Merged
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Default, Model, Prompt, Select, Symbol
    from derivations.kconfig.symbols.values_table import Values


_WIDTH = 100  # columns, on any terminal: longer lines are hard to read
_SHOWN = 8  # links of a kind: some options have hundreds


class UnknownOption(Error):
    """A kernel has no option of this name."""

    option: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"{self.option}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Suggest a similar name or a replacement."""
        return self.advice


@attrs.frozen(kw_only=True)
class RelatedOption:
    """Another option, and the condition under which it applies.

    Attributes:
        option: The other option.
        condition: The condition with current values; empty if there is none.
        level: Its effect now; n is none.
    """

    option: str
    condition: str
    level: Level

    def __str__(self) -> str:
        text = f"{self.option} [={self.level}]"
        return f"{text} if {self.condition}" if self.condition else text


@attrs.frozen(kw_only=True)
class Explanation:
    """All facts about one option of one configuration; expressions are text with current values.

    Attributes:
        option: Its name.
        type: Kconfig's type.
        value: Its value.
        why: What set its value, a clause.
        blocked: What keeps it from being y, or from being changed, each followed down to what can be changed.
        asked: The requests for it, the winner first.
        prompts: Its prompts.
        conditions: When each prompt is visible, beyond the dependencies; empty if always.
        menus: Its place in menuconfig.
        places: Where it is defined, as `lib/Kconfig.kgdb:12`.
        depends: What it depends on.
        visible: The highest value that can be set now.
        default: The default that applies now.
        limits: The range that applies now.
        choice: The choice that it belongs to, with the chosen member.
        selected_by: What selects it, active ones first.
        implied_by: What implies it, active ones first.
        selects: What it selects.
        implies: What it implies.
        objects: The objects that it builds.
        help: Its help text.
    """

    option: str
    type: str
    value: str
    why: str
    blocked: tuple[Blocker, ...]
    asked: tuple[str, ...]
    prompts: tuple[str, ...]
    conditions: tuple[str, ...]
    menus: tuple[str, ...]
    places: tuple[str, ...]
    depends: str
    visible: Level
    default: str | None
    limits: tuple[str, str] | None
    choice: str | None
    selected_by: tuple[RelatedOption, ...]
    implied_by: tuple[RelatedOption, ...]
    selects: tuple[RelatedOption, ...]
    implies: tuple[RelatedOption, ...]
    objects: tuple[str, ...]
    help: str

    @property
    def text(self) -> str:
        """Return the explanation as text."""
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text."""
        yield f"{self.option} is {self.value or 'empty'}: {self.why}"
        yield from (line for it in self.blocked for line in it.lines("  "))
        for title, content in self._facts():
            yield from _entry(title, content)
        if self.help:
            yield ""
            yield from (f"  {line}".rstrip() for line in self.help.splitlines())

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON data."""
        plain = attrs.asdict(self, recurse=False)
        for name in ("selected_by", "implied_by", "selects", "implies"):
            plain[name] = [
                {"option": it.option, "condition": it.condition, "level": str(it.level)} for it in plain[name]
            ]
        plain["blocked"] = [it.to_json() for it in self.blocked]
        plain["visible"] = str(self.visible)
        return plain

    def _facts(self) -> Iterator[tuple[str, Sequence[str]]]:
        yield "requested", self.asked
        yield "prompt", [
            f"{text} ({self.type}){f' if {condition}' if condition else ''}"
            for text, condition in zip(self.prompts, self.conditions, strict=True)
        ] or [f"none ({self.type})"]  # fmt: skip
        yield "menu", self.menus
        yield "defined in", self.places
        yield "depends on", [self.depends] if self.depends else []
        yield "default", [self.default] if self.default else []
        yield "range", [f"{self.limits[0]} to {self.limits[1]}"] if self.limits else []
        yield "choice", [self.choice] if self.choice else []
        yield "selected by", _few(self.selected_by)
        yield "implied by", _few(self.implied_by)
        yield "selects", [str(it) for it in self.selects]
        yield "implies", [str(it) for it in self.implies]
        yield "builds", self.objects


def explain(
    option: str,
    model: Model,
    values: Values,
    merged: Merged,
    objects: Callable[[str], Sequence[str]] | None = None,
) -> Explanation:
    """Return the explanation of *option*; *objects* maps an option to the objects that it builds.

    Raises:
        UnknownOption: there is no such option.
    """
    symbol = model.get(option)
    if symbol is None:
        why = missing(option, model)
        raise UnknownOption(option, why.reason, why.suggestion)
    finder = BlockerFinder(model, values, merged.requests)
    state = values[option]
    off = state.value == "n" if symbol.type in SWITCHES else not state.visible
    default = _default(symbol, values)
    prompts = dict.fromkeys((it.text, _shown_if(it, symbol, values)) for it in symbol.prompts)
    return Explanation(
        option=option,
        type=symbol.type,
        value=state.value,
        why=_why(symbol, values, merged, finder, default),
        blocked=_blocked(symbol, finder) if off else _hidden(symbol, values, finder),
        asked=_asked(option, merged),
        prompts=tuple(text for text, _ in prompts),
        conditions=tuple(condition for _, condition in prompts),
        menus=tuple(dict.fromkeys(" -> ".join(it.menus) for it in symbol.prompts if it.menus)),
        places=tuple(f"{it.file}:{it.line}" for it in symbol.definitions),
        depends="" if symbol.depends == ALWAYS else show(symbol.depends, values),
        visible=state.visible,
        default=None if default is None else _with_condition(show(default.value, values), default.condition, values),
        limits=limits(symbol, values),
        choice=_choice(symbol, model, values),
        selected_by=_selectors(symbol.selected_by, values),
        implied_by=_selectors(symbol.implied_by, values),
        selects=_targets(symbol.selects, values),
        implies=_targets(symbol.implies, values),
        objects=tuple(objects(option)) if objects is not None else (),
        help=symbol.help,
    )


def _asked(option: str, merged: Merged) -> tuple[str, ...]:
    counting = merged.requests.get(option)
    lost = [
        f"{written(it.request.value)}{place(it.request)}, which is overridden"
        for it in merged.shadowed
        if it.name == option
    ]
    if counting is None:
        return tuple(lost)
    optional = ", optional" if counting.optional else ""
    return (f"{written(counting.value)}{place(counting)}{optional}", *lost)


def _why(symbol: Symbol, values: Values, merged: Merged, finder: BlockerFinder, default: Default | None) -> str:
    """Return what set the value of *symbol*, a clause."""
    level = values.level(symbol.name)
    if level and evaluate(symbol.selected_by, values) >= level:
        active = [it.option for it in _selectors(symbol.selected_by, values) if it.level >= level]
        return selecting(active)
    value = values[symbol.name].value
    if (who := finder.origin(symbol.name)) is not None:
        return who if _holds(symbol, values, merged) else f"{who}, which does not hold"
    if level and evaluate(symbol.implied_by, values) >= level:
        active = [it.option for it in _selectors(symbol.implied_by, values) if it.level >= level]
        return f"{joined(active)} impl{'ies' if len(active) == 1 else 'y'} it"
    if default is not None and _text(default.value, values) == value:
        hidden = symbol.prompts and not values[symbol.name].visible
        return "this is its default, and its prompt is not visible" if hidden else "this is its default"
    if values[symbol.name].visible:
        silent = value in {"n", ""} and (default is None or _text(default.value, values) in {"n", ""})
        return "nothing requests it" if silent else "set by the base configuration"
    return "it is unavailable in this configuration" if symbol.prompts else "it has no prompt, and nothing sets it"


def _holds(symbol: Symbol, values: Values, merged: Merged) -> bool:
    wanted = merged.requests[symbol.name].value
    return not isinstance(wanted, Unset) and holds(wanted, symbol, values[symbol.name])


def _shown_if(prompt: Prompt, symbol: Symbol, values: Values) -> str:
    """Return when *prompt* is visible, beyond the dependencies of *symbol*; empty if always."""
    depends = {symbol.depends, *(symbol.depends.terms if isinstance(symbol.depends, And) else ())}
    condition = prompt.condition
    terms = condition.terms if isinstance(condition, And) and condition != symbol.depends else (condition,)
    own = tuple(it for it in terms if it not in depends and it != ALWAYS)
    return show(own[0] if len(own) == 1 else And(own), values) if own else ""


def _blocked(symbol: Symbol, finder: BlockerFinder) -> tuple[Blocker, ...]:
    """Return what keeps *symbol* from being at least m."""
    condition = finder.nearest(symbol, Level.M)
    return () if condition == Ref(symbol.name) and symbol.type not in SWITCHES else finder.unmet(condition, Level.M)


def _hidden(symbol: Symbol, values: Values, finder: BlockerFinder) -> tuple[Blocker, ...]:
    """Return what hides the prompt of *symbol*, unless another option selects it anyway."""
    if values[symbol.name].visible or evaluate(symbol.selected_by, values):
        return ()
    return finder.hidden(symbol) if symbol.prompts else ()


def _default(symbol: Symbol, values: Values) -> Default | None:
    return next((it for it in symbol.defaults if evaluate(it.condition, values)), None)


def _text(expression: Expr, values: Values) -> str:
    match expression:
        case Const(value):
            return value
    return str(evaluate(expression, values))


def _choice(symbol: Symbol, model: Model, values: Values) -> str | None:
    choice = model.choice_of(symbol.name)
    if choice is None:
        return None
    chosen = next((it for it in choice.members if values.level(it) is Level.Y), "nothing")
    return f"“{choice.prompt}” is {chosen}, of {', '.join(choice.members)}"


def _selectors(expression: Expr, values: Values) -> tuple[RelatedOption, ...]:
    """Return the options in *expression*, a `selected_by` or `implied_by`, active ones first."""
    found = []
    for term in alternatives(expression):
        if (name := selector(term)) is not None:
            rest = show(And(term.terms[1:]), values) if isinstance(term, And) else ""
            found.append(RelatedOption(option=name, condition=rest, level=evaluate(term, values)))
    return tuple(sorted(found, key=lambda it: -it.level))


def _targets(selects: Sequence[Select], values: Values) -> tuple[RelatedOption, ...]:
    return tuple(
        RelatedOption(
            option=it.target,
            condition="" if it.condition == ALWAYS else show(it.condition, values),
            level=values.level(it.target),
        )
        for it in selects
    )


def _with_condition(text: str, condition: Expr, values: Values) -> str:
    return text if condition == ALWAYS else f"{text} if {show(condition, values)}"


def _few(links: Sequence[RelatedOption]) -> list[str]:
    more = len(links) - _SHOWN
    return [*(str(it) for it in links[:_SHOWN]), *([f"… and {more} more"] if more > 0 else [])]


def _entry(title: str, content: Sequence[str]) -> Iterator[str]:
    """Yield *content* after *title*, wrapped."""
    indent = " " * 14
    for number, item in enumerate(content):
        first = f"  {title:<12}" if number == 0 else indent
        yield from textwrap.wrap(
            item,
            _WIDTH,
            initial_indent=first,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
