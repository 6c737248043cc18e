"""What a person changed in an editor, as the least that has to be asked for to get the same.

An editor leaves a whole `.config` in which most changes are consequences of a few. Which, only a resolution
tells: so sets of requests are tried until none can be left out (QuickXplain: U. Junker, "Preferred explanations
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
    """Return the changes of *found* that a person could have made: options with a prompt that is shown *after* or was.

    The values are those after the changes.
    """
    return FrozenMap(
        {name: asked(model[name], after) for name in found.changes if name in model and model[name].prompts}
    )


def asked(symbol: Symbol, values: Values) -> Value:
    """Return the request for what *symbol* is among *values*."""
    text = values[symbol.name].value
    if symbol.type in {"bool", "tristate"}:
        return Tristate(text)
    if symbol.type == "string" or not text:
        return text
    return Hex(int(text, 16)) if symbol.type == "hex" else int(text)


def by_cause(found: Difference) -> list[str]:
    """Return the options that changed, those first that brought others about."""
    return sorted(found.changes, key=lambda it: (len(found.chain(it)), it))


def minimal(candidates: Sequence[T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part of *candidates* that is *enough*, and is not if any one is left out; earlier ones are preferred.

    All of *candidates* must be enough. Should less be enough where more is not, what is returned is still enough.
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
