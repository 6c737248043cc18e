"""Why an option differs between two configurations: the direct cause, not the root.

The causes come from the two tables of values and, where available, from the option's Kconfig in the two versions of
Linux. A plain file has neither requests nor a Kconfig; what is unknown about a configuration is never given as a
cause.
"""

from __future__ import annotations

import enum

from typing import TYPE_CHECKING

import attrs

from derivations.kconfig.symbols.expression import NO, Const, Level, Or, evaluate, leaves, refs, show
from derivations.kconfig.symbols.renames import changed


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.comparison.side import Side
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.symbols.expression import Expr
    from derivations.kconfig.symbols.model import Symbol
    from derivations.kconfig.symbols.values_table import Values


class CauseKind(enum.StrEnum):
    """The kind of a cause, in the order of a report."""

    ASKED = "asked"
    DROPPED = "dropped"
    BASE = "base"
    NEW = "new"
    GONE = "gone"
    DEFINITION = "definition"
    DEFAULT = "default"
    SELECTED = "selected"
    DEPENDS = "depends"
    CHOICE = "choice"
    UNKNOWN = "unknown"


TITLES: Mapping[CauseKind, str] = {
    CauseKind.ASKED: "requested",
    CauseKind.DROPPED: "no longer requested",
    CauseKind.BASE: "from the base",
    CauseKind.NEW: "new options",
    CauseKind.GONE: "removed options",
    CauseKind.DEFINITION: "options with a different definition",
    CauseKind.DEFAULT: "options with a different default",
    CauseKind.SELECTED: "selected",
    CauseKind.DEPENDS: "by dependencies",
    CauseKind.CHOICE: "by choices",
    CauseKind.UNKNOWN: "other changes",
}
"""The headings of the root changes of each kind."""


@attrs.frozen(kw_only=True)
class Cause:
    """The direct cause of a change.

    Attributes:
        kind: Its kind.
        text: A few words for people.
        options: The options whose changes caused this one; empty if this is the root.
        fragment: The fragment with the request, now or before.
        place: The place of the request in that fragment.
    """

    kind: CauseKind
    text: str
    options: tuple[str, ...] = ()
    fragment: str = ""
    place: str = ""


