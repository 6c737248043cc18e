"""Write changes to a tree as a patch, as `git format-patch` does: a mail with a diff that `git am` and kernix apply.

    Node before, Node after ──file_diff──▶ the diff of a file ──mail──▶ the whole patch

Text is shown by lines with three lines of context. Files with a zero byte near their beginning, and those with lines that
end in CR LF, which mail programs and `git am` change, are written as git's binary patches.
"""

from __future__ import annotations

import base64
import difflib
import email.header
import email.utils
import os
import re
import zlib

from typing import TYPE_CHECKING

import attrs

from derivations.patching.binary import blob_digest


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


FILE, EXECUTABLE, LINK = 0o100644, 0o100755, 0o120000

_CONTEXT = 3  # lines, as git
_NEAR = 8000  # bytes in which git looks for a zero byte
_SHORT = 12  # digits, as the kernel's developers show
_HEADING = 80  # bytes of a function's line behind @@
_BYTES = 52  # in each line of a binary patch
_SHA1 = 40
_NOTHING = "0" * _SHA1
_STAT_WIDTH = 40
_NO_NEWLINE = b"\\ No newline at end of file\n"
_PLAIN = re.compile(rb"[^\x00-\x1f\x7f-\xff\"\\]*")
_LETTERS = {7: b"a", 8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r", 34: b'"', 92: b"\\"}


@attrs.frozen
class Node:
    """A file or symbolic link: its mode, as git has it, and its contents or target."""

    mode: int
    data: bytes

    @property
    def is_binary(self) -> bool:
        """Return whether it cannot be shown by lines."""
        return b"\0" in self.data[:_NEAR] or b"\r\n" in self.data


@attrs.frozen(kw_only=True)
class Letter:
    """What a patch says about itself.

    Attributes:
        author: Name and address: `Ada Lovelace <ada@example.org>`.
        date: When, in seconds since 1970.
        subject: The title.
        body: What follows the title; may be empty.
        version: The name and version of the program that writes it.
    """

    author: str
    date: float
    subject: str
    body: str = ""
    version: str = "kernix"


def mail(letter: Letter, changes: Mapping[str, tuple[Node | None, Node | None]]) -> bytes:
    """Return the patch with *changes*: the node before and the one after, None if there is none, by path."""
    name, address = email.utils.parseaddr(letter.author)
    sender = email.utils.formataddr((_encoded(name), address)) if name.isascii() else f"{_encoded(name)} <{address}>"
    head = [
        f"From {_NOTHING} Mon Sep 17 00:00:00 2001",
        f"From: {sender}",
        f"Date: {email.utils.formatdate(letter.date)}",
        f"Subject: [PATCH] {_encoded(' '.join(letter.subject.split()))}",
    ]
    if not letter.body.isascii():
        head += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit"]
    # A line that begins like a diff or a mail would end the message.
    body = re.sub(r"^(?=diff -|Index: |---|From )", " ", letter.body.strip(), flags=re.MULTILINE)
    text = "\n".join([*head, "", *([body, ""] if body else []), "---", ""]).encode()
    stat = b"".join(_stat(changes))
    diffs = b"".join(file_diff(path, *nodes) for path, nodes in sorted(changes.items()))
    return text + stat + b"\n" + diffs + f"-- \n{letter.version}\n\n".encode()


def file_diff(path: str, before: Node | None, after: Node | None) -> bytes:
    """Return the diff of the file or link at *path*; empty if nothing differs."""
    if before == after:
        return b""
    if before is not None and after is not None and (before.mode == LINK) != (after.mode == LINK):
        return file_diff(path, before, None) + file_diff(path, None, after)
    old, new = (_quoted(side + os.fsencode(path)) for side in (b"a/", b"b/"))
    head = b"diff --git %b %b\n" % (old, new)
    if before is None and after is not None:
        head += b"new file mode %o\n" % after.mode
    elif after is None and before is not None:
        head += b"deleted file mode %o\n" % before.mode
    elif before is not None and after is not None and before.mode != after.mode:
        head += b"old mode %o\nnew mode %o\n" % (before.mode, after.mode)
        if before.data == after.data:
            return head
    was, is_ = (b"" if it is None else it.data for it in (before, after))
    binary = any(it is not None and it.is_binary and it.mode != LINK for it in (before, after))
    head += _index(before, after, _SHA1 if binary else _SHORT)
    if binary:
        return head + b"GIT binary patch\n" + _literal(is_) + b"\n" + _literal(was) + b"\n"
    if not was and not is_:
        return head
    sides = (b"/dev/null" if before is None else old, b"/dev/null" if after is None else new)
    # A name with a space ends in a tab, as git writes it: older programs look for a date there.
    names = [it + b"\t" if b" " in it else it for it in sides]
    return head + b"--- %b\n+++ %b\n" % (names[0], names[1]) + b"".join(_hunks(_lines(was), _lines(is_)))


def _index(before: Node | None, after: Node | None, digits: int) -> bytes:
    names = [_NOTHING if it is None else blob_digest(it.data, _SHA1) for it in (before, after)]
    same = before is not None and after is not None and before.mode == after.mode
    mode = b" %o" % before.mode if same and before is not None else b""
    return b"index %b..%b%b\n" % (names[0][:digits].encode(), names[1][:digits].encode(), mode)


def _lines(data: bytes) -> list[bytes]:
    """Return the lines of *data*, which end at line feeds only."""
    lines = data.split(b"\n")
    return [it + b"\n" for it in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _hunks(old: Sequence[bytes], new: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the hunks that make *new* of *old*."""
    # What is the same at both ends is left out of the comparison, which takes long for large files.
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle = difflib.SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], autojunk=False)
    whole = difflib.SequenceMatcher(None, old, new, autojunk=False)
    # `get_grouped_opcodes` uses these if they are known.
    whole.opcodes = [  # type: ignore[attr-defined]  # not in typeshed
        ("equal", 0, start, 0, start),
        *((tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in middle.get_opcodes()),
        ("equal", len(old) - end, len(old), len(new) - end, len(new)),
    ]
    for group in whole.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        spans = _span(first[1], last[2]), _span(first[3], last[4])
        yield b"@@ -%b +%b @@%b\n" % (*spans, _heading(old, first[1]))
        for tag, a, b, c, d in group:
            for sign, lines in (
                (b" ", old[a:b] if tag == "equal" else ()),
                (b"-", old[a:b]),
                (b"+", new[c:d]),
            ):
                if sign == b" " or tag != "equal":
                    yield from (
                        sign + line if line.endswith(b"\n") else sign + line + b"\n" + _NO_NEWLINE for line in lines
                    )


def _common(one: Sequence[bytes], two: Sequence[bytes]) -> int:
    """Return how many lines are the same at the beginning."""
    count = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        count += 1
    return count


def _span(start: int, stop: int) -> bytes:
    count = stop - start
    return b"%d" % (start + 1) if count == 1 else b"%d,%d" % (start + 1 if count else start, count)


def _heading(lines: Sequence[bytes], before: int) -> bytes:
    """Return the nearest line above the line *before* that looks like the beginning of a function."""
    for line in reversed(lines[:before]):
        if re.match(rb"[A-Za-z_$]", line):
            return b" " + line[:_HEADING].rstrip()
    return b""


def _literal(data: bytes) -> bytes:
    """Return *data* as a literal of git's binary patches."""
    packed = zlib.compress(data, 9)
    lines = [b"literal %d\n" % len(data)]
    for at in range(0, len(packed), _BYTES):
        piece = packed[at : at + _BYTES]
        length = len(piece) + (64 if len(piece) <= 26 else 96 - 26)  # noqa: PLR2004 -- A is 1, a is 27
        lines.append(bytes([length]) + base64.b85encode(piece, pad=True) + b"\n")
    return b"".join(lines)


def _quoted(name: bytes) -> bytes:
    """Return *name* as git writes it: quoted as in C if need be."""
    if _PLAIN.fullmatch(name):
        return name
    return b'"' + b"".join(_escaped(it) for it in name) + b'"'


def _escaped(byte: int) -> bytes:
    if byte in _LETTERS:
        return b"\\" + _LETTERS[byte]
    return bytes([byte]) if 32 <= byte < 127 else b"\\%03o" % byte  # noqa: PLR2004 -- printable ASCII


def _encoded(text: str) -> str:
    return text if text.isascii() else email.header.Header(text, "utf-8", maxlinelen=998).encode()


def _stat(changes: Mapping[str, tuple[Node | None, Node | None]]) -> Iterator[bytes]:
    """Yield the lines that sum up *changes*, as git's do."""
    rows = []
    for path, nodes in sorted(changes.items()):
        diff = file_diff(path, *nodes)
        binary = b"\nGIT binary patch\n" in diff
        lines = [] if binary else diff.partition(b"\n@@ ")[2].split(b"\n")[1:]
        plus, minus = (sum(it.startswith(sign) for it in lines) for sign in (b"+", b"-"))
        rows.append((_quoted(os.fsencode(path)), binary, plus, minus))
    width = max((len(name) for name, *_ in rows), default=0)
    most = max((plus + minus for _, _, plus, minus in rows), default=0)
    for name, binary, plus, minus in rows:
        scale = min(1, _STAT_WIDTH / most) if most else 1
        bars = b"+" * -(-int(plus * scale * 1000) // 1000) + b"-" * -(-int(minus * scale * 1000) // 1000)
        count = b"Bin" if binary else b"%*d" % (len(str(most)), plus + minus)
        yield (
            b" %b | %b %b" % (name.ljust(width), count, bars) + b"\n"
            if bars
            else b" %b | %b\n" % (name.ljust(width), count)
        )
    plus, minus = sum(it[2] for it in rows), sum(it[3] for it in rows)
    parts = [f"{len(rows)} file{'s' * (len(rows) != 1)} changed"]
    parts += [f"{plus} insertion{'s' * (plus != 1)}(+)"] if plus or not minus else []
    parts += [f"{minus} deletion{'s' * (minus != 1)}(-)"] if minus or not plus else []
    yield f" {', '.join(parts)}\n".encode()
