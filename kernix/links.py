"""Result links: `result`, `result-dev`, `result-2`, … as nix-build names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.gc.roots import CannotLink, absolute, check_can_link, check_replaceable, link_result


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from derivations.derivation import Output
    from store.layout import Layout
    from store.local import Store
    from store.path import StorePath


def places(link: Path, outputs: Iterable[Output]) -> dict[Path, Output]:
    """Return the links to make for *outputs*: the first at *link*, further ones with a suffix.

    Outputs of one derivation share a number; all but the default output have their name added.

    Raises:
        CannotLink: *link* is not a file name.
    """
    if not link.name:
        raise CannotLink(link, "it is a directory")
    numbers: dict[bytes, int] = {}
    found = {}
    for output in outputs:
        derivation = output.derivation
        number = numbers.setdefault(derivation.key, len(numbers) + 1)
        counted = f"{link.name}-{number}" if number > 1 else link.name
        default = output.name == derivation.outputs[0]
        found[link.with_name(counted if default else f"{counted}-{output.name}")] = output
    return found


def check(layout: Layout, links: Iterable[Path]) -> None:
    """Check before a build that *links* can be made.

    Raises:
        NotALink: one of *links* exists and is not a link into the store.
        CannotLink: the directory of one of *links* does not exist.
    """
    for link in links:
        if not link.parent.is_dir():
            raise CannotLink(link, f"{link.parent} is not a directory")
        check_replaceable(layout, absolute(link))


def check_writable(links: Iterable[Path]) -> None:
    """Check before a build that *links* can be made, by trying.

    Raises:
        CannotLink: no link can be made in the directory of one of *links*.
    """
    for link in links:
        check_can_link(link)


def make(store: Store, links: Mapping[Path, Output], results: Mapping[Output, StorePath]) -> None:
    """Make *links* to *results*; each keeps its result alive for as long as it exists."""
    for link, output in links.items():
        link_result(store, link, results[output])
