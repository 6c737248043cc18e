"""A page of rows with old and new values, in sections that open and close, with a filter box.

The page is self-contained, loads nothing, and follows the reader's choice of light or dark. Without scripts, only the
filter is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kernix.pages.markup import Markup, element, joined
from kernix.pages.style import SCRIPT, STYLE


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


# Inline styles and scripts are allowed; nothing may be loaded from anywhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_PATIENCE = 400
"""The number of rows that are open at first, some ten screens; larger sections start closed."""

_TRISTATES = frozenset({"y", "m", "n", "absent"})


@attrs.frozen(kw_only=True)
class Row:
    """One thing that changed.

    Attributes:
        name: Its name.
        old: The old value; empty if there is none to show.
        new: The new value.
        title: The option's prompt, or what else the row means.
        note: The cause of the change.
        place: The file and line of the cause.
        inner: The changes that follow from it.
    """

    name: str
    old: str = ""
    new: str = ""
    title: str = ""
    note: str = ""
    place: str = ""
    inner: tuple[Row, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of rows, including the inner ones."""
        return 1 + sum(it.count for it in self.inner)


@attrs.frozen(kw_only=True)
class Section:
    """Rows of one kind."""

    title: str
    rows: tuple[Row, ...]

    @property
    def count(self) -> int:
        """Return the number of rows, including inner ones."""
        return sum(it.count for it in self.rows)


@attrs.frozen(kw_only=True)
class View:
    """All rows in one arrangement."""

    name: str
    sections: tuple[Section, ...]


def page(title: str, facts: Sequence[tuple[str, str]], views: Sequence[View]) -> str:
    """Return the page called *title*, with *facts*, names and values, and *views*, one of which is shown at a time."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        element("header", element("h1", title), _facts(facts)),
        _tools(views),
        element("main", *(_view(it, shown=it is views[0]) for it in views)),
        element("p", "no matches", id="nothing", hidden=True),
        element("script", Markup(SCRIPT)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _facts(facts: Iterable[tuple[str, str]]) -> Markup:
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts))


def _tools(views: Sequence[View]) -> Markup:
    box = element(
        "input", type="search", id="filter", placeholder="filter: an option, a word, n → y", autocomplete="off",
        aria_label="filter", autofocus=True,
    )  # fmt: skip
    buttons = [
        element("button", it.name, type="button", data_view=it.name, aria_pressed="true" if it is views[0] else "false")
        for it in views
    ]
    only = element("button", "settable options only", type="button", id="only", aria_pressed="false")
    folds = [element("button", it, type="button", data_fold=it) for it in ("open all", "close all")]
    return element(
        "nav", box, element("span", *buttons, class_="views"), only, element("span", *folds), element("output")
    )


def _view(view: View, *, shown: bool) -> Markup:
    open_ = sum(it.count for it in view.sections) <= _PATIENCE
    sections = [
        element(
            "details",
            element("summary", element("h2", it.title), element("span", f"{it.count:,}", class_="count")),
            *(_row(row) for row in it.rows),
            class_="section",
            open=open_ or it.count <= _PATIENCE // 10,
        )
        for it in view.sections
    ]
    return element("section", *sections, data_view=view.name, hidden=not shown)


def _row(row: Row) -> Markup:
    line = joined(
        _values(row),
        element("code", row.name),
        element("span", row.title, class_="title"),
        element("span", row.note, class_="note"),
        element("span", row.place, class_="place") if row.place else "",
    )
    words = " ".join((row.name, row.title, row.note, row.place, f"{row.old} → {row.new}")).lower()
    kind = "row hang" if row.old or row.new else "row"
    if not row.inner:
        return element("div", line, class_=kind, data_words=words, data_title=bool(row.title))
    follows = element("span", f"{row.count - 1:,} follow", class_="count")
    return element(
        "details", element("summary", line, follows), *(_row(it) for it in row.inner), class_=kind, data_words=words, data_title=bool(row.title),
        open=row.count <= _PATIENCE // 10,
    )  # fmt: skip


def _values(row: Row) -> Markup:
    if not row.old and not row.new:
        return Markup("")
    parts = [element("b", it, class_=it if it in _TRISTATES else "text") for it in (row.old, row.new) if it]
    arrow = element("i", "→") if row.old and row.new else ""
    return element("span", parts[0], arrow, *parts[1:], class_="values")