@attrs.frozen
class Causes:
    """Finds the causes of the changes between two configurations."""

    old: Side
    new: Side

    def find(self, option: str) -> Cause:
        """Return the direct cause of the change of *option*."""
        for attempt in (
            *(self._asked, self._other_base, self._version, self._selected, self._depends, self._choice),
            *(self._implied, self._default, self._range, self._same_base, self._one_base, self._prompt),
            self._definition,
        ):
            if (cause := attempt(option)) is not None:
                return cause
        if self.old.model is None and self.new.model is None:
            return Cause(kind=CauseKind.UNKNOWN, text="the files differ")
        for side in (self.new, self.old):
            if side.model is None:
                return Cause(kind=CauseKind.UNKNOWN, text=f"set in {side.name}")
        return Cause(kind=CauseKind.UNKNOWN, text="the toolchain, or the order in which Kconfig evaluates options")

    def _asked(self, option: str) -> Cause | None:
        """Return the request for the new value, or the dropped one for the old value."""
        before, after = self.old.requests.get(option), self.new.requests.get(option)
        if after is not None and self.new.has(option, after.value):
            if before is not None and before.value == after.value:
                return None
            return _requested(CauseKind.ASKED, after, "requested")
        if before is not None and after is None and self.old.has(option, before.value):
            return _requested(CauseKind.DROPPED, before, "no longer requested")
        return None

    def _other_base(self, option: str) -> Cause | None:
        return self._base(option) if self.old.base_name != self.new.base_name else None

    def _same_base(self, option: str) -> Cause | None:
        return self._base(option)

    def _base(self, option: str) -> Cause | None:
        """Return the base, if both bases set the values; a base includes consequences, so it explains them all."""
        if not self.old.base_name or not self.new.base_name:
            return None
        before, after = self.old.base.get(option), self.new.base.get(option)
        if before == after or not (self.old.has(option, before) and self.new.has(option, after)):
            return None
        if self.old.base_name == self.new.base_name:
            return Cause(kind=CauseKind.BASE, text=f"set by {self.new.base_name} of {self.new.version}")
        return Cause(kind=CauseKind.BASE, text=f"{self.new.base_name} instead of {self.old.base_name}")

    def _one_base(self, option: str) -> Cause | None:
        """Return the base that sets the new value, or set the old one, if the other base does not."""
        before, after = self.old.base.get(option), self.new.base.get(option)
        if before == after:
            return None
        if after is not None and self.new.has(option, after):
            return Cause(kind=CauseKind.BASE, text=f"set by {self.new.base_name}")
        if before is not None and self.old.has(option, before):
            return Cause(kind=CauseKind.BASE, text=f"was set by {self.old.base_name}, but not by {self._other_name()}")
        return None

    def _other_name(self) -> str:
        """Return the name of the new base, distinct from the old one."""
        same = self.old.base_name == self.new.base_name
        return f"the one of {self.new.name}" if same else self.new.base_name or self.new.name

    def _version(self, option: str) -> Cause | None:
        """Return that only one of the versions has *option*; None if both do."""
        if self.new.model is not None and self.new.lacks(option) and not self.old.lacks(option):
            known = changed(option, self.new.model)
            if known is not None and known.new:
                latest = "" if known.commit else " at the latest"
                return Cause(kind=CauseKind.GONE, text=f"named {' or '.join(known.new)} since {known.since}{latest}")
            return Cause(kind=CauseKind.GONE, text=f"{self.new.version} has no such option")
        if self.old.lacks(option) and not self.new.lacks(option):
            why = self._why_on(option)
            return Cause(kind=CauseKind.NEW, text=f"new, {why}" if why else "new")
        return None

    def _why_on(self, option: str) -> str:
        """Return what sets the value of a new *option*."""
        symbol = self.new.symbol(option)
        if symbol is None:
            return ""
        values = self.new.values
        if by := [it for it in _terms(symbol.selected_by) if evaluate(it, values) > Level.N]:
            return f"selected by {_first(by[0])}"
        return _default(symbol, values)

    def _selected(self, option: str) -> Cause | None:
        """Return what selects it now and did not before, or vice versa."""
        before, after = (it.symbol(option) for it in (self.old, self.new))
        low, high = self.old.level(option), self.new.level(option)
        was = evaluate(before.selected_by, self.old.values) if before is not None else Level.N
        now = evaluate(after.selected_by, self.new.values) if after is not None else Level.N
        if low < high <= now and was < high and after is not None:
            term = next(it for it in _terms(after.selected_by) if evaluate(it, self.new.values) >= high)
            return self._by(CauseKind.SELECTED, option, term, f"{_first(term)} selects it")
        if high < low <= was and now < low and before is not None:
            term = next(it for it in _terms(before.selected_by) if evaluate(it, self.old.values) >= low)
            return self._by(CauseKind.SELECTED, option, term, f"{_first(term)} no longer selects it")
        return None

    def _depends(self, option: str) -> Cause | None:
        """Return the dependencies that are met now and were not before, or vice versa."""
        before, after = (it.symbol(option) for it in (self.old, self.new))
        if before is None or after is None:
            return None
        was, now = (side.allowed(it) for it, side in ((before, self.old), (after, self.new)))
        low, high = self.old.needed(option), self.new.needed(option)
        if now < low and now < was:
            return self._by(CauseKind.DEPENDS, option, after.depends, "depends on")
        if was < high and was < now:
            return self._by(CauseKind.DEPENDS, option, after.depends, "depends on")
        return None

    def _choice(self, option: str) -> Cause | None:
        """Return the member of its choice that replaced it, or that it replaced."""
        symbol = self.new.symbol(option) or self.old.symbol(option)
        model = self.new.model or self.old.model
        if symbol is None or symbol.choice is None or model is None or symbol.choice not in model.choices:
            return None
        choice = model.choices[symbol.choice]
        falls = self.new.value(option) is None
        others = [it for it in choice.members if it != option and self.old.value(it) != self.new.value(it)]
        for other in others:
            if (self.new.value(other) is not None) is not falls:
                continue
            if falls:
                return Cause(kind=CauseKind.CHOICE, text=f"{other} is chosen instead", options=(other,))
            cause = self._asked(other) or self._version(other) or self._depends(other)
            if cause is not None:
                return Cause(kind=CauseKind.CHOICE, text=f"chosen because {other} no longer is", options=(other,))
        if not falls and choice.defaults:
            return self._chosen(option)
        return None

    def _chosen(self, option: str) -> Cause | None:
        """Return why a choice chooses *option* by default."""
        symbol = self.new.symbol(option)
        if symbol is None or symbol.choice is None or self.new.model is None:
            return None
        for it in self.new.model.choices[symbol.choice].defaults:
            if evaluate(it.condition, self.new.values) > Level.N:
                condition = "" if it.condition == Const("y") else f" if {show(it.condition)}"
                text = f"the choice defaults to {show(it.value)}{condition}"
                return Cause(kind=CauseKind.DEFAULT, text=text, options=self._moved(it.condition, option))
        return None

    def _implied(self, option: str) -> Cause | None:
        """Return what implies it now and did not before, or vice versa."""
        rises = self.new.level(option) > self.old.level(option)
        side = self.new if rises else self.old
        symbol = side.symbol(option)
        if symbol is None:
            return None
        for term in _terms(symbol.implied_by):
            if evaluate(term, side.values) > Level.N and (moved := self._moved(term, option)):
                words = "implies it" if rises else "no longer implies it"
                return Cause(kind=CauseKind.DEFAULT, text=f"{_first(term)} {words}", options=moved)
        return None

    def _default(self, option: str) -> Cause | None:
        """Return its default, if that is written differently or refers to options that changed."""
        before, after = (it.symbol(option) for it in (self.old, self.new))
        if before is None or after is None:
            return None
        was, now = _default(before, self.old.values), _default(after, self.new.values)
        if before.defaults != after.defaults and was != now:
            return Cause(kind=CauseKind.DEFAULT, text=f"{now or 'no default'}; in {self.old.version} {was or 'none'}")
        looked_at = [expression for it in after.defaults for expression in (it.condition, it.value)]
        moved = tuple(dict.fromkeys(name for it in looked_at for name in self._moved(it, option)))
        return Cause(kind=CauseKind.DEFAULT, text=now or "no default", options=moved) if moved else None

    def _range(self, option: str) -> Cause | None:
        """Return the range, if the new value is one of its ends."""
        symbol = self.new.symbol(option)
        for it in symbol.ranges if symbol is not None else ():
            if self.new.value(option) in {show(it.low), show(it.high)} and evaluate(it.condition, self.new.values):
                looked_at = (it.condition, it.low, it.high)
                moved = tuple(dict.fromkeys(name for each in looked_at for name in self._moved(each, option)))
                return Cause(
                    kind=CauseKind.DEFAULT, text=f"its range is {show(it.low)} to {show(it.high)}", options=moved
                )
        return None

    def _prompt(self, option: str) -> Cause | None:
        """Return what its prompt depends on if it can be requested on one side only: on the other its default counts."""
        before, after = (it.symbol(option) for it in (self.old, self.new))
        if before is None or after is None:
            return None
        was, now = (_can_be_asked(it, side.values) for it, side in ((before, self.old), (after, self.new)))
        moved = tuple(dict.fromkeys(name for it in after.prompts for name in self._moved(it.condition, option)))
        if was == now or not moved:
            return None
        default = "" if now else _default(after, self.new.values)
        text = f"its prompt depends on {', '.join(moved)}" + (f"; {default}" if default else "")
        return Cause(kind=CauseKind.DEFAULT, text=text, options=moved)

    def _definition(self, option: str) -> Cause | None:
        """Return its dependencies, if they are written differently."""
        before, after = (it.symbol(option) for it in (self.old, self.new))
        if before is None or after is None or before.depends == after.depends:
            return None
        return self._by(CauseKind.DEPENDS, option, after.depends, "depends on")

    def _by(self, kind: CauseKind, option: str, expression: Expr, words: str) -> Cause:
        """Return a cause of *kind*: the changed options in *expression*, or its text if only that changed."""
        if moved := self._moved(expression, option):
            if kind is CauseKind.SELECTED:  # the selector comes first, then its conditions
                return Cause(kind=kind, text=words, options=moved)
            # An option's own dependencies come after those of its menus, and are closer.
            nearest = moved[::-1]
            return Cause(kind=kind, text=f"{words} {', '.join(nearest)}", options=nearest)
        if kind is CauseKind.SELECTED:
            return Cause(kind=CauseKind.DEFINITION, text=f"{words} since {self.new.version}")
        return Cause(kind=CauseKind.DEFINITION, text=f"{words} {show(expression)} since {self.new.version}")

    def _moved(self, expression: Expr, option: str) -> tuple[str, ...]:
        """Return the options in *expression*, except *option*, that change its value."""
        names = [
            name
            for leaf in leaves(expression)
            if evaluate(leaf, self.old.values) != evaluate(leaf, self.new.values)
            for name in refs(leaf)
            if name != option and self._differs(name)
        ]
        return tuple(dict.fromkeys(names))

    def _differs(self, name: str) -> bool:
        if name.startswith("@"):
            return False
        return self.old.value(name) != self.new.value(name)


def _requested(kind: CauseKind, request: Request, words: str) -> Cause:
    origin = request.origin
    return Cause(kind=kind, text=f"{words} by {origin.fragment}" if origin.fragment else words,
                 fragment=origin.fragment, place=origin.place)  # fmt: skip


def _terms(expression: Expr) -> tuple[Expr, ...]:
    if isinstance(expression, Or):
        return expression.terms
    return () if expression == NO else (expression,)


def _first(expression: Expr) -> str:
    """Return the first option in *expression*; in a term of `selected_by` that is the selector."""
    return next(iter(refs(expression)), show(expression))


def _can_be_asked(symbol: Symbol, values: Values) -> bool:
    return any(evaluate(it.condition, values) > Level.N for it in symbol.prompts)


def _default(symbol: Symbol, values: Values) -> str:
    """Return the default of *symbol* that applies, as Kconfig writes it; empty if there is none."""
    for it in symbol.defaults:
        if evaluate(it.condition, values) > Level.N:
            return f"default {show(it.value)}" + ("" if it.condition == Const("y") else f" if {show(it.condition)}")
    return ""
