"""The pages about what a cache has, as HTML that needs no script: the list of objects, one object, its files."""

from __future__ import annotations

import shlex

from typing import TYPE_CHECKING
from urllib.parse import quote

from kernix.output.quantities import number, size
from kernix.pages.markup import Markup, element, joined
from kernix.pages.style import STYLE


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernix.serve.catalogue import Closure, Item
    from store.caches.info import Info
    from store.caches.listing import Listing
    from store.path import StorePath


_SHOWN = 500
"""How many rows a table has at most: some thirty screens."""

SHEET = f"""{STYLE}
a {{ color: var(--accent); }}
a:focus-visible {{ outline: 2px solid var(--accent); outline-offset: 2px; border-radius: .2rem; }}
.skip {{ position: absolute; left: -100rem; }}
.skip:focus {{ left: .5rem; top: .5rem; padding: .4rem .7rem; background: var(--sheet); }}
form {{ display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; max-width: 34rem; }}
section > h2 {{ display: block; margin: 2rem 0 .5rem; font-size: 1.15rem; }}
.table {{ overflow-x: auto; background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; }}
.table:focus-visible {{ outline: 2px solid var(--accent); }}
table {{ width: 100%; border-collapse: collapse; }}
caption {{ padding: .5rem .9rem; text-align: left; color: var(--soft); font-size: .88rem; }}
th, td {{ padding: .35rem .9rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }}
th {{ font-size: .82rem; font-weight: 600; color: var(--soft); white-space: nowrap; }}
td:first-child {{ overflow-wrap: anywhere; min-width: 11rem; }}
th.number, td.number {{ text-align: right; white-space: nowrap; }}
td .path {{ display: block; color: var(--soft); font-size: .78rem; overflow-wrap: anywhere; }}
pre {{ margin: .4rem 0 1rem; padding: .7rem .9rem; overflow-x: auto; background: var(--sheet); border: 1px solid var(--line);
  border-radius: .6rem; font-size: .95em; line-height: 1.6; }}
@media (max-width: 40rem) {{ th, td {{ padding: .35rem .5rem; }} }}
"""
"""The style sheet."""


def index(items: Sequence[Item], words: str) -> str:
    """Return the page that lists *items*, found by *words* if these are not empty."""
    kernels = [it for it in items if it.kernel is not None]
    others = [it for it in items if it.kernel is None]
    search = element(
        "form",
        element(
            "input", type="search", name="q", value=words, aria_label="name or digest", placeholder="name or digest"
        ),
        element("button", "Search", type="submit"),
        action="/",
        method="get",
        role="search",
    )
    parts = [search]
    if kernels:
        parts.append(
            _table(
                "Kernels",
                ("name", "Linux", "architecture", "options", "size", "signed by"),
                [_kernel(it) for it in kernels],
                numbers=(3, 4),
            )
        )
    if others:
        rows = [
            (_link(it.info.path), size(it.info.size), size(it.info.archive.size), _signers(it.info)) for it in others
        ]
        parts.append(
            _table("Other objects" if kernels else "Objects", ("name", "size", "to fetch", "signed by"), rows, (1, 2))
        )
    if not items:
        parts.append(element("p", f"Nothing here is called {words!r}." if words else "The cache is empty."))
    return _page("Kernels and other results", parts)


def about(item: Item, closure: Closure, url: str, kernels: Iterable[StorePath]) -> str:
    """Return the page about one object, fetched from the server at *url*; it can be compared with the other *kernels*."""
    info = item.info
    facts = [
        ("size", size(info.size)),
        ("to fetch", f"{size(info.archive.size)}, as a delta less"),
        ("with all it needs", f"{number(len(closure.objects), 'object')}, {size(closure.size)}"),
        ("files, links and directories", f"{info.nodes:,}"),
        ("signed by", _signers(info)),
        ("digest", info.digest.hex()),
    ]
    if item.kernel is not None:
        named = [("Linux", item.kernel.version), ("architecture", item.kernel.arch)]
        facts = [*((name, text) for name, text in named if text), ("options set", f"{item.kernel.options:,}"), *facts]
    if info.deriver is not None:
        facts.append(("built from", str(info.deriver)))
    place = shlex.quote(url)
    commands = [
        f"kernix pull --from {place} {info.path}",
        f"kernix cache add NAME {place}     # `kernix build` then asks it first",
    ]
    parts = [
        _facts(facts),
        element(
            "section",
            element("h2", "Fetch it"),
            element(
                "p", f"Trust the key of whoever signed it first: {_signers(info)} gives it to you, not this server."
            ),
            element("pre", element("code", "\n".join(["kernix key trust NAME:PUBLIC-KEY", *commands])), tabindex="0"),
        ),
        element(
            "section",
            element("h2", "Build it yourself"),
            element("p", "With its definition, this compares what you have built with what is here, file by file."),
            element("pre", element("code", f"kernix challenge ATTR --cache {place}"), tabindex="0"),
        ),
        _links(item, kernels),
        _table(
            "What it needs",
            ("name", "size", "to fetch"),
            [
                *((_link(it.path), size(it.size), size(it.archive.size)) for it in closure.objects),
                *((str(it), "not in this cache", "") for it in closure.missing),
            ],
            numbers=(1, 2),
            caption="the largest first",
        ),
    ]
    return _page(info.path.name, parts)


