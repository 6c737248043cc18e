"""Parse the lines of a diff into changes: unified diffs, plain and with git's extensions.

Git's rules define what begins a change: a line `diff --git`, or `---`, `+++` and `@@` on consecutive lines. All
else is text. Within a change nothing is skipped: a hunk has the number of lines stated in its header, or the
line at fault is reported.
"""

from __future__ import annotations

import os
import re

from typing import TYPE_CHECKING

import attrs

from derivations.patching import names
from derivations.patching.binary import Damaged, decode_line, inflate
from derivations.patching.change import Binary, FileChange, Hunk, Verb
from derivations.patching.differences import is_data_missing, is_file_missing
from derivations.patching.errors import Malformed
from derivations.patching.git_head import GitHead


if TYPE_CHECKING:
    from collections.abc import Sequence


_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_SUBMODULE = re.compile(rb"Submodule (.+) [0-9a-f]{7,64}\.{2,3}[0-9a-f]{7,64}(?::| \(.*\):?)")
_BINARY_HEAD = re.compile(rb"(literal|delta) (\d{1,10})")
_SHOWN = 60  # characters: with a sentence around it, about a line


@attrs.define
class Parser:
    """Parses one message.

    Attributes:
        patch: The patch's name, for errors.
        lines: The lines, with their line endings.
        first: The number of the first one in the patch.
        strip: How many leading directories to strip from names.
    """

    patch: str
    lines: Sequence[bytes]
    first: int = 1
    strip: int = 1
    remarks: list[str] = attrs.field(factory=list)
    _at: int = 0

    def changes(self) -> list[FileChange]:
        """Return the changes in the message; none if it is only text.

        Raises:
            Malformed: one of them is malformed.
        """
        found: list[FileChange] = []
        while self._at < len(self.lines):
            line = self._line()
            if line.startswith(b"diff --git "):
                found.append(self._git())
            elif line.startswith(b"--- ") and self._line(1).startswith(b"+++ ") and _HUNK.match(self._line(2)):
                found.append(self._plain())
            else:
                self._text(line)
                self._at += 1
        return found

    def _text(self, line: bytes) -> None:
        """Check a *line* outside all changes, so that no change is silently lost."""
        if _HUNK.match(line):
            raise self._wrong("a hunk without a file name before it", "the lines `---` and `+++` are missing")
        if line.startswith((b"diff --cc ", b"diff --combined ")):
            raise self._wrong("the diff of a merge cannot be applied", "make a diff against one parent: `git diff -m`")
        if line.startswith(b"*** ") and self._line(1).startswith(b"--- ") and self._line(2).startswith(b"*****"):
            raise self._wrong("a context diff", "make a unified one: `diff -u`")
        if is_data_missing(line):
            raise self._wrong(f"{shown(line)}, and the patch lacks their data", _BINARY_ADVICE)
        if (submodule := _SUBMODULE.fullmatch(line)) is not None:
            raise self._wrong(f"{shown(submodule[1])} is a submodule, and submodules are not supported")
        if is_file_missing(line):
            self.remarks.append(f"line {self.first + self._at}: `{shown(line)}`: the patch lacks that file")

    def _plain(self) -> FileChange:
        """Parse a change that begins with `---` and `+++`."""
        start, first = self.first + self._at, self._at
        (old, old_absent), (new, new_absent) = names.read(self._line()[4:]), names.read(self._line(1)[4:])
        self._at += 2
        if old == names.ABSENT and new == names.ABSENT:
            raise self._wrong("a change without a file: both names are /dev/null")
        crlf = self._is_crlf(first)
        hunks = self._hunks(new if old == names.ABSENT else old, crlf=crlf)
        created = old == names.ABSENT or (old_absent and all(hunk.old == 0 and not hunk.before for hunk in hunks))
        deleted = new == names.ABSENT or (new_absent and all(hunk.new == 0 and not hunk.after for hunk in hunks))
        name = old if deleted and not created else new
        if not created and not deleted and new.startswith(old):
            name = old  # such as `x.c` and `x.c.new`
        path = self._path(name, start)
        verb: Verb = "create" if created else "delete" if deleted else "modify"
        return FileChange(
            line=start,
            verb=verb,
            old=path,
            new=path,
            hunks=hunks,
            raw=os.fsdecode(name),
            prefixed=names.ABSENT not in {old, new} and old != new,
            may_create=verb == "modify" and len(hunks) == 1 and not hunks[0].before,
            crlf=crlf,
        )

    def _git(self) -> FileChange:
        """Parse a change that begins with `diff --git`."""
        start, first = self.first + self._at, self._at
        pair = names.pair(self._line()[len(b"diff --git ") :], self.strip)
        self._at += 1
        head = GitHead()
        while self._at < len(self.lines) and head.take(self._line()):
            self._at += 1
        old, new = self._names(head, pair, start)
        if head.is_submodule:
            raise Malformed(self.patch, start, f"{new} is a submodule, and submodules are not supported")
        crlf = self._is_crlf(first)
        hunks, binary = self._content(head, new, crlf=crlf)
        if binary is not None and (head.blobs is None or not {len(it) for it in head.blobs} <= {40, 64}):
            reason = f"the binary patch of {new} has no full digests of its file"
            raise Malformed(
                self.patch, start, reason, "make it with `git diff --binary`, which writes a full `index` line"
            )
        after = head.after if head.after not in {None, names.ABSENT} else pair[1] if pair else None
        return FileChange(
            line=start,
            verb=head.verb,
            old=old,
            new=new,
            old_mode=head.old_mode,
            new_mode=head.new_mode,
            hunks=hunks,
            binary=binary,
            blobs=head.blobs if binary is not None and head.blobs is not None else ("", ""),
            raw=os.fsdecode(after or b""),
            prefixed=head.verb in {"rename", "copy"} or (pair is not None and pair[0] != pair[1]),
            crlf=crlf,
        )

    def _is_crlf(self, first: int) -> bool:
        """Return whether all lines from index *first* to the next hunk's header end in CR LF."""
        return all(line.endswith(b"\r\n") for line in self.lines[first : self._at + 1])

    def _content(
        self, head: GitHead, name: str, *, crlf: bool
    ) -> tuple[tuple[Hunk, ...], tuple[Binary, Binary | None] | None]:
        """Parse the content of the change of *name*: its hunks, or its binary patch."""
        if self._line() == b"GIT binary patch":
            self._at += 1
            if (forward := self._binary(name)) is None:
                raise self._wrong(f"the binary patch of {name} is neither literal nor a delta")
            return (), (forward, self._binary(name))
        if is_data_missing(self._line()):
            raise self._wrong(f"{name} is binary, and the patch lacks its data", _BINARY_ADVICE)
        hunks = self._hunks(os.fsencode(name), crlf=crlf)
        if not hunks and head.lacks_content:
            raise self._wrong(f"the patch lacks the change of {name}", "it is truncated; get all of it")
        return hunks, None

    def _names(self, head: GitHead, pair: tuple[bytes, bytes] | None, line: int) -> tuple[str, str]:
        """Return the paths before and after."""
        if head.verb in {"rename", "copy"}:
            if head.source is None or head.target is None:
                raise Malformed(self.patch, line, f"a {head.verb} needs both `{head.verb} from` and `{head.verb} to`")
            # These two names have no prefix.
            strip = max(self.strip - 1, 0)
            return self._path(head.source, line, strip), self._path(head.target, line, strip)
        sides = [it for it in (head.before, head.after) if it is not None and it != names.ABSENT] or [*(pair or ())]
        if not sides:
            raise Malformed(self.patch, line, "its file name cannot be determined")
        found = {self._path(it, line) for it in sides}
        if len(found) > 1:
            reason = f"it names two files, {' and '.join(sorted(found))}, and is not a rename"
            raise Malformed(self.patch, line, reason, "correct the lines `---` and `+++`, or `diff --git`")
        path = found.pop()
        return path, path

    def _hunks(self, name: bytes, *, crlf: bool) -> tuple[Hunk, ...]:
        """Parse the hunks of the file *name*."""
        found = []
        while (head := _HUNK.match(self._line())) is not None:
            found.append(self._hunk(head, shown(name)))
        return tuple(it.with_line_ends(b"\n") for it in found) if crlf else tuple(found)

    def _hunk(self, head: re.Match[bytes], name: str) -> Hunk:
        line = self.first + self._at
        old, new = int(head[1]), int(head[3])
        left_old, left_new = (int(it) if it is not None else 1 for it in (head[2], head[4]))
        before: list[bytes] = []
        after: list[bytes] = []
        kinds: list[bytes] = []
        self._at += 1
        while left_old > 0 or left_new > 0:
            if self._at == len(self.lines):
                raise self._wrong(f"the patch ends in the middle of a hunk of {name}", "it is truncated; get all of it")
            kind, text = self._split(name)
            left_old -= kind != b"+"
            left_new -= kind != b"-"
            if left_old < 0 or left_new < 0:
                raise self._wrong(
                    f"a hunk of {name} does not have the lines that its header in line {line} states", _EDITED
                )
            self._at += 1
            if self._at < len(self.lines) and self.lines[self._at].startswith(b"\\ "):
                text = text.removesuffix(b"\n")
                self._at += 1
            before += [text] * (kind != b"+")
            after += [text] * (kind != b"-")
            kinds.append(kind)
        self._check_end(name, line)
        return Hunk(line, old, new, tuple(before), tuple(after), _context(kinds), _context(kinds[::-1]))

    def _split(self, name: str) -> tuple[bytes, bytes]:
        """Return the kind of the current line and its text."""
        line = self.lines[self._at]
        if line in {b"\n", b"\r\n"}:  # an editor or a mailer has removed the space
            return b" ", line
        kind, text = line[:1], line[1:]
        if kind not in {b" ", b"+", b"-"}:
            raise self._wrong(
                f"`{shown(line)}` is not a line of a hunk of {name}",
                "a mailer or an editor has wrapped its lines or removed spaces: get the original patch",
            )
        if not text.endswith(b"\n"):
            self.remarks.append("its last line has no line feed, which was added")
            text += b"\n"
        return kind, text

    def _check_end(self, name: str, head: int) -> None:
        """Check that no line of a hunk follows the last one that its header states."""
        rest = self.lines[self._at] if self._at < len(self.lines) else b""
        more = rest.startswith(b"+") and not rest.startswith(b"+++ ")
        less = rest.startswith(b"-") and rest[1:2] not in {b"-", b" ", b"\n", b"\r", b""}
        if more or less:
            raise self._wrong(f"a hunk of {name} has more lines than its header in line {head} states", _EDITED)
        if rest.strip() and not rest.startswith(_AFTER_A_HUNK):
            where = f"line {self.first + self._at}: `{shown(rest)}`"
            self.remarks.append(
                f"{where} follows a hunk and was left out: if a mailer has wrapped a line, get the original patch"
            )

    def _binary(self, name: str) -> Binary | None:
        """Parse one direction of the binary patch of *name*; return None if there is none."""
        if (head := _BINARY_HEAD.fullmatch(self._line())) is None:
            return None
        data = bytearray()
        self._at += 1
        try:
            while line := self._line():
                data += decode_line(line)
                self._at += 1
            found = inflate(bytes(data), int(head[2]))
        except Damaged as error:
            raise self._wrong(f"the binary patch of {name} is damaged: {error}") from None
        self._at += 1
        return Binary("literal" if head[1] == b"literal" else "delta", found)

    def _path(self, name: bytes, line: int, strip: int | None = None) -> str:
        try:
            return names.path(name, self.strip if strip is None else strip)
        except names.BadName as error:
            advice = next((it for word, it in _NAME_ADVICE.items() if word in str(error)), None)
            raise Malformed(self.patch, line, f"`{shown(name)}` {error}", advice) from None

    def _line(self, ahead: int = 0) -> bytes:
        """Return the current line, or one further *ahead*, without its line ending."""
        at = self._at + ahead
        return self.lines[at].rstrip(b"\r\n") if at < len(self.lines) else b""

    def _wrong(self, reason: str, advice: str | None = None) -> Malformed:
        return Malformed(self.patch, self.first + min(self._at, len(self.lines) - 1), reason, advice)


