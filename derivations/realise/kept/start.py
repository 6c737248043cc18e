"""Starting a build from a kept tree: choose the nearest one, and take out of it what make would wrongly believe."""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import attrs

from derivations.kbuild import refusals
from derivations.kbuild.commands import PRODUCT, base_of
from derivations.kbuild.difference import Difference, differing, options_of
from derivations.kbuild.index import Index, InvalidIndex
from derivations.kbuild.stale import RULES, Kept, made_at_each_link, stale
from derivations.realise.kept.facts import Facts, makefile_digest
from derivations.realise.kept.listing import InvalidListing, is_whole
from derivations.realise.kept.workspace import Copied, Layered
from derivations.realise.sandbox.layers import Layers
from store.trees.content import Kind
from store.trees.manifest import Difference as Change


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from derivations.kbuild.stale import Rule
    from derivations.realise.kept.facts import Source
    from derivations.realise.kept.listing import Listing
    from derivations.realise.kept.shelf import KeptTree, Shelf
    from derivations.realise.kept.workspace import Workspace
    from store.trees.manifest import Manifest


NEARBY = 3
"""How many trees are looked at closely: the quick measure is rarely wrong by more than a place."""

NEWER_NS = 2 * 10**9
"""The time of files that differ: newer than everything kept and everything in the store, older than what make makes."""

_GENERATED = ("include/generated/", "include/uapi/", "/include/generated/")


@attrs.frozen(kw_only=True)
class Wanted:
    """The build that is to start.

    Attributes:
        family: What must be equal (`About.family`).
        source: Its source.
        digest: The digest of the source's tree.
        config: Its .config.
        srcarch: The directory below `arch/` of its architecture.
        manifest_of: Returns the manifest of a tree by its digest; None if it is not known any more.
    """

    family: str
    source: Source
    digest: bytes
    config: str
    srcarch: str
    manifest_of: Callable[[bytes], Manifest | None]


@attrs.frozen(kw_only=True)
class Near:
    """A kept tree, and what it takes to start from it.

    Attributes:
        difference: What differs from the build that left it, looked at through symbolic links.
        stale: What has to go, with the reasons.
        objects: How many objects will be compiled, about.
        again: Whether the headers that are generated first may change, so that they have to be made and looked at.
    """

    tree: KeptTree
    index: Index
    facts: Facts
    difference: Difference
    stale: Mapping[str, str]
    objects: int
    again: bool


@attrs.frozen(kw_only=True)
class Refusal:
    """A kept tree was near, but the build has to be a clean one."""

    tree: KeptTree
    reason: str


def nearest(shelf: Shelf, wanted: Wanted, rules: Iterable[Rule] = RULES) -> Near | Refusal | None:
    """Return the kept tree from which *wanted* compiles least, why none serves, or None if there is none."""
    new = options_of(wanted.config)
    measured = []
    for tree in shelf.kept():
        if tree.about.family != wanted.family:
            continue
        with contextlib.suppress(OSError, ValueError):
            old = options_of(tree.read("config").decode())
            difference = _difference(tree, wanted, differing(old, new))
            if difference is not None:
                measured.append((len(difference.files) + len(difference.options), -tree.used, tree, difference))
    found: list[Near] = []
    refused: Refusal | None = None
    for _, _, tree, difference in sorted(measured, key=lambda it: it[:2])[:NEARBY]:
        near = _look(tree, wanted, new, difference, rules)
        if isinstance(near, Near):
            found.append(near)
        elif near is not None:
            refused = refused or near
    return min(found, key=lambda it: it.objects) if found else refused


def _difference(tree: KeptTree, wanted: Wanted, options: frozenset[str]) -> Difference | None:
    """Return what differs between the build that left *tree* and *wanted*; None if that cannot be known."""
    digest = bytes.fromhex(tree.about.source)
    if digest == wanted.digest:
        return Difference(options=options)
    before = wanted.manifest_of(digest)
    if before is None:
        return None
    kinds: dict[Change, set[str]] = {it: set() for it in Change}
    for path, change in before.difference(wanted.source.manifest).items():
        kinds[change].add(path)
    return Difference(
        added=frozenset(kinds[Change.ADDED]),
        removed=frozenset(kinds[Change.REMOVED]),
        changed=frozenset(kinds[Change.CHANGED]),
        options=options,
    )


