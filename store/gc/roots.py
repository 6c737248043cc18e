"""Permanent roots: the links that say what to keep.

A root is a symbolic link below `roots/`, at any depth, to an object. An indirect root is a user's own link, anywhere,
to an object; `roots/auto/<name>` points to it, with a name derived from the link's own path. When the user deletes
the link, the object may go, and the next collection removes the entry in `roots/auto`.

The generations of profiles, links below `profiles/`, are roots as well (`store.profiles`).

A root is made in this order: hold the object as a temporary root; check that it is registered; make the link. The
collector keeps everything that was held at its beginning or later, so it may read the roots before or after that.
The entry in `roots/auto` is made before the user's link; since it dangles for an instant, both are made inside the
gate, and dangling entries are removed inside the gate exclusively.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from store import base32
from store.errors import Error, reason_of
from store.osutil.failpoints import reach
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from store.layout import Layout
    from store.local import Store


_LONGEST_CHAIN = 16  # links: a root has one or two, and a circle must end
_NO_LINK = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG})
"""The errors that mean that there is no link; any other may be temporary."""
_GENERATION = re.compile(r".+-[0-9]+-link", re.ASCII)


class NotALink(Error):
    """A link cannot be made because its place is taken, perhaps by the user's own link."""

    link: Path
    target: str | None = None

    def __str__(self) -> str:
        if self.target is None:
            return f"{self.link} exists and is not a symbolic link"
        return f"{self.link} is a symbolic link to {self.target!r}, which is not in the store, so it is not replaced"

    @property
    def hint(self) -> str:
        """Return how to get another link."""
        return "move it away, or choose another link with -o"


class CannotLink(Error):
    """A link cannot be made in the requested place."""

    link: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot make the link {self.link}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "choose another link with -o, or make none with --no-link"


class RootUnreadable(Error):
    """A root's target cannot be determined."""

    link: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot read the root {self.link}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "make it readable or, to give up what it keeps, run `kernix roots remove` on it"


class NotARoot(Error):
    """A link does not point into the store."""

    link: Path

    def __str__(self) -> str:
        return f"{self.link} is not a symbolic link to an object in the store"


@attrs.frozen
class Root:
    """A link that keeps *target* alive: a user's own, or one below `roots/`."""

    link: Path
    target: StorePath
    indirect: bool


def link_result(store: Store, link: Path, target: StorePath) -> None:
    """Make *link* a symbolic link to the object *target*, and an indirect root; its previous target loses this root.

    Raises:
        ObjectMissing: *target* is not registered.
        NotALink: *link* is something else, or a link that points outside the store.
        OSError: the link cannot be made.
    """
    link = absolute(link)
    check_replaceable(store.layout, link)
    store.hold_all([target])
    with store.gate.shared():
        reach("roots: register")
        switch_link(auto_entry(store.layout, link), str(link))
        reach("roots: switch")
        switch_link(link, str(store.path(target)))


def check_replaceable(layout: Layout, link: Path) -> None:
    """Check that *link* is free, or a link into the store such as `link_result` makes.

    Raises:
        NotALink: it is something of the user's.
    """
    try:
        target = link.readlink()
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NotALink(link) from None
        raise
    # Its target may be gone. But a link to another link of the user's belongs to the user.
    place = link.parent / target
    inside = os.path.normpath(f"{os.path.realpath(place.parent)}/{place.name}")
    if not inside.startswith(f"{layout.objects}{os.sep}"):
        raise NotALink(link, str(target))


def check_can_link(link: Path) -> None:
    """Check that *link* can be made, by writing to its directory.

    Raises:
        CannotLink: it cannot.
    """
    directory = link.parent
    temporary = directory / f".kernix-{os.urandom(8).hex()}"
    try:
        if len(os.fsencode(link.name)) > os.pathconf(directory, "PC_NAME_MAX"):
            raise CannotLink(link, "its name is too long")
        temporary.symlink_to("nowhere")
        temporary.unlink()
    except OSError as error:
        raise CannotLink(link, f"{directory}: {reason_of(error)}") from None


def result_of(layout: Layout, link: Path) -> StorePath | None:
    """Return the object that *link* points to if `link_result` made the link, else None."""
    link = absolute(link)
    try:
        target, entry = link.readlink(), auto_entry(layout, link).readlink()
    except OSError:
        return None
    return object_of(layout, str(target)) if entry == link else None


