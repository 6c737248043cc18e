"""What a patch says, as values: changes of files, and the hunks in them."""

from __future__ import annotations

from typing import Literal

import attrs


LINK = 0o120000
EXECUTABLE = 0o111
SUBMODULE = 0o160000

Verb = Literal["modify", "create", "delete", "rename", "copy"]


@attrs.frozen
class Hunk:
    """One place in a file: what is there before and after.

    Attributes:
        line: The line of the patch that begins it.
        old: The number of its first line in the old file; 0 in an empty one.
        new: The same in the new file.
        before: The lines that must be there, with their ends.
        after: The lines that take their place.
        leading: How many lines of context it begins with.
        trailing: How many lines of context it ends with.
    """

    line: int
    old: int
    new: int
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]
    leading: int
    trailing: int

    def reversed(self) -> Hunk:
        """Return the hunk that takes this one back."""
        return attrs.evolve(self, old=self.new, new=self.old, before=self.after, after=self.before)

    def with_line_ends(self, end: bytes) -> Hunk:
        """Return the hunk with all its lines ending in *end*, but for those that end in nothing."""
        before, after = (tuple(_ended(line, end) for line in lines) for lines in (self.before, self.after))
        return attrs.evolve(self, before=before, after=after)


def _ended(line: bytes, end: bytes) -> bytes:
    text = line.removesuffix(b"\n")
    return text.removesuffix(b"\r") + (end if len(text) < len(line) else b"")


@attrs.frozen
class Binary:
    """One direction of git's binary patch: *data* is the whole new file, or the `delta` to it."""

    form: Literal["literal", "delta"]
    data: bytes


@attrs.frozen(kw_only=True)
class FileChange:
    """What happens to one file.

    Attributes:
        line: The line of the patch that begins it.
        verb: What happens.
        old: The path it is read from; that which it is created at for `create`.
        new: The path it is written to; that which it is deleted from for `delete`.
        old_mode: The mode that it must have had, if the patch says so.
        new_mode: The mode that it gets, if the patch says so.
        hunks: What changes in it, in order.
        binary: What changes in a binary file, and what takes that back.
        blobs: Git's digests of the old and the new content of a binary file.
        raw: The path as it is written in the patch, for messages about its first component.
        prefixed: Whether the two names of the file begin differently, as `a/` and `b/`, with what so is not in the tree.
        may_create: Whether the file is made if there is none: the patch does not say whether there was one.
        crlf: Whether all its lines ended in CR LF, those that name the file too. The hunks have LF, and whether the
            file itself has CR LF is not known.
    """

    line: int
    verb: Verb
    old: str
    new: str
    old_mode: int | None = None
    new_mode: int | None = None
    hunks: tuple[Hunk, ...] = ()
    binary: tuple[Binary, Binary | None] | None = None
    blobs: tuple[str, str] = ("", "")
    raw: str = ""
    prefixed: bool = False
    may_create: bool = False
    crlf: bool = False

    @property
    def path(self) -> str:
        """Return the path that messages name."""
        return self.old if self.verb == "delete" else self.new

    def reversed(self) -> FileChange | None:
        """Return the change that takes this one back; None if nothing can."""
        if self.verb == "copy" or (self.binary is not None and self.binary[1] is None):
            return None
        verbs: dict[Verb, Verb] = {"create": "delete", "delete": "create"}
        return attrs.evolve(
            self,
            verb=verbs.get(self.verb, self.verb),
            old=self.new,
            new=self.old,
            old_mode=self.new_mode,
            new_mode=self.old_mode,
            hunks=tuple(hunk.reversed() for hunk in self.hunks),
            blobs=self.blobs[::-1],
            may_create=False,
            binary=None if self.binary is None or self.binary[1] is None else (self.binary[1], self.binary[0]),
        )


@attrs.frozen(kw_only=True)
class Commit:
    """Changes that belong together: each is of the tree as it was before all of them.

    Attributes:
        title: The subject of the mail that it came in, or the name of its file in a series; else empty.
        changes: The changes, in the order of the patch.
        remarks: What is worth knowing about how it was read.
    """

    title: str
    changes: tuple[FileChange, ...]
    remarks: tuple[str, ...] = ()

    def reversed(self) -> Commit | None:
        """Return what takes the commit back; None if nothing can."""
        changes = [it.reversed() for it in reversed(self.changes)]
        known = [it for it in changes if it is not None]
        return attrs.evolve(self, changes=tuple(known)) if len(known) == len(changes) else None
