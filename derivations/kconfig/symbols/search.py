"""Options by a pattern, as menuconfig's `/` finds them."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING, Any

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values


class InvalidPattern(Error):
    """A pattern is not a regular expression."""

    pattern: str
    reason: str

    def __str__(self) -> str:
        return f"{self.pattern!r} is not a regular expression: {self.reason}"


@attrs.frozen(kw_only=True)
class Hit:
    """An option that matches.

    Attributes:
        option: Its name.
        type: Kconfig's type.
        value: Its value.
        prompt: Its prompt; empty if it has none.
        menu: Its place in menuconfig.
        place: Where it is defined.
    """

    option: str
    type: str
    value: str
    prompt: str
    menu: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        return f"{self.option} [={self.value}]  {self.prompt or '(no prompt)'}  {self.place}"

    def to_json(self) -> dict[str, Any]:
        """Return the option as JSON data."""
        return attrs.asdict(self)


def search(pattern: str, model: Model, values: Values, *, prompts: bool = False) -> tuple[Hit, ...]:
    """Return the options whose name, or with *prompts* also prompt, matches the regular expression *pattern*.

    Case is ignored. An option that *pattern* names in full comes first, the others in order of
    their names (scripts/kconfig/symbol.c: sym_re_search).

    Raises:
        InvalidPattern: *pattern* is not a regular expression.
    """
    try:
        expression = re.compile(pattern.removeprefix("CONFIG_"), re.IGNORECASE)
    except re.error as error:
        raise InvalidPattern(pattern, str(error)) from None
    found = [name for name in model.names if expression.search(name) or (prompts and _asks(model[name], expression))]
    found.sort(key=lambda name: (expression.fullmatch(name) is None, name))
    return tuple(_hits(found, model, values))


def _asks(symbol: Symbol, expression: re.Pattern[str]) -> bool:
    return any(expression.search(it.text) for it in symbol.prompts)


def _hits(names: list[str], model: Model, values: Values) -> Iterator[Hit]:
    for name in names:
        symbol = model[name]
        prompt = next(iter(symbol.prompts), None)
        place = next((f"{it.file}:{it.line}" for it in symbol.definitions), "")
        yield Hit(
            option=name,
            type=symbol.type,
            value=values[name].value,
            prompt=prompt.text if prompt is not None else "",
            menu=prompt.menus if prompt is not None else (),
            place=place,
        )
