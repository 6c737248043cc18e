"""Tests of derivations.patching.write: patches that git and kernix apply, as git writes them."""

from __future__ import annotations

import os
import subprocess

from typing import TYPE_CHECKING

import pytest

from hypothesis import given
from hypothesis import strategies as st

from derivations.patching.apply import Rules, apply
from derivations.patching.read import commits
from derivations.patching.tree import PatchedTree, TreeEntry
from derivations.patching.write import EXECUTABLE, FILE, LINK, Letter, Node, file_diff, mail
from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path


LETTER = Letter(author="Ada Lovelace <ada@example.org>", date=0, subject="Change it", version="kernix 1")
TEXT = b"".join(b"line %d\n" % number for number in range(40))

Change = tuple[Node | None, Node | None]

CHANGES: dict[str, dict[str, Change]] = {
    "a line": {"a/b.c": (Node(FILE, TEXT), Node(FILE, TEXT.replace(b"line 20\n", b"other\n")))},
    "both ends": {"b": (Node(FILE, TEXT), Node(FILE, b"first\n" + TEXT + b"last\n"))},
    "a new file": {"new/dir/x": (None, Node(FILE, b"one\ntwo\n"))},
    "a new program": {"x": (None, Node(EXECUTABLE, b"#!/bin/sh\n"))},
    "an empty file": {"x": (None, Node(FILE, b""))},
    "a deleted file": {"x": (Node(FILE, b"one\n"), None), "keep": (Node(FILE, b"1\n"), Node(FILE, b"2\n"))},
    "a deleted empty file": {"x": (Node(FILE, b""), None), "keep": (Node(FILE, b"1\n"), Node(FILE, b"2\n"))},
    "no line feed at the end": {"x": (Node(FILE, b"one\ntwo"), Node(FILE, b"one\nthree"))},
    "a line feed added": {"x": (Node(FILE, b"one\ntwo"), Node(FILE, b"one\ntwo\n"))},
    "a mode": {"x": (Node(FILE, b"one\n"), Node(EXECUTABLE, b"one\n"))},
    "mode and content": {"x": (Node(EXECUTABLE, b"one\n"), Node(FILE, b"two\n"))},
    "a link": {"x": (None, Node(LINK, b"a/b"))},
    "a link elsewhere": {"x": (Node(LINK, b"a"), Node(LINK, b"b"))},
    "a link for a file": {"x": (Node(FILE, b"one\n"), Node(LINK, b"b"))},
    "bytes": {"x": (Node(FILE, b"\0" + bytes(range(256))), Node(FILE, b"\0" + os.urandom(3000)))},
    "text to bytes": {"x": (Node(FILE, b"one\n"), Node(FILE, b"\0one\n"))},
    "new bytes": {"x": (None, Node(FILE, bytes(range(53))))},
    "deleted bytes": {"x": (Node(FILE, b"\0"), None), "keep": (Node(FILE, b"1\n"), Node(FILE, b"2\n"))},
    "CR LF": {"x": (Node(FILE, b"one\r\ntwo\r\n"), Node(FILE, b"one\r\nthree\r\n"))},
    "names": {'a b/c\t"d"\\\xe4': (Node(FILE, b"1\n"), Node(FILE, b"2\n")), "x y": (None, Node(FILE, b"2\n"))},
    "lines like headers": {"x": (Node(FILE, b"-- \na\n"), Node(FILE, b"++ b\nFrom x\n---\n"))},
    "latin 1": {"x": (Node(FILE, b"caf\xe9\n"), Node(FILE, b"caf\xe9s\n"))},
}


@pytest.mark.parametrize("name", CHANGES)
def test_kernix_applies_it(name: str) -> None:
    """Our own engine applies what was written, without a remark."""
    changes = CHANGES[name]
    assert applied(changes) == {path: after for path, (_, after) in changes.items()}


@pytest.mark.parametrize("name", CHANGES)
def test_git_applies_it(name: str, tmp_path: Path) -> None:
    """`git am` applies what was written, with the author and the subject."""
    changes = CHANGES[name]
    git(tmp_path, "init", "-q")
    for path, (before, _) in changes.items():
        put(tmp_path / path, before)
    (tmp_path / "always").touch()
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "before")
    git(tmp_path, "am", "-q", given=mail(LETTER, changes))

    assert {path: taken(tmp_path / path) for path in changes} == {path: after for path, (_, after) in changes.items()}
    assert git(tmp_path, "log", "-1", "--format=%an <%ae> %s") == b"Ada Lovelace <ada@example.org> Change it\n"
    assert git(tmp_path, "status", "--porcelain") == b""


