"""The difference between two builds, as values."""

from __future__ import annotations

import enum

from typing import Any

import attrs


class Kind(enum.StrEnum):
    """The kind of an input that differs, or of what differs in a recipe."""

    OPTIONS = "options"
    REQUESTS = "requests"
    FILES = "files"
    PATCHES = "patches"
    PACKAGES = "packages"
    FLAGS = "flags"
    SCRIPT = "script"
    ENVIRONMENT = "environment"
    ATTRIBUTES = "attributes"
    INPUT = "input"


@attrs.frozen
class Change:
    """One thing that differs.

    Attributes:
        what: Its name: an option, a path, a package, a flag.
        old: What it was; None if it did not exist.
        new: What it is; None if it does not exist any more.
        because: What brought the change, such as a patch.
    """

    what: str
    old: str | None
    new: str | None
    because: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Part:
    """An input that differs, or a part of the recipe itself.

    Attributes:
        kind: Its kind.
        title: Its name for the user.
        changes: What differs in it.
        unknown: Why the content is not known, if only the definitions could be compared; else empty.
        parts: What differs in the derivation that makes it.
    """

    kind: Kind
    title: str
    changes: tuple[Change, ...] = ()
    unknown: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Return whether this is known to differ in content."""
        return not self.unknown


@attrs.frozen
class Ignored:
    """A derivation that differs only in what does not count: *what* differs, and its output is the same."""

    name: str
    what: tuple[str, ...]


@attrs.frozen
class Comparison:
    """What differs between two derivations.

    Attributes:
        parts: What counts.
        ignored: What does not count, since the outcome is the same.
        same: The names of the inputs that are the same.
    """

    parts: tuple[Part, ...]
    ignored: tuple[Ignored, ...]
    same: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Return `same`, `differs`, or `unknown` if what may differ is not known well enough."""
        if not self.parts:
            return "same"
        return "differs" if any(it.is_certain for it in self.parts) else "unknown"

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON data."""
        return {"verdict": self.verdict, **attrs.asdict(self)}
