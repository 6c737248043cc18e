"""What bubblewrap can make at a place in the sandbox: operations, each with the options that make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from derivations.realise.sandbox.layers import Layers

    Options: TypeAlias = tuple[str, ...]
    Found: TypeAlias = Callable[[Path | Layers], str]


class Operation:
    """The base class: makes nothing and shows nothing of the host."""

    @property
    def shown(self) -> Path | None:
        """Return the host's path that it shows, None if it shows none."""
        return None

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- most need no path of the host
        """Return the options that make it at *place*; *found* returns where bubblewrap finds a path of the host."""
        return ()

    def closing(self, place: str) -> Options:  # noqa: ARG002 -- as above
        """Return the options that follow once everything below *place* is made."""
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

    def options(self, place: str, found: Found) -> Options:
        """Return the option that mounts it."""
        return ("--bind" if self.writable else "--ro-bind", found(self.source), place)


@attrs.frozen
class Overlaid(Operation):
    """Several directories of the host as one."""

    layers: Layers

    def options(self, place: str, found: Found) -> Options:
        """Return the option that mounts it."""
        return ("--ro-bind" if self.layers.upper is None else "--bind", found(self.layers), place)


@attrs.frozen
class Inside(Operation):
    """The host's *source*, already visible because the directory around it is mounted."""

    source: Path

    @property
    def shown(self) -> Path:
        """Return the source."""
        return self.source


@attrs.frozen
class PlainDirectory(Operation):
    """A directory in the mount above it."""

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that creates it."""
        return ("--dir", place)


@attrs.frozen
class Opened(Operation):
    """A file system in memory that holds mount points; read-only in the end."""

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that mounts it."""
        return ("--tmpfs", place)

    def closing(self, place: str) -> Options:
        """Return the option that makes it read-only."""
        return ("--remount-ro", place)


@attrs.frozen
class Scratch(Operation):
    """A writable file system in memory, of at most *size* bytes unless that is 0."""

    size: int | None

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that mounts it."""
        return (*(("--size", str(self.size)) if self.size else ()), "--tmpfs", place)


@attrs.frozen
class Special(Operation):
    """A private file system that the kernel fills: proc or dev."""

    kind: Literal["proc", "dev"]

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that mounts it."""
        return (f"--{self.kind}", place)


@attrs.frozen
class Symlink(Operation):
    """A symbolic link to *target*."""

    target: str

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that creates it."""
        return ("--symlink", self.target, place)


@attrs.frozen
class DataFile(Operation):
    """A read-only file with the bytes read from *descriptor*."""

    descriptor: int

    def options(self, place: str, found: Found) -> Options:  # noqa: ARG002 -- as above
        """Return the option that creates it."""
        return ("--perms", "0444", "--file", str(self.descriptor), place)


@attrs.frozen
class Cover(Operation):
    """A read-only file with the bytes read from *descriptor*, instead of the file that is there."""

    descriptor: int
    executable: bool = False

    def options(self, place: str, found: Callable[[Path], str]) -> Options:  # noqa: ARG002 -- as above
        """Return the option that mounts it."""
        return ("--perms", "0555" if self.executable else "0444", "--ro-bind-data", str(self.descriptor), place)