@pytest.mark.parametrize(
    "name", ["a line", "both ends", "a new file", "a mode", "mode and content", "no line feed at the end", "names"]
)
def test_as_git_writes_it(name: str, tmp_path: Path) -> None:
    """The diff is the one that git makes."""
    git(tmp_path, "init", "-q")
    for side in (0, 1):
        for path, nodes in CHANGES[name].items():
            put(tmp_path / path, nodes[side])
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", "it", "--allow-empty")
    ours = b"".join(file_diff(path, *nodes) for path, nodes in sorted(CHANGES[name].items()))
    assert ours == git(tmp_path, "diff", "--abbrev=12", "HEAD~", "HEAD")


def test_the_mail() -> None:
    """A patch begins like a mail, says what it changes, and ends with a signature."""
    text = mail(Letter(author="Zoë <z@x>", date=0, subject="Größe\nändern", body="Why.\n\n--- so\n"), CHANGES["a line"])
    assert text.startswith(
        b"From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
        b"From: =?utf-8?q?Zo=C3=AB?= <z@x>\nDate: Thu, 01 Jan 1970 00:00:00 -0000\nSubject: [PATCH] =?utf-8?"
    )
    assert (
        b"\n\nWhy.\n\n --- so\n\n---\n a/b.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\ndiff --git "
        in text
    )
    assert text.endswith(b"\n-- \nkernix\n\n")


lines = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"c\n", b"int f(void)\n", b"\n", b"{\n", b"\xff\n"]), max_size=30
).map(b"".join)


@given(lines, lines)
def test_any_text(old: bytes, new: bytes) -> None:
    """Applying the diff of two texts to one gives the other."""
    changes: dict[str, Change] = {"x": (Node(FILE, old), Node(FILE, new))}
    if old != new:
        assert applied(changes) == {"x": Node(FILE, new)}


def applied(changes: dict[str, Change]) -> dict[str, Node | None]:
    """Return the files of *changes* after kernix has applied their patch, which must not be remarked upon."""
    remarks: list[str] = []
    before = {path: nodes[0] for path, nodes in changes.items()}
    found = commits(mail(LETTER, changes), "it", 1)
    state = apply(Rules(name="it", max_fuzz=0), list(found), PatchedTree(Nodes(before)), remarks.append)
    assert remarks == []
    return {path: back(state.changed.get(path)) if path in state.changed else before[path] for path in changes}


def back(entry: TreeEntry | None) -> Node | None:
    if entry is None:
        return None
    return Node(LINK if entry.link else EXECUTABLE if entry.executable else FILE, bytes(entry.data))


class Nodes:
    """A tree in memory."""

    def __init__(self, nodes: dict[str, Node | None]) -> None:
        self.nodes = nodes

    def entry(self, path: str) -> TreeEntry | None:
        """Return the file or link at *path*."""
        node = self.nodes.get(path)
        return (
            None if node is None else TreeEntry(node.data, executable=node.mode == EXECUTABLE, link=node.mode == LINK)
        )

    def is_directory(self, path: str) -> bool:
        """Return whether *path* is a directory."""
        return any(it.startswith(f"{path}/") for it, node in self.nodes.items() if node is not None)


def git(place: Path, *words: str, given: bytes | None = None) -> bytes:
    settings = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "core.autocrlf=false"]
    done = subprocess.run([program("git"), *settings, *words], cwd=place, input=given, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout


def put(place: Path, node: Node | None) -> None:
    if place.is_symlink() or place.exists():
        place.unlink()
    if node is None:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if node.mode == LINK:
        place.symlink_to(os.fsdecode(node.data))
    else:
        place.write_bytes(node.data)
        place.chmod(0o755 if node.mode == EXECUTABLE else 0o644)


def taken(place: Path) -> Node | None:
    if place.is_symlink():
        return Node(LINK, os.fsencode(place.readlink()))
    if not place.exists():
        return None
    return Node(EXECUTABLE if place.stat().st_mode & 0o100 else FILE, place.read_bytes())
