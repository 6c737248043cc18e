"""HTML from values: every text is escaped unless it is markup made here."""

from __future__ import annotations

import html


_VOID = frozenset({"input", "link", "meta"})


class Markup(str):
    """A text that already is HTML."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | bool) -> Markup:
    """Return the element *name* with *children* and *attributes*.

    An attribute that is True is written without a value, one that is False is omitted. `class_` means `class`,
    `data_text` means `data-text`.
    """
    written = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Return *children*, concatenated."""
    return Markup("".join(it if isinstance(it, Markup) else html.escape(it) for it in children))


def _attribute(name: str, value: str | bool) -> str:
    if value is True:
        return f" {name}"
    return f' {name}="{html.escape(value)}"' if isinstance(value, str) else ""
