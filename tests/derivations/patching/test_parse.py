"""Tests for derivations.patching.parse; what its result does to trees is in test_apply.py."""

from __future__ import annotations

import pytest

from derivations.patching.read import commits


PLAIN = b"--- a/Makefile\n+++ b/Makefile\n@@ -2,2 +2,2 @@\n line 2\n-line 3\n+line three and\n"


@pytest.mark.parametrize(
    ("after", "line"),
    [
        pytest.param(b" four\n", "four", id="wrapped"),
        pytest.param(b"four\n", "four", id="wrapped-at-a-word"),
        pytest.param(b"-- \n2.39.5\n", None, id="signature"),
        pytest.param(b"\nSome words.\n", None, id="words-after-a-blank-line"),
        pytest.param(PLAIN.replace(b"Makefile", b"Kbuild"), None, id="next-file"),
        pytest.param(b"diff -u a/Kbuild b/Kbuild\n" + PLAIN.replace(b"Makefile", b"Kbuild"), None, id="diff"),
        pytest.param(b"Index: Kbuild\n=====\n" + PLAIN.replace(b"Makefile", b"Kbuild"), None, id="quilt"),
    ],
)
def test_the_rest_of_a_wrapped_line_is_reported(after: bytes, line: str | None) -> None:
    """If a mailer wraps the last line of a hunk, its header still holds; the rest is reported, and other lines are not."""
    remarks = [text for it in commits(PLAIN + after, "fix", 1) for text in it.remarks]
    expected = [] if line is None else [f"line 7: `{line}` follows a hunk"]
    assert expected == [it.partition(" and ")[0] for it in remarks]
