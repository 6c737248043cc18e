"""Result links: `result`, `result-dev`, `result-2`, … as nix-build names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.roots import NotALink, link_result


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from derivations.derivation import Output
    from store.local import Store
    from store.path import StorePath


def places(link: Path, outputs: Iterable[Output]) -> dict[Path, Output]:
    """Return which links to make for *outputs*: the first at *link*, further ones with a suffix.

    Outputs of one derivation share the number and are told apart by name, except the default.
    """
    numbers: dict[bytes, int] = {}
    found = {}
    for output in outputs:
        derivation = output.derivation
        number = numbers.setdefault(derivation.key, len(numbers) + 1)
        counted = f"{link.name}-{number}" if number > 1 else link.name
        default = output.name == derivation.outputs[0]
        found[link.with_name(counted if default else f"{counted}-{output.name}")] = output
    return found


def check(links: Iterable[Path]) -> None:
    """Refuse to build what then could not be linked.

    Raises:
        NotALink: something that is no link is at the place of one of *links*.
    """
    for link in links:
        if link.exists() and not link.is_symlink():
            raise NotALink(link)


def make(store: Store, links: Mapping[Path, Output], results: Mapping[Output, StorePath]) -> None:
    """Make *links* to *results*; each keeps its result alive as long as it is there."""
    for link, output in links.items():
        link_result(store, link, results[output])
