"""Read the commits in a patch file."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs

from derivations.patching.change import Commit
from derivations.patching.errors import Malformed
from derivations.patching.messages import messages
from derivations.patching.parse import Parser, shown, unindented


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.patching.messages import Message


_BOM = b"\xef\xbb\xbf"
_NO_PATCH = [
    (
        rb"\A(?:\xff\xfe|\xfe\xff)",
        "it is text in UTF-16, as written by PowerShell's `>`",
        "convert it to UTF-8, or make it with `git diff --output=FILE`",
    ),
    (
        rb"(?i)\A\s*<(?:!doctype|html|\?xml)",
        "it is a web page",
        "fetch the patch itself: its address often ends in .patch, or has /raw/ in it",
    ),
    (rb"(?m)^\x1b\[[0-9;]*m", "its lines contain terminal colours", "make it with `git diff --no-color`"),
    (
        rb"(?m)^> ?(?:diff --git |--- .*\n> ?\+\+\+ )",
        "it is quoted, as in a reply to a mail",
        "get the original mail",
    ),
    (
        rb"(?m)^\d+(?:,\d+)?(?:[acd]\d+(?:,\d+)?\r?\n[<>] |[acd]\r?$)",
        "it is a diff without context and file names",
        "make a unified one: `diff -u`",
    ),
]
"""Things mistaken for a patch: how to recognise them, what they are, and what to do."""


def commits(data: bytes, patch: str, strip: int = 1) -> list[Commit]:
    """Return the commits in the patch file *data*, in their order; letters that only say something are left out.

    Raises:
        Malformed: it is empty, changes nothing, or one of its changes is malformed.
    """
    if not data.strip():
        raise Malformed(patch, 0, "it is empty", "check that it is the right file, and complete")
    text = data.removeprefix(_BOM)
    mails = messages(text)
    found = [it for mail in mails if (it := _commit(mail, mail.lines, patch, strip)).changes]
    if not found:
        found = [it for mail in mails if (it := _unindented(mail, patch, strip)).changes]
    if not found:
        raise _no_patch(data, patch)
    if len(text) < len(data):
        remark = "it begins with a byte order mark, which was ignored"
        found[0] = attrs.evolve(found[0], remarks=(remark, *found[0].remarks))
    if len(found) == 1:  # its title says no more than the patch's name
        found[0] = attrs.evolve(found[0], title="")
    return found


def _commit(message: Message, lines: Sequence[bytes], patch: str, strip: int) -> Commit:
    """Return the changes in *lines*, those of *message*."""
    parser = Parser(patch, lines, message.first, strip)
    changes = tuple(parser.changes())
    remarks = []
    if crlf := sum(it.crlf for it in changes):
        whose = "its lines" if crlf == len(changes) else f"the lines of {crlf} of its {len(changes)} changes"
        kind = "line endings follow each file, and are LF in new files"
        remarks.append(f"{whose} end in CR LF, including those with file names; {kind}")
    if changes and message.flowed:
        remarks.append("it was sent as format=flowed, where mailers remove and add spaces")
    return Commit(title=message.title, changes=changes, remarks=(*remarks, *dict.fromkeys(parser.remarks)))


def _unindented(message: Message, patch: str, strip: int) -> Commit:
    """Return the changes in *message* without the indentation of its lines."""
    lines, indent = unindented(message.lines)
    commit = _commit(message, lines if indent else (), patch, strip)
    return attrs.evolve(commit, remarks=(*commit.remarks, f"it is indented by {indent} characters, which were removed"))


def _no_patch(data: bytes, patch: str) -> Malformed:
    """Return the error for *data* without changes."""
    for form, kind, advice in _NO_PATCH:
        if (match := re.search(form, data)) is not None:
            line = data.count(b"\n", 0, match.start()) + 1 if match.start() else 0
            return Malformed(patch, line, kind, advice)
    advice = "a change begins with `diff --git`, or with `---`, `+++` and `@@` on consecutive lines"
    begins = shown(data.strip().partition(b"\n")[0])
    reason = f"it changes nothing: no line begins a change of a file; the first line is `{begins}`"
    return Malformed(patch, 0, reason, advice)
