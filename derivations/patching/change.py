"""The contents of a patch as values: changes of files, and the hunks in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs


if TYPE_CHECKING:
    from collections.abc import Hashable

# git's modes; EXECUTABLE is what 100755 has and 100644 lacks.
LINK = 0o120000
EXECUTABLE = 0o111
SUBMODULE = 0o160000

Verb = Literal["modify", "create", "delete", "rename", "copy"]


@attrs.frozen
class Hunk:
    """One place in a file: its lines before and after.

    Attributes:
        line: The number of its first line in the patch.
        old: The number of its first line in the old file; 0 in an empty one.
        new: The same in the new file.
        before: The lines that must be there, with their line endings.
        after: The lines that replace them.
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
        """Return the hunk that reverts this one."""
        return attrs.evolve(self, old=self.new, new=self.old, before=self.after, after=self.before)

    def with_line_ends(self, end: bytes) -> Hunk:
        """Return the hunk with *end* as the ending of all lines that have one."""
        before, after = (tuple(_ended(line, end) for line in lines) for lines in (self.before, self.after))
        return attrs.evolve(self, before=before, after=after)


def _ended(line: bytes, end: bytes) -> bytes:
    text = line.removesuffix(b"\n")
    return text.removesuffix(b"\r") + (end if len(text) < len(line) else b"")


@attrs.frozen
class Binary:
    """One direction of a git binary patch: *data* is the whole new file, or a `delta` that makes it."""

    form: Literal["literal", "delta"]
    data: bytes


@attrs.frozen(kw_only=True)
class FileChange:
    """What happens to one file.

    Attributes:
        line: The number of its first line in the patch.
        verb: What happens.
        old: The path it is read from; for `create`, the path it is created at.
        new: The path it is written to; for `delete`, the path it is deleted from.
        old_mode: Its required old mode, if the patch has one.
        new_mode: Its new mode, if the patch has one.
        hunks: The changes in it, in order.
        binary: The change of a binary file, and its reverse.
        blobs: Git's digests of the old and the new content of a binary file.
        raw: The path as written in the patch, for messages about its first component.
        prefixed: Whether the two names of the file begin differently, as with `a/` and `b/`, so that these are
            prefixes and not directories of the tree.
        may_create: Whether to create the file if it is missing: the patch does not show whether it existed.
        crlf: Whether all lines of the change, including those with the file's names, ended in CR LF. The hunks
            have LF; whether the file itself has CR LF is unknown.
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
        """Return the path for messages."""
        return self.old if self.verb == "delete" else self.new

    def reversed(self) -> FileChange | None:
        """Return the change that reverts this one; None if that is impossible."""
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
    """Changes that belong together: each refers to the tree before all of them.

    Attributes:
        title: The subject of its mail, or the name of its file in a series; otherwise empty.
        changes: The changes, in the order of the patch.
        remarks: Remarks about how it was read.
    """

    title: str
    changes: tuple[FileChange, ...]
    remarks: tuple[str, ...] = ()

    @property
    def identity(self) -> Hashable:
        """Return what two copies of one commit have in common, wherever they are."""
        return tuple(
            (
                it.verb, it.old, it.new, it.new_mode, it.blobs,
                tuple((hunk.old, hunk.before, hunk.after) for hunk in it.hunks),
            )
            for it in self.changes
        )  # fmt: skip

    def reversed(self) -> Commit | None:
        """Return the commit that reverts this one; None if that is impossible."""
        changes = [it.reversed() for it in reversed(self.changes)]
        known = [it for it in changes if it is not None]
        return attrs.evolve(self, changes=tuple(known)) if len(known) == len(changes) else None
