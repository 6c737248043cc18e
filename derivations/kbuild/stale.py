"""What has to go from a kept tree before a build starts from it: products that make would wrongly believe.

Each rule is a function from the difference to products and reasons; `stale` joins them. Deleting too much only costs
time. Without a rule, the kind of change that its docstring names gives a wrong kernel, and no word of it.
"""

from __future__ import annotations

import posixpath
import re

from typing import TYPE_CHECKING, Protocol

import attrs

from derivations.kbuild.commands import PRODUCT, base_of
from derivations.kbuild.refusals import LINK_TOOLS, is_harmless


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from derivations.kbuild.difference import Difference
    from derivations.kbuild.index import Index

_MAKEFILE = re.compile(r"(?:^|/)(?:Makefile|Kbuild)(?:\.[^/]*)?$|\.mk$")
_NO_PROGRAM = (".o", ".a", ".h", ".c", ".S", ".s", ".i", ".lds", ".so", ".dbg", ".ko", ".order", ".mod")
_TOOLS = "tools/"


@attrs.frozen(kw_only=True)
class Kept:
    """A kept tree, as far as the rules need it.

    Attributes:
        index: Its index.
        products: All files and links in it, relative to the build's directory.
        searching: Files of the old or new source in which `__has_include` is written.
    """

    index: Index
    products: frozenset[str]
    searching: frozenset[str]


class Rule(Protocol):
    """A kind of change: what it makes worthless, each with the file or option behind it."""

    def __call__(self, kept: Kept, difference: Difference, /) -> Mapping[str, str]:
        """Return the products of *kept* that must go because of *difference*."""
        ...


def readers(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Whatever read a file that differs. make leaves vanished prerequisites out of `$?`, so removed ones need it."""
    return kept.index.readers(difference.files)


def shadows(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Whatever read a file of the same base name as an added one, which may now come earlier on the search path."""
    bases = {base_of(path) for path in difference.added if not is_harmless(path)}
    return kept.index.readers_of_bases(bases)


def searches(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Whatever asks `__has_include`, when files came or went."""
    if not (difference.added or difference.removed):
        return {}
    return kept.index.readers(kept.searching)


def readers_of_options(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Whatever read an option that differs; make would see it now, but not in a later build that needs it again."""
    return {target: f"CONFIG_{it}" for target, it in kept.index.readers_of_options(difference.options).items()}


def sources_now(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Products that have become sources of the same name: the old product would come before the search path."""
    return {path: path for path in difference.added if path in kept.products}


def uncompared(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Products beside a makefile that differs, if no command was saved for them: make does not compare those recipes."""
    found = {}
    for path in difference.files:
        if not _MAKEFILE.search(path) or path == "Makefile":
            continue
        above = posixpath.dirname(path)
        for product in kept.products:
            if product.startswith(f"{above}/") and not base_of(product).startswith("."):
                command = kept.index.commands.get(product)
                if command is None:
                    found[product] = path
    return found


def scripts(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Products below the directory of a script or table that differs, unless the compiler listed what they read."""
    found = {}
    for path in difference.files:
        if is_harmless(path) or path.endswith((".c", ".h", ".S", ".dts", ".dtsi", ".rs")) or _is_makefile(path):
            continue
        if posixpath.basename(path).startswith("Kconfig"):
            continue
        above = posixpath.dirname(path)
        for product in kept.products:
            if product.startswith(f"{above}/") and not base_of(product).startswith("."):
                command = kept.index.commands.get(product)
                if command is None or not command.is_listed:
                    found[product] = path
    return found


def link_tools(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """vmlinux, if a tool of its link differs."""
    changed = sorted(LINK_TOOLS & difference.files)
    return {target: changed[0] for target in ("vmlinux", "vmlinux.unstripped") if changed and target in kept.products}


def tools(kept: Kept, difference: Difference) -> Mapping[str, str]:
    """Everything below tools/, if a source of it differs: it has a build system of its own."""
    changed = sorted(it for it in difference.files if it.startswith((_TOOLS, "lib/", "arch/")) and _is_for_tools(it))
    return {product: changed[0] for product in kept.products if changed and product.startswith(_TOOLS)}


RULES = (
    readers,
    shadows,
    searches,
    readers_of_options,
    sources_now,
    uncompared,
    scripts,
    link_tools,
    tools,
)


def stale(kept: Kept, difference: Difference, rules: Iterable[Rule] = RULES) -> dict[str, str]:
    """Return the products to delete, each with the file or option that made it worthless."""
    found: dict[str, str] = {}
    for rule in rules:
        for product, why in rule(kept, difference).items():
            found.setdefault(product, why)
    for product, why in _made_by(kept.index, found):
        found.setdefault(product, why)
    return found


def _made_by(index: Index, gone: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what programs among the products *gone* have made, and what was made by programs among that, and so on."""
    programs = {it for it in gone if is_program(it)}
    seen = set(programs)
    while programs:
        made = index.readers({PRODUCT + it for it in programs})
        yield from ((target, name.removeprefix(PRODUCT)) for target, name in made.items())
        programs = {it for it in made if is_program(it)} - seen
        seen |= programs


_OF_EACH_LINK = re.compile(
    rf"{PRODUCT}(?:include/generated/utsversion\.h|.*/(?:[vz]offset\.h|piggy\.S|vmlinux\.bin\..*))$"
)


def made_at_each_link(index: Index) -> set[str]:
    """Return the products that are compiled again whenever vmlinux is linked: they hold its version, sizes or bytes."""
    names = {name for command in index for name in command.files if _OF_EACH_LINK.match(name)}
    return {*index.readers(names)}


def is_program(product: str) -> bool:
    """Return whether *product* may be a program that makes others."""
    name = base_of(product)
    return not name.endswith(_NO_PROGRAM) and "." not in name and name not in {"vmlinux", "bzImage", "Image"}


def _is_makefile(path: str) -> bool:
    return _MAKEFILE.search(path) is not None


def _is_for_tools(path: str) -> bool:
    return path.startswith(_TOOLS) and not is_harmless(path)
