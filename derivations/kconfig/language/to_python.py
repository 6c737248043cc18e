"""Fragments as Python source, in terms of `derivations`."""

from __future__ import annotations

import json
import re

from typing import TYPE_CHECKING

from derivations.kconfig.language.values import Hex, Priority, Tristate, Unset


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.kconfig.language.condition import Condition
    from derivations.kconfig.language.fragment import Clause, Fragment
    from derivations.kconfig.language.values import Value
    from derivations.version import Version


_WORD = re.compile(r"\b(?:YES|MODULE|NO|UNSET|Hex|optional|force|default|when_[a-z_]+)\b")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def to_python(fragment: Fragment) -> str:
    """Return the source of a mapping with the options of *fragment*; evaluating it gives an equal fragment."""
    rows = "".join(f"    {_text(name)}: {_asked(clauses)},\n" for name, clauses in fragment.options.items())
    return f"{{\n{rows}}}" if rows else "{}"


def names_in(source: str) -> list[str]:
    """Return the names of `derivations` that *source*, a result of `to_python`, must import, in import order."""
    found = set(_WORD.findall(_TEXT.sub('""', source)))
    return sorted(found, key=lambda it: (not it.isupper(), not it[0].isupper(), it))


def _asked(clauses: Iterable[Clause]) -> str:
    asked = [_clause(it) for it in clauses]
    return asked[0] if len(asked) == 1 else f"[{', '.join(asked)}]"


def _clause(clause: Clause) -> str:
    request = clause.request
    text = _value(request.value)
    if request.optional:
        text = f"optional({text})"
    if request.priority is not Priority.PLAIN:
        text = f"{request.priority.name.lower()}({text})"
    return _when(clause.condition, text)


def _when(condition: Condition, text: str) -> str:
    if condition.architectures is not None:
        text = f"when_arch({_architectures(condition.architectures)}, {text})"
    since, before = condition.since, condition.before
    if since is not None and before is not None:
        return f"when_between({_bound(since)}, {_bound(before)}, {text})"
    if since is not None:
        return f"when_at_least({_bound(since)}, {text})"
    return text if before is None else f"when_older({_bound(before)}, {text})"


def _architectures(names: tuple[str, ...]) -> str:
    return _text(names[0]) if len(names) == 1 else f"({', '.join(_text(it) for it in names)})"


def _bound(version: Version) -> str:
    numbers = [version.major, version.minor, *([] if version.patch is None else [version.patch])]
    return _text(".".join(map(str, numbers)) + version.candidate)


def _value(value: Value | Unset) -> str:
    if isinstance(value, Tristate | Unset):
        return value.name
    if isinstance(value, Hex):
        return f"Hex({hex(value.number)})"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # the formatter's quotation marks, and escapes that Python knows
