"""From the bytes of a patch file to the commits in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.patching.change import Commit
from derivations.patching.errors import Malformed
from derivations.patching.messages import messages
from derivations.patching.parse import Parser, unindented


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.patching.messages import Message


_HEADS = (b"diff --git ", b"--- ", b"+++ ", b"@@ -")


def commits(data: bytes, patch: str, strip: int = 1) -> list[Commit]:
    """Return the commits in the patch file *data*, in their order; letters that only say something are left out.

    Raises:
        Malformed: it is empty, changes nothing, or one of its changes is not as it should be.
    """
    if not data.strip():
        raise Malformed(patch, 0, "it is empty", "is the file the right one, and was it fetched whole?")
    found = [commit for message in messages(data) if (commit := _commit(message, patch, strip)).changes]
    if not found:
        advice = "a change begins with the line `diff --git`, or with `---`, `+++` and `@@` one below the other"
        raise Malformed(patch, 0, "it changes nothing: no line in it begins the change of a file", advice)
    if len(found) == 1:  # its title says no more than the patch's name
        return [Commit(title="", changes=found[0].changes, remarks=found[0].remarks)]
    return found


def _commit(message: Message, patch: str, strip: int) -> Commit:
    lines: Sequence[bytes] = message.lines
    remarks = []
    if _is_converted(lines):
        lines = [line.removesuffix(b"\r\n") + b"\n" if line.endswith(b"\r\n") else line for line in lines]
        remarks.append("its lines end in CR LF, those that name files too; they are taken as if they ended in LF")
    parser = Parser(patch, lines, message.first, strip)
    changes = parser.changes()
    if not changes:
        lines, indent = unindented(lines)
        if indent:
            parser = Parser(patch, lines, message.first, strip)
            changes = parser.changes()
            remarks.append(f"it is indented by {indent} blanks, which are left out")
    return Commit(title=message.title, changes=tuple(changes), remarks=(*remarks, *dict.fromkeys(parser.remarks)))


def _is_converted(lines: Sequence[bytes]) -> bool:
    """Return whether every line that git and diff write themselves ends in CR LF: then the patch was converted."""
    heads = [line for line in lines if line.startswith(_HEADS)]
    return bool(heads) and all(line.endswith(b"\r\n") for line in heads)
