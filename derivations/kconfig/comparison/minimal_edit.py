"""The changes made in an editor, as the fewest requests with the same result.

An editor leaves a whole `.config` in which most changes follow from a few. Only resolving shows which: so sets of
requests are tried until none can be left out (QuickXplain: U. Junker, "Preferred explanations
and relaxations for over-constrained problems", AAAI 2004), which takes about k · log(n / k) resolutions for k
requests among n changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.values import Hex, Tristate


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from derivations.kconfig.comparison.difference import Difference
    from derivations.kconfig.language.values import Value
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values

T = TypeVar("T")


def settable(found: Difference, model: Model, after: Values) -> FrozenMap[Value]:
    """Return the changes of *found* that a person could have made: those of options with a prompt.

    The values are those *after* the changes.
    """
    return FrozenMap(
        {name: value_of(model[name], after) for name in found.changes if name in model and model[name].prompts}
    )


def value_of(symbol: Symbol, values: Values) -> Value:
    """Return the value of *symbol* in *values*, as a request."""
    text = values[symbol.name].value
    if symbol.type in {"bool", "tristate"}:
        return Tristate(text)
    if symbol.type == "string" or not text:
        return text
    return Hex(int(text, 16)) if symbol.type == "hex" else int(text)


def by_cause(found: Difference) -> list[str]:
    """Return the changed options, causes before effects."""
    return sorted(found.changes, key=lambda it: (len(found.chain(it)), it))


def minimal(candidates: Sequence[T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a minimal part of *candidates* that is *enough*, preferring earlier ones.

    All of *candidates* must be enough. Even if *enough* is not monotonic, the result is enough.
    """

    def needed(given: list[T], changed: bool, rest: list[T]) -> list[T]:
        if changed and enough(given):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        later = needed([*given, *rest[:half]], True, rest[half:])
        earlier = needed([*given, *later], bool(later), rest[:half])
        return [*earlier, *later]

    if not candidates or enough([]):
        return []
    found = needed([], False, list(candidates))
    if not enough(found):
        found = list(candidates)
    for it in reversed(found):
        less = [other for other in found if other is not it]
        if enough(less):
            found = less
    return found