def _look(
    tree: KeptTree, wanted: Wanted, options: Mapping[str, str], difference: Difference, rules: Iterable[Rule]
) -> Near | Refusal | None:
    """Return what it takes to start from *tree*, or why it cannot be; None if it is damaged."""
    try:
        index, facts = Index.decode(tree.read("index")), Facts.decode(tree.read("facts"))
        listing = tree.listing()
    except (OSError, InvalidIndex, InvalidListing, ValueError):
        return None
    links = {path: text for path in difference.files if (text := target_of(wanted.source, path)) is not None}
    seen = difference.through({**facts.links, **links})
    reason = refusals.of_configuration(options, wanted.srcarch) or refusals.of_options(seen.options, facts.ruling)
    if reason is None and seen.files:
        same = "Makefile" not in seen.files or makefile_digest(wanted.source) == facts.makefile
        reason = refusals.of_sources(seen, options, wanted.srcarch, same_makefile=same)
    if reason is not None:
        return Refusal(tree=tree, reason=reason)
    kept = Kept(
        index=index,
        products=frozenset(path for path, it in listing.items.items() if it.kind != "d"),
        searching=facts.searching,
    )
    gone = stale(kept, seen, rules)
    linked = made_at_each_link(index) if gone or seen else set[str]()
    return Near(
        tree=tree,
        index=index,
        facts=facts,
        difference=seen,
        stale=gone,
        objects=sum(_is_compiled(index, it) for it in linked.union(gone)) + sum(map(_is_new_code, seen.added)),
        again=bool(seen.options) or any(not is_code(path) for path in seen.files if not refusals.is_harmless(path)),
    )


def target_of(source: Source, path: str) -> str | None:
    """Return the target of the symbolic link *path* of *source*; None if it is none."""
    entry = source.manifest.entry(path)
    return source.read(path).decode(errors="surrogateescape") if entry and entry[0] is Kind.SYMLINK else None


def _is_compiled(index: Index, product: str) -> bool:
    command = index.commands.get(product)
    return command is not None and command.source is not None and product.endswith(".o")


def is_code(path: str) -> bool:
    """Return whether *path* is only compiled, so that it can change no header that is generated."""
    return (
        path.endswith((".c", ".S"))
        and not path.startswith(("scripts/", "tools/", "usr/", "lib/"))
        and not any(part in path for part in ("/tools/", "offsets", "bounds", "/vdso/", "/boot/"))
    )


@attrs.frozen
class Started:
    """A build that starts from a kept tree."""

    near: Near
    listing: Listing
    workspace: Workspace
    newer: Path

    def source(self, mount: Path | Layers) -> Path | Layers:
        """Return what to mount as the source *mount*, so that what differs looks newer than what was made from it."""
        if not any(self.newer.iterdir()):
            return mount
        below = mount.lower if isinstance(mount, Layers) else (mount,)
        return Layers(lower=(self.newer, *below))

    def review(self) -> int:
        """Delete what a first run of make has made worthless: readers of headers that came or went; return how many."""
        return review(self.workspace, self.near.index, self.listing, self.near.stale)


def review(workspace: Workspace, index: Index, listing: Listing, stale: Collection[str]) -> int:
    """Delete the readers of generated headers that came or went, except for the *stale* products; return how many.

    *index* and *listing* are those of the kept tree below *workspace*.
    """
    made = {path for path in workspace.made() if is_generated(path)}
    came = {base_of(path) for path in made if path not in listing.items}
    went = {path for path in workspace.gone() if is_generated(path) and path not in stale}
    found = {**index.readers_of_bases(came), **index.readers({PRODUCT + path for path in went})}
    found = {target: why for target, why in found.items() if target not in made and target not in stale}
    workspace.delete(found)
    return len(found)


def start(near: Near, wanted: Wanted, place: Path, *, layered: bool) -> Started | None:
    """Lay out the build from *near* in the empty directory *place*; None if the tree is damaged.

    Raises:
        OSError: there is no room.
    """
    try:
        listing = near.tree.listing()
    except (OSError, ValueError):
        return None
    if is_whole(near.tree.tree, listing) is not None:
        return None
    workspace: Workspace
    workspace = Layered.make(near.tree, listing, place) if layered else Copied.make(near.tree, listing, place)
    workspace.delete(it for it in near.stale if it in listing.items)
    newer = place / "newer"
    newer.mkdir()
    for path in sorted(near.difference.added | near.difference.changed):
        entry = wanted.source.manifest.entry(path)
        if refusals.is_harmless(path) or entry is None or entry[0] not in (Kind.FILE, Kind.EXECUTABLE):
            continue
        copy = newer / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(wanted.source.read(path))
        copy.chmod(0o555 if entry[0] is Kind.EXECUTABLE else 0o444)
        os.utime(copy, ns=(NEWER_NS, NEWER_NS))
    near.tree.touch()
    return Started(near, listing, workspace, newer)


def is_generated(path: str) -> bool:
    """Return whether the product *path* is a generated header."""
    return path.startswith(_GENERATED[:2]) or _GENERATED[2] in path


def generated(paths: Iterable[str]) -> Iterator[str]:
    """Yield those of *paths* that are generated headers."""
    return filter(is_generated, paths)


def _is_new_code(path: str) -> bool:
    """Return whether an added file is likely to be one more object to compile."""
    return path.endswith((".c", ".S")) and not refusals.is_harmless(path)
