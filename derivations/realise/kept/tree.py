"""A kept tree: where it is, and what it is of."""

from __future__ import annotations

import contextlib

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.realise.kept.listing import Listing


if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class About:
    """What a kept tree is of.

    Attributes:
        name: The kernel's name with its version.
        family: What must be equal for a build to start from it: toolchain, architecture, arguments, other inputs.
        source: The digest of the source's tree, in hexadecimal.
        action: The key of the action that left it, in hexadecimal.
        made: When it was made, in seconds since 1970.
        seconds: How long its builder ran.
        compiled: How many objects that builder compiled.
        objects: How many objects a clean build compiles.
        size: The bytes of its files.
        disk: The bytes that it would take on the disk without other trees.
        apart: Those of them that are not in the pool: directories, the index and the like.
        digests: The digests of its files beside the tree, in hexadecimal.
    """

    name: str
    family: str
    source: str
    action: str
    made: float
    seconds: float
    compiled: int
    objects: int
    size: int
    disk: int = 0
    apart: int = 0
    digests: dict[str, str] = attrs.field(factory=dict)


BESIDE = ("listing", "index", "facts", "config")
"""The files beside a tree."""


@attrs.frozen
class KeptTree:
    """A tree on the shelf."""

    place: Path
    about: About

    @property
    def id(self) -> str:
        """Return its name on the shelf."""
        return self.place.name

    @property
    def tree(self) -> Path:
        """Return the directory of its files."""
        return self.place / "tree"

    @property
    def used(self) -> float:
        """Return when it was last used, in seconds since 1970."""
        try:
            return (self.place / "used").stat().st_mtime
        except OSError:
            return self.about.made

    def read(self, name: str) -> bytes:
        """Return its file *name*, beside the tree.

        Raises:
            ValueError: it is damaged.
            OSError: it cannot be read.
        """
        data = (self.place / name).read_bytes()
        if blake3(data).hexdigest() != self.about.digests.get(name):
            message = f"{self.place / name} is damaged"
            raise ValueError(message)
        return data

    def listing(self) -> Listing:
        """Return its files.

        Raises:
            ValueError: it is damaged.
            OSError: it cannot be read.
        """
        return Listing.decode(self.read("listing"))

    def touch(self) -> None:
        """Record that it is used now."""
        with contextlib.suppress(OSError):
            (self.place / "used").touch()