def add_root(store: Store, name: str, target: StorePath) -> Path:
    """Make *target* a root named *name* in the store itself; return the link."""
    link = store.layout.roots / name
    store.hold_all([target])
    link.parent.mkdir(0o755, parents=True, exist_ok=True)
    switch_link(link, str(store.path(target)))
    return link


def add_indirect(store: Store, link: Path) -> Root:
    """Make the user's *link*, which points into the store already, a root.

    Raises:
        NotARoot: it does not point there.
        ObjectMissing: its target is not registered.
    """
    link = absolute(link)
    target = _target(store.layout, link)
    if target is None:
        raise NotARoot(link)
    store.hold_all([target])
    with store.gate.shared():
        switch_link(auto_entry(store.layout, link), str(link))
    return Root(link, target, indirect=True)


def remove_indirect(store: Store, link: Path) -> None:
    """Stop treating the user's *link* as a root; the link itself stays.

    Raises:
        NotARoot: it is not a root.
    """
    link = absolute(link)
    try:
        auto_entry(store.layout, link).unlink()
    except FileNotFoundError:
        raise NotARoot(link) from None


def roots(layout: Layout) -> list[Root]:
    """Return every permanent root, by link.

    Raises:
        RootUnreadable: a link cannot be read, so it may be a root.
    """
    found = []
    for link in _links(layout.roots):
        indirect = link.parent == layout.roots / "auto"
        shown = link.readlink() if indirect else link
        target = None if indirect and not shown.is_absolute() else _target(layout, shown)
        if target is not None:
            found.append(Root(shown, target, indirect=indirect))
    if layout.profiles.is_dir():
        # A profile itself is a link to one of its generations, which are the roots.
        generations = ((link, _target(layout, link)) for link in _links(layout.profiles) if is_generation(link.name))
        found += [Root(link, target, indirect=False) for link, target in generations if target is not None]
    return sorted(found, key=lambda root: root.link)


def is_generation(name: str) -> bool:
    """Return whether *name*, in the directory of profiles, is that of a generation."""
    return _GENERATION.fullmatch(name) is not None


def remove_dangling(layout: Layout) -> None:
    """Remove the entries whose user's link is gone. Only inside the gate, exclusively."""
    for link in _links(layout.roots / "auto"):
        user = link.readlink()
        if user.is_absolute() and not _may_exist(user):
            link.unlink()


def object_of(layout: Layout, place: str) -> StorePath | None:
    """Return the object that contains *place*, an absolute path, or None."""
    rest = os.path.normpath(place)
    start = f"{layout.objects}{os.sep}"
    if not rest.startswith(start):
        rest = os.path.realpath(place)  # the home may have other names
        if not rest.startswith(start):
            return None
    with contextlib.suppress(InvalidStorePath):
        return StorePath.parse(rest[len(start) :].split(os.sep, 1)[0])
    return None


def objects_of(layout: Layout, places: Iterable[str]) -> set[StorePath]:
    """Return the objects that contain *places*."""
    return {path for path in (object_of(layout, place) for place in places) if path is not None}


def _target(layout: Layout, link: Path) -> StorePath | None:
    place = link
    for _ in range(_LONGEST_CHAIN):
        try:
            place = place.parent / place.readlink()
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise RootUnreadable(link, reason_of(error)) from None
            return None
        # A user's link to another user's link is followed. A link into an object is not: the links
        # inside an object are its references.
        if os.path.normpath(place).startswith(f"{layout.objects}{os.sep}") or not os.path.islink(place):  # noqa: PTH114 -- it raises nothing
            return object_of(layout, str(place))
    return None


def _links(directory: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_symlink():
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _links(Path(entry.path))


def _may_exist(link: Path) -> bool:
    """Return whether *link* exists, or may exist for all we know."""
    try:
        link.lstat()
    except OSError as error:
        return error.errno not in _NO_LINK
    return True


def auto_entry(layout: Layout, link: Path) -> Path:
    """Return the place of the entry for *link*, a user's link by its `absolute` path, whether it exists or not."""
    return layout.roots / "auto" / base32.encode(blake3(os.fsencode(link)).digest(length=20))


def absolute(link: Path) -> Path:
    """Return *link* with its directory resolved, so that a link has one entry; the link itself is not followed."""
    return Path(os.path.realpath(link.parent)) / link.name


def switch_link(link: Path, target: str) -> None:
    """Make *link* a symbolic link to *target*, replacing an earlier one in one step."""
    temporary = link.with_name(f".kernix-{os.urandom(8).hex()}")  # no longer than any other name
    temporary.symlink_to(target)
    try:
        temporary.rename(link)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
