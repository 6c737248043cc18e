"""A workplace: the directory in which a kernel is developed.

    source/         what was changed of the source, as the upper layer of an overlay; or a copy of all of it
    objects/        the same of the kernel's object tree (`derivations.realise.kept.workspace`)
    base            a link to the source in the store, which keeps it alive
    .state.json     what it is for (`State`)

It belongs to the user alone, since a builder may write anywhere in it.
"""

from __future__ import annotations

import fcntl
import json
import os

from typing import TYPE_CHECKING, Any

import attrs

from store.errors import Error
from store.trees.content import Kind


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TypeAlias

    Changes: TypeAlias = Mapping[str, tuple[Kind, bytes] | None]
    """Files and links that differ from the base, by path: kind and digest, or None if they are gone."""


VERSION = 1

_STATE = ".state.json"


class NotAWorkplace(Error):
    """A directory is not one that `kernix develop` has made."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.place} {self.reason}"

    @property
    def hint(self) -> str:
        """Say how to make one."""
        return "name another directory with `--into`; `kernix develop ATTR` makes it"


class WorkplaceInUse(Error):
    """Another session uses a workplace."""

    place: Path

    def __str__(self) -> str:
        return f"{self.place} is in use by another `kernix develop`"


class OtherSource(Error):
    """A workplace was made for another source."""

    place: Path
    name: str

    def __str__(self) -> str:
        return f"{self.place} has changes to another source than that of {self.name}"

    @property
    def hint(self) -> str:
        """Take the changes along."""
        return f"write them with `kernix develop --patch --into {self.place}`, and begin in another directory"


@attrs.frozen(kw_only=True)
class State:
    """What a workplace is for.

    Attributes:
        attribute: The kernel's attribute.
        name: Its name.
        source: The store path of its source.
        family: What its objects have in common with those of other builds (`kept.build.family_of`).
        config: The digest of its .config, in hexadecimal.
        tree: The kept tree below its objects; empty if none is.
        layered: Whether its objects are a layer above that tree.
        copied: Whether its source is a copy.
        before: The changes to the source when the last session began.
        after: Those when it ended.
    """

    attribute: str
    name: str
    source: str
    family: str
    config: str
    tree: str = ""
    layered: bool = True
    copied: bool = False
    before: Changes = attrs.field(factory=dict)
    after: Changes = attrs.field(factory=dict)


@attrs.frozen
class Workplace:
    """The workplace in *place*."""

    place: Path

    @property
    def source(self) -> Path:
        """Return the directory of the source, or of its changes."""
        return self.place / "source"

    @property
    def objects(self) -> Path:
        """Return the directory of the objects."""
        return self.place / "objects"

    @property
    def base(self) -> Path:
        """Return the link to the source in the store."""
        return self.place / "base"

    def state(self) -> State | None:
        """Return what it is for; None if it is new.

        Raises:
            NotAWorkplace: it is something else.
        """
        if not self.place.exists():
            return None
        if not self.place.is_dir():
            raise NotAWorkplace(self.place, "is not a directory")
        try:
            facts: dict[str, Any] = json.loads((self.place / _STATE).read_text(encoding="utf-8"))
            if facts.pop("version") != VERSION:
                raise NotAWorkplace(self.place, "was made by another version of kernix")
            before, after = (_changes(facts.pop(name)) for name in ("before", "after"))
            return State(**facts, before=before, after=after)
        except FileNotFoundError:
            if any(self.place.iterdir()):
                raise NotAWorkplace(self.place, "is not empty, and not a directory of `kernix develop`") from None
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotAWorkplace(self.place, f"cannot be read: {error}") from None

    def make(self) -> None:
        """Make the directory, closed to others."""
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (self.source, self.objects):
            directory.mkdir(mode=0o700, exist_ok=True)

    def save(self, state: State) -> None:
        """Record *state*."""
        facts = attrs.asdict(state, recurse=False) | {
            "version": VERSION,
            **{
                name: {path: None if it is None else [it[0].value.decode(), it[1].hex()] for path, it in found.items()}
                for name, found in (("before", state.before), ("after", state.after))
            },
        }
        new = self.place / f"{_STATE}.new"
        new.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(self.place / _STATE)

    def lock(self) -> int:
        """Return a descriptor that holds it, to be closed in the end.

        Raises:
            WorkplaceInUse: another process has it.
        """
        descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise WorkplaceInUse(self.place) from None
        return descriptor


def _changes(facts: Mapping[str, Any]) -> Changes:
    return {path: None if it is None else (Kind(it[0].encode()), bytes.fromhex(it[1])) for path, it in facts.items()}
