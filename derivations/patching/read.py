"""From the bytes of a patch file to the commits in it."""

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
        "it is text in UTF-16, as PowerShell's `>` writes it",
        "convert it to UTF-8, or make it with `git diff --output=FILE`",
    ),
    (
        rb"(?i)\A\s*<(?:!doctype|html|\?xml)",
        "it is a web page",
        "fetch the patch itself: its address often ends in .patch, or has /raw/ in it",
    ),
    (rb"(?m)^\x1b\[[0-9;]*m", "its lines have a terminal's colours in them", "make it with `git diff --no-color`"),
    (
        rb"(?m)^> ?(?:diff --git |--- .*\n> ?\+\+\+ )",
        "it is quoted, as in the reply to a mail",
        "get the mail that is replied to",
    ),
    (
        rb"(?m)^\d+(?:,\d+)?(?:[acd]\d+(?:,\d+)?\r?\n[<>] |[acd]\r?$)",
        "it is a diff without context and names",
        "make a unified one: `diff -u`",
    ),
]
"""What is given instead of a patch: how it is known, what it is, and what to do."""


def commits(data: bytes, patch: str, strip: int = 1, *, is_named: bool = True) -> list[Commit]:
    """Return the commits in the patch file *data*, in their order; letters that only say something are left out.

    The title of a single commit is left out, too, if *is_named*: the name of the patch says as much.

    Raises:
        Malformed: it is empty, changes nothing, or one of its changes is not as it should be.
    """
    if not data.strip():
        raise Malformed(patch, 0, "it is empty", "is the file the right one, and was it fetched whole?")
    text = data.removeprefix(_BOM)
    letters = messages(text)
    found = [it for letter in letters if (it := _commit(letter, letter.lines, patch, strip)).changes]
    if not found:
        found = [it for letter in letters if (it := _unindented(letter, patch, strip)).changes]
    if not found:
        raise _no_patch(data, patch)
    if len(text) < len(data):
        remark = "it begins with a byte order mark, which is left out"
        found[0] = attrs.evolve(found[0], remarks=(remark, *found[0].remarks))
    if len(found) == 1 and is_named:
        found[0] = attrs.evolve(found[0], title="")
    return found


def _commit(message: Message, lines: Sequence[bytes], patch: str, strip: int) -> Commit:
    """Return what *lines*, those of *message*, change."""
    parser = Parser(patch, lines, message.first, strip)
    changes = tuple(parser.changes())
    remarks = []
    if crlf := sum(it.crlf for it in changes):
        whose = "its lines" if crlf == len(changes) else f"the lines of {crlf} of its {len(changes)} changes"
        kind = "they are taken to end as those of each file do, and in LF in new ones"
        remarks.append(f"{whose} end in CR LF, those that name files too; {kind}")
    if changes and message.flowed:
        remarks.append("it was sent as format=flowed, with which mailers take and add blanks")
    return Commit(title=message.title, changes=changes, remarks=(*remarks, *dict.fromkeys(parser.remarks)))


def _unindented(message: Message, patch: str, strip: int) -> Commit:
    """Return what *message* changes if the blanks before its lines are left out."""
    lines, indent = unindented(message.lines)
    commit = _commit(message, lines if indent else (), patch, strip)
    return attrs.evolve(commit, remarks=(*commit.remarks, f"it is indented by {indent} blanks, which are left out"))


def _no_patch(data: bytes, patch: str) -> Malformed:
    """Return what is to be said of *data* that change nothing."""
    for form, kind, advice in _NO_PATCH:
        if (match := re.search(form, data)) is not None:
            line = data.count(b"\n", 0, match.start()) + 1 if match.start() else 0
            return Malformed(patch, line, kind, advice)
    advice = "a change begins with the line `diff --git`, or with `---`, `+++` and `@@` one below the other"
    begins = shown(data.strip().partition(b"\n")[0])
    reason = f"it changes nothing: no line in it begins the change of a file; its first one is `{begins}`"
    return Malformed(patch, 0, reason, advice)