def files(info: Info, listing: Listing) -> str:
    """Return the page that lists the files of an object."""
    rows = [
        *((it.path.decode(errors="replace") or info.path.name, size(it.size)) for it in listing.files),
        *(
            (f"{it.path.decode(errors='replace')} → {it.target.decode(errors='replace')}", "link")
            for it in listing.links
        ),
        *((f"{it.path.decode(errors='replace')}/", "empty") for it in listing.directories),
    ]
    back = element("p", element("a", f"about {info.path.name}", href=_place(info.path)))
    return _page(f"Files of {info.path.name}", [back, _table("Files", ("path", "size"), sorted(rows), numbers=(1,))])


def missing(what: str) -> str:
    """Return the page that says that *what* does not exist."""
    return _page("Not here", [element("p", what), element("p", element("a", "all objects", href="/"))])


def _kernel(item: Item) -> tuple[str, ...]:
    kernel = item.kernel
    version, arch, options = (
        (kernel.version, kernel.arch, f"{kernel.options:,}") if kernel is not None else ("", "", "")
    )
    return _link(item.info.path), version, arch, options, size(item.info.size), _signers(item.info)


def _links(item: Item, kernels: Iterable[StorePath]) -> Markup:
    place = _place(item.info.path)
    found = [element("a", "its files", href=f"{place}/files")]
    if item.kernel is not None:
        found.append(element("a", "its configuration", href=f"{place}/config"))
    others = [it for it in kernels if it != item.info.path][:_SHOWN]
    compared = [
        element("li", element("a", str(it), href=f"/compare/{quote(str(item.info.path))}/{quote(str(it))}"))
        for it in (others if item.kernel is not None else ())
    ]
    more = [element("p", "Its configuration, compared with that of"), element("ul", *compared)] if compared else []
    return element("section", element("h2", "Look into it"), element("p", found[0], *_apart(found[1:])), *more)


def _apart(links: Iterable[Markup]) -> Iterable[Markup]:
    for it in links:
        yield Markup(" · ")
        yield it


def _table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    caption: str = "",
) -> Markup:
    """Return a section with a table that scrolls by itself; the columns *numbers* are aligned to the right."""

    def cell(kind: str, column: int, text: str, **more: str) -> Markup:
        return element(kind, text, class_="number" if column in numbers else False, **more)

    shown = rows[:_SHOWN]
    said = [caption] if caption else []
    if len(rows) > len(shown):
        said.append(f"the first {len(shown):,} of {len(rows):,}")
    table = element(
        "table",
        element("caption", "; ".join([f"{number(len(rows), 'row')}", *said])),
        element("thead", element("tr", *(cell("th", at, it, scope="col") for at, it in enumerate(heads)))),
        element("tbody", *(element("tr", *(cell("td", at, it) for at, it in enumerate(row))) for row in shown)),
    )
    return element(
        "section",
        element("h2", title),
        element("div", table, class_="table", tabindex="0", role="region", aria_label=title),
    )


def _page(title: str, parts: Iterable[str]) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} - kernix"),
        element("link", rel="stylesheet", href="/style.css"),
    )
    body = element(
        "body",
        element("a", "to the content", class_="skip", href="#content"),
        element(
            "header",
            element(
                "p", element("a", "all objects", href="/"), *_apart([element("a", "API", href="/api/v1/openapi.json")])
            ),
            element("h1", title),
        ),
        element("main", *parts, id="content"),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _facts(facts: Iterable[tuple[str, str]]) -> Markup:
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in facts))


def _link(path: StorePath) -> Markup:
    return joined(element("a", path.name, href=_place(path)), element("span", str(path), class_="path"))


def _place(path: StorePath) -> str:
    return f"/objects/{quote(str(path))}"


def _signers(info: Info) -> str:
    return ", ".join(sorted({it.key for it in info.signatures})) or "nobody"
