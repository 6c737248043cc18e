"""What bubblewrap can be asked to make at a place in the sandbox: operations, each of which says by which options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Options: TypeAlias = tuple[str, ...]


class Operation:
    """The base of all: neither makes anything nor shows anything of the host."""

    @property
    def shown(self) -> Path | None:
        """Return what of the host is seen there, None if it is the sandbox's own."""
        return None

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- most need no host's path
        """Return what makes it at *place*; *found* returns where bubblewrap finds a path of the host."""
        return ()

    def closing(self, place: str) -> Options:  # noqa: ARG002 -- as above
        """Return what follows when everything below *place* is made."""
        return ()


@attrs.frozen
class Bind(Operation):
    """The host's *source*."""

    source: Path
    writable: bool = False

    @property
    def shown(self) -> Path:
        """Return the source."""
        return self.source

    def options(self, place: str, found: Callable[[Path], str]) -> Options:
        """Return that it is mounted."""
        return ("--bind" if self.writable else "--ro-bind", found(self.source), place)


@attrs.frozen
class Inside(Operation):
    """The host's *source*, in a directory that is mounted: it is there without more."""

    source: Path

    @property
    def shown(self) -> Path:
        """Return the source."""
        return self.source


@attrs.frozen
class PlainDirectory(Operation):
    """A directory in what is mounted above it."""

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is made."""
        return ("--dir", place)


@attrs.frozen
class Opened(Operation):
    """A file system of the sandbox's own, in memory, in which there is room for mount points; read-only at last."""

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is mounted."""
        return ("--tmpfs", place)

    def closing(self, place: str) -> Options:
        """Return that nothing more is made in it."""
        return ("--remount-ro", place)


@attrs.frozen
class Scratch(Operation):
    """A file system in memory that the builder may write to, of at most *size* bytes if that is not 0."""

    size: int | None

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is mounted."""
        return (*(("--size", str(self.size)) if self.size else ()), "--tmpfs", place)


@attrs.frozen
class Special(Operation):
    """A file system of the sandbox's own of the kind that the kernel fills."""

    kind: Literal["proc", "dev"]

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is mounted."""
        return (f"--{self.kind}", place)


@attrs.frozen
class Symlink(Operation):
    """A symbolic link to *target*."""

    target: str

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is made."""
        return ("--symlink", self.target, place)


@attrs.frozen
class DataFile(Operation):
    """A read-only file with the bytes that *descriptor* gives."""

    descriptor: int

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return that it is made."""
        return ("--perms", "0444", "--file", str(self.descriptor), place)