_BINARY_ADVICE = "make it with `git diff --binary` or `git format-patch`"
_NAME_ADVICE = {
    "fewer": "use `Patch(…, strip=0)`",
    "absolute": "make the patch with relative names, in the directory above both trees",
}
_AFTER_A_HUNK = (
    *(b"diff ", b"--", b"@@ ", b"Index: ", b"index ", b"===", b"***"),
    *(b"Only in ", b"Binary files ", b"From ", b"commit ", b"#"),
)
"""How lines begin that may follow a hunk at once: a signature, or what begins the next change."""

_EDITED = "it was edited by hand, or lines are missing: regenerate it, or correct the numbers with `recountdiff`"


def _context(kinds: Sequence[bytes]) -> int:
    """Return the number of leading context lines in *kinds*."""
    return next((number for number, kind in enumerate(kinds) if kind != b" "), len(kinds))


def shown(text: bytes) -> str:
    """Return *text* for a message: printable, and shortened."""
    shown = "".join(
        it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text.decode(errors="replace").strip()
    )
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def unindented(lines: Sequence[bytes]) -> tuple[list[bytes], int]:
    """Return *lines* without the indentation of a diff that is indented as a whole, and its width."""
    for number, line in enumerate(lines[:-2]):
        indent = line[: len(line) - len(line.lstrip(b" \t"))]
        if not indent:
            continue
        following = [it.removeprefix(indent) for it in lines[number : number + 3]]
        plain = following[0].startswith(b"--- ") and following[1].startswith(b"+++ ") and _HUNK.match(following[2])
        if plain or following[0].startswith(b"diff --git "):
            return [it.removeprefix(indent) if it.strip() else b"\n" for it in lines], len(indent)
    return list(lines), 0
