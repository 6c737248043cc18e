"""Tests for derivations.patching.apply: forms of patches, compared with git."""

from __future__ import annotations

import base64
import quopri
import shutil

from typing import TYPE_CHECKING, Any

import pytest

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from derivations.patching.errors import AlreadyApplied, DoesNotApply, Malformed
from derivations.patching.tree import TreeEntry
from tests.derivations.patching import trees
from tests.derivations.patching.trees import files, patched


if TYPE_CHECKING:
    from pathlib import Path


LINES = "".join(f"line {number}\n" for number in range(1, 31))
CASES = "".join(f"\tcase {number}:\n\t\treturn true;\n" for number in range(5))
TREE = {
    **files(Makefile=LINES, drivers__net__a_c=LINES, kernel__fork_c=LINES, empty="", table_c=CASES),
    "drivers/net/b c.h": TreeEntry(LINES.encode()),
    "scripts/run": TreeEntry(b"#!/bin/sh\n", executable=True),
    "link": TreeEntry(b"Makefile", link=True),
    "dir/link": TreeEntry(b"../kernel", link=True),
}
HUNK = "@@ -2,3 +2,3 @@ line 1\n line 2\n-line 3\n+line three\n line 4\n"
PLAIN = f"--- a/Makefile\n+++ b/Makefile\n{HUNK}"
GIT = f"diff --git a/Makefile b/Makefile\nindex 1111111..2222222 100644\n{PLAIN}"
NEW = "--- /dev/null\n+++ b/drivers/new/x.c\n@@ -0,0 +1,2 @@\n+one\n+two\n"
GONE = "".join(f"-{line}" for line in LINES.splitlines(keepends=True))
DELETE = f"--- a/kernel/fork.c\n+++ /dev/null\n@@ -1,30 +0,0 @@\n{GONE}"
RENAME = "diff --git a/kernel/fork.c b/kernel/clone.c\nsimilarity index 100%\nrename from kernel/fork.c\nrename to kernel/clone.c\n"
EDITED = f"diff --git a/kernel/clone.c b/kernel/clone.c\n--- a/kernel/clone.c\n+++ b/kernel/clone.c\n{HUNK}"


def mail(body: str, *, subject: str = "[PATCH] fix it", headers: str = "") -> str:
    """Return *body* as a mail in a mailbox."""
    head = f"From {'1' * 40} Mon Sep 17 00:00:00 2001\nFrom: A B <a@b>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
    return f"{head}Subject: {subject}\n{headers}\n{body}"


TAKEN_BY_GIT = {
    "plain": PLAIN,
    "git": GIT,
    "prose-around": f"Fix it.\n\nSigned-off-by: A\n---\n Makefile | 2 +-\n\n{GIT}-- \n2.39.5\n",
    "path-in-the-message": f"Some words:\n\n--- x/../y\nmore words\n+++ z\n\n{GIT}",
    "indented-diff-in-the-message": f"    --- a/nowhere\n    +++ b/nowhere\n    @@ -1 +1 @@\n    -a\n    +b\n\n{GIT}",
    "offset": PLAIN.replace("-2,3 +2,3", "-7,3 +7,3"),
    "tab-before-the-time": PLAIN.replace("/Makefile\n", "/Makefile\t2024-01-01 00:00:00.000000000 +0000\n"),
    "blanks-before-the-time": PLAIN.replace("/Makefile\n", "/Makefile 2024-01-01 00:00:00.000000000 +0000\n"),
    "time-of-the-epoch": "--- a/new.c\t1970-01-01 00:00:00.000000000 +0000\n+++ b/new.c\t2024-01-01 00:00:00 +0000\n@@ -0,0 +1 @@\n+x\n",
    "time-of-the-epoch-in-another-zone": "--- a/new.c\t1970-01-01 01:00:00.000000000 +0100\n+++ b/new.c\t2024-01-01 00:00:00 +0100\n@@ -0,0 +1 @@\n+x\n",
    "taken-blank-context": PLAIN.replace(" line 4\n", " line 4\n").replace("Makefile", "blank"),
    "new-file": NEW,
    "new-empty-file": "diff --git a/x/y b/x/y\nnew file mode 100644\nindex 0000000..e69de29\n",
    "new-executable": "diff --git a/x b/x\nnew file mode 100755\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+#!/bin/sh\n",
    "new-link": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+empty\n\\ No newline at end of file\n",
    "deleted": DELETE,
    "deleted-by-git": "diff --git a/kernel/fork.c b/kernel/fork.c\ndeleted file mode 100644\n" + DELETE,
    "deleted-empty-file": "diff --git a/empty b/empty\ndeleted file mode 100644\nindex e69de29..0000000\n",
    "deleted-link": "diff --git a/link b/link\ndeleted file mode 120000\n--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-Makefile\n\\ No newline at end of file\n",
    "changed-link": "diff --git a/link b/link\nindex 1111111..2222222 120000\n--- a/link\n+++ b/link\n@@ -1 +1 @@\n-Makefile\n\\ No newline at end of file\n+empty\n\\ No newline at end of file\n",
    "link-becomes-file": "diff --git a/link b/link\ndeleted file mode 120000\n--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-Makefile\n\\ No newline at end of file\ndiff --git a/link b/link\nnew file mode 100644\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+x\n",
    "mode-only": "diff --git a/Makefile b/Makefile\nold mode 100644\nnew mode 100755\n",
    "mode-taken-away": "diff --git a/scripts/run b/scripts/run\nold mode 100755\nnew mode 100644\n",
    "mode-and-content": GIT.replace("index", "old mode 100644\nnew mode 100755\nindex").replace(" 100644\n---", "\n---"),
    "executable-stays-executable": "--- a/scripts/run\n+++ b/scripts/run\n@@ -1 +1,2 @@\n #!/bin/sh\n+true\n",
    "rename": RENAME,
    "rename-and-change": RENAME.replace("100%", "95%") + f"--- a/kernel/fork.c\n+++ b/kernel/clone.c\n{HUNK}",
    "copy": RENAME.replace("rename ", "copy "),
    "two-files-change-names": "diff --git a/Makefile b/table.c\nsimilarity index 100%\nrename from Makefile\nrename to table.c\ndiff --git a/table.c b/Makefile\nsimilarity index 100%\nrename from table.c\nrename to Makefile\n",
    "name-with-a-space": PLAIN.replace("a/Makefile", "a/drivers/net/b c.h\t").replace("b/Makefile", "b/drivers/net/b c.h\t"),
    "git-name-with-a-space": "diff --git a/drivers/net/b c.h b/drivers/net/b c.h\nold mode 100644\nnew mode 100755\n",
    "quoted-name": 'diff --git "a/\\303\\274\\t.c" "b/\\303\\274\\t.c"\nnew file mode 100644\n--- /dev/null\n+++ "b/\\303\\274\\t.c"\n@@ -0,0 +1 @@\n+x\n',
    "other-prefixes": PLAIN.replace("a/", "linux-6.12.orig/").replace("b/", "linux-6.12/"),
    "mnemonic-prefixes": GIT.replace("a/", "i/").replace("b/", "w/"),
    "no-newline-added": "--- a/empty\n+++ b/empty\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n",
    "headers-without-a-blank-line": f"From: A B <a@b>\nSubject: x\n words\n{PLAIN}\n{PLAIN.replace('Makefile', 'kernel/fork.c')}",
    "mail-without-a-blank-line": f"From {'1' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: x\n{PLAIN}",
    "new-for-subversion": "Index: new.c\n===\n--- a/new.c\t(nonexistent)\n+++ b/new.c\t(working copy)\n@@ -0,0 +1 @@\n+x\n",
    "new-by-its-hunk-alone": "--- a/new/x.c\n+++ b/new/x.c\n@@ -0,0 +1 @@\n+x\n",
    "emptied-by-its-hunk-alone": DELETE.replace("/dev/null", "b/kernel/fork.c"),
    "quoted-new-at-the-epoch": '--- "a/\\303\\274"\t1970-01-01 00:00:00.0 +0000\n+++ "b/\\303\\274"\t2024-01-01 00:00:00.0 +0000\n@@ -0,0 +1 @@\n+x\n',
    "quoted-gone-at-the-epoch": '--- "a/drivers/net/b c.h"\t2024-01-01 00:00:00.0 +0000\n+++ "b/drivers/net/b c.h"\t1969-12-31 19:00:00.0 -0500\n@@ -1,30 +0,0 @@\n' + GONE,
    "blanks-behind-dev-null": NEW.replace("/dev/null", "/dev/null  "),
    "of-mercurial": PLAIN.replace("a/Makefile", "a/Makefile\tThu Jan 01 00:00:00 1970 +0000").replace("b/Makefile", "b/Makefile\tMon Mar 04 10:00:00 2024 +0100"),
    "file-becomes-link": "diff --git a/empty b/empty\ndeleted file mode 100644\nindex e69de29..0000000\ndiff --git a/empty b/empty\nnew file mode 120000\n--- /dev/null\n+++ b/empty\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n",
    "carriage-return-without-a-line-feed": "--- a/empty\n+++ b/empty\n@@ -0,0 +1 @@\n+x\r\n\\ No newline at end of file\n",
    "one-file-twice": PLAIN + PLAIN.replace("-line 3\n+line three", "-line three\n+line 3 again"),
    "nearest-of-many": "--- a/table.c\n+++ b/table.c\n@@ -5,2 +5,3 @@\n \t\treturn true;\n+\tcase 9:\n \tcase 3:\n",
}  # fmt: skip


@pytest.mark.parametrize("form", TAKEN_BY_GIT)
def test_what_git_accepts_gives_the_same_tree(form: str, tmp_path: Path) -> None:
    """A patch that `git apply` accepts makes the same tree, including modes, without remarks."""
    tree = {**TREE, "blank": TreeEntry(LINES.encode())}
    expected = trees.git(tree, TAKEN_BY_GIT[form].encode(), tmp_path / "git")
    assert expected is not None
    assert expected != tree
    assert patched(tree, TAKEN_BY_GIT[form]) == (expected, [])


@pytest.mark.parametrize("form", TAKEN_BY_GIT)
def test_a_patch_is_recognised_in_its_own_result(form: str) -> None:
    """A patch is recognised in the tree that it made, and dropped if the rules allow."""
    if form in {"copy", "two-files-change-names"}:  # nothing takes the one back, and the other is its own contrary
        return
    tree = {**TREE, "blank": TreeEntry(LINES.encode())}
    made, _ = patched(tree, TAKEN_BY_GIT[form])
    with pytest.raises(AlreadyApplied):
        patched(made, TAKEN_BY_GIT[form])
    assert patched(made, TAKEN_BY_GIT[form], drop_applied=True) == (
        made,
        ["patch 'fix' is already in the tree, and left out"],
    )


def test_git_binary_patches(tmp_path: Path) -> None:
    """Git's binary patches, literal and delta, give the same result as git, and only for the right old file."""
    old = {"fw.bin": TreeEntry(bytes(range(256)) * 40), "gone.bin": TreeEntry(b"\0\1\2")}
    new = {
        "fw.bin": TreeEntry(bytes(range(256)) * 20 + b"new" + bytes(range(256)) * 20),
        "made.bin": TreeEntry(b"\0new"),
    }
    patch = trees.diff(old, new, tmp_path / "diff", "--binary")
    assert b"delta" in patch
    assert b"literal" in patch
    assert patched(old, patch) == (new, [])
    assert trees.git(old, patch, tmp_path / "git") == new
    with pytest.raises(AlreadyApplied):
        patched(new, patch)
    with pytest.raises(DoesNotApply, match=r"fw\.bin: not the binary file that the patch is for"):
        patched({**old, "fw.bin": TreeEntry(bytes(range(256)) * 40 + b"x")}, patch)


FUZZY = PLAIN.replace("@@ -2,3 +2,3 @@ line 1\n line 2\n", "@@ -1,4 +1,4 @@\n line one\n line 2\n")


def test_fuzz_is_reported(tmp_path: Path) -> None:
    """What fits only with fuzz gives the same result as `patch`, and is reported with file, line and fuzz."""
    made, remarks = patched(TREE, FUZZY)
    if shutil.which("patch"):
        assert made == trees.gnu(TREE, FUZZY.encode(), tmp_path / "gnu")
    assert made["Makefile"].data.decode() == LINES.replace("line 3\n", "line three\n", 1)
    assert remarks == ["patch 'fix': Makefile hunk 1 was applied at line 2 with fuzz 1: 1 line of its context left out"]


def test_fuzz_can_be_refused() -> None:
    """With `max_fuzz=0`, a patch that needs fuzz does not apply."""
    with pytest.raises(DoesNotApply, match=r"Makefile hunk 1 at line 1 \(line 3 of the patch\)"):
        patched(TREE, FUZZY, max_fuzz=0)


def test_repeated_context_does_not_apply_a_patch_twice() -> None:
    """If context repeats, an applied patch would fit once more; it is recognised first."""
    add = "--- a/table.c\n+++ b/table.c\n@@ -3,4 +3,6 @@\n \tcase 1:\n \t\treturn true;\n+\tcase 9:\n+\t\treturn true;\n \tcase 2:\n \t\treturn true;\n"
    list_of = "--- a/ids.c\n+++ b/ids.c\n@@ -2,6 +2,7 @@\n \t{ X },\n \t{ X },\n \t{ X },\n+\t{ X },\n \t{ X },\n \t{ X },\n \t{ X },\n"
    for patch in (add, list_of):
        tree = {**TREE, "ids.c": TreeEntry(b"\t{ X },\n" * 9)}
        made, _ = patched(tree, patch)
        assert made != tree
    with pytest.raises(AlreadyApplied):
        patched(patched(TREE, add)[0], add)
    with pytest.raises(AlreadyApplied):  # nothing but the first time tells, among equal lines
        patched({**TREE, "ids.c": TreeEntry(b"\t{ X },\n" * 9)}, mail(list_of) + mail(list_of))


def test_a_file_becomes_a_directory() -> None:
    """A patch may replace a file with a directory, and the other way round."""
    delete = "diff --git a/empty b/empty\ndeleted file mode 100644\nindex e69de29..0000000\n"
    inside = "diff --git a/empty/x b/empty/x\nnew file mode 100644\n--- /dev/null\n+++ b/empty/x\n@@ -0,0 +1 @@\n+x\n"
    made, _ = patched(TREE, delete + inside)
    assert ("empty" in made, made["empty/x"].data) == (False, b"x\n")
    gone = "--- a/empty/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    again = "diff --git a/empty b/empty\nnew file mode 100644\nindex 0000000..e69de29\n"
    assert patched(made, gone + again)[0] == TREE


# Mails


def test_quoted_printable(tmp_path: Path) -> None:
    """A quoted-printable mail is decoded before it is applied."""
    body = PLAIN.replace("line three", "x = 'ü'; " + "long " * 30)
    encoded = quopri.encodestring(body.encode()).decode()
    assert "=3D" in encoded
    made, remarks = patched(TREE, mail(encoded, headers="Content-Transfer-Encoding: quoted-printable\n"))
    assert (made, remarks) == (trees.git(TREE, body.encode(), tmp_path / "git"), [])


def test_base64(tmp_path: Path) -> None:
    """A mail in base64 is decoded before it is applied, with or without a `From ` line before it."""
    text = mail(base64.encodebytes(GIT.encode()).decode(), headers="Content-Transfer-Encoding: base64\n")
    for it in (text, text.partition("\n")[2]):
        assert patched(TREE, it) == (trees.git(TREE, GIT.encode(), tmp_path / "git"), [])


def test_attachments(tmp_path: Path) -> None:
    """The parts of a mail are applied one after the other, as in `git am`."""
    part = base64.encodebytes(GIT.encode()).decode()
    body = f"--XX\nContent-Type: text/plain\n\nWords.\n--XX\nContent-Type: text/x-patch\nContent-Transfer-Encoding: base64\n\n{part}\n--XX--\n"
    text = mail(body, headers='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="XX"\n')
    assert patched(TREE, text) == (trees.git(TREE, GIT.encode(), tmp_path / "git"), [])


def test_a_series_in_one_mailbox() -> None:
    """Each mail is a commit: one may change a file that an earlier one renamed; a cover letter is not a commit."""
    series = mail("*** words ***\n", subject="[PATCH 0/2] cover") + mail(RENAME + "-- \n2.39\n\n") + mail(EDITED)
    made, remarks = patched(TREE, series)
    assert ("kernel/fork.c" in made, remarks) == (False, [])
    assert made["kernel/clone.c"].data.decode() == LINES.replace("line 3\n", "line three\n", 1)


def test_commits_already_in_the_tree_are_named_and_dropped() -> None:
    """Commits of a series that the tree already has are an error with their subject, or dropped and reported."""
    series = mail(PLAIN, subject="[PATCH 1/2] first one") + mail(NEW, subject="=?utf-8?q?=5BPATCH_2/2=5D_z=C3=BC?=")
    half, _ = patched(TREE, PLAIN)
    with pytest.raises(AlreadyApplied) as caught:
        patched(half, series)
    assert caught.value.title == "first one"
    made, remarks = patched(half, series, drop_applied=True)
    assert (made, remarks) == (
        patched(TREE, series)[0],
        ["patch 'fix' is already in the tree, and left out: first one"],
    )
    assert patched(made, series, drop_applied=True)[1][1] == "patch 'fix' is already in the tree, and left out: zü"


def test_commits_that_later_ones_have_changed_are_found() -> None:
    """If the tree has two commits, the second of which changes lines of the first, both are dropped."""
    again = PLAIN.replace("-line 3\n+line three", "-line three\n+line 3 again")
    series = mail(PLAIN, subject="one") + mail(again, subject="two") + mail(NEW, subject="three")
    tree, _ = patched(TREE, mail(PLAIN) + mail(again))
    made, remarks = patched(tree, series, drop_applied=True)
    assert [it.rpartition(": ")[2] for it in remarks] == ["one", "two"]
    assert made == patched(TREE, series)[0]


# Forms that git refuses and other programs accept


def test_carriage_returns_are_reported() -> None:
    """A patch with CR LF on every line, including headers, is applied with LF and reported."""
    made, remarks = patched(TREE, GIT.replace("\n", "\r\n"))
    assert made == patched(TREE, GIT)[0]
    assert [it for it in remarks if "CR LF" in it] == remarks != []


def test_carriage_returns_of_some_changes_are_reported() -> None:
    """CR LF in only some changes of a patch is reported, too, and new files get LF."""
    other = PLAIN.replace("Makefile", "kernel/fork.c")
    made, remarks = patched(TREE, PLAIN + other.replace("\n", "\r\n") + NEW.replace("\n", "\r\n"))
    assert made == patched(TREE, PLAIN + other + NEW)[0]
    assert ["2 of its 3 changes end in CR LF" in it for it in remarks] == [True]


def test_carriage_returns_of_the_file_and_the_patch(tmp_path: Path) -> None:
    """A patch with CR LF on every line keeps the CR LF of its file, as with git, and is reported."""
    tree = {"Makefile": TreeEntry(LINES.replace("\n", "\r\n").encode())}
    patch = PLAIN.replace("\n", "\r\n")
    made, remarks = patched(tree, patch)
    assert (made, len(remarks)) == (trees.git(tree, patch.encode(), tmp_path / "git"), 1)
    with pytest.raises(AlreadyApplied):
        patched(made, patch)


def test_a_byte_order_mark_is_reported() -> None:
    """A byte order mark is ignored and reported."""
    made, remarks = patched(TREE, "\ufeff" + TAKEN_BY_GIT["mode-only"] + PLAIN.replace("Makefile", "kernel/fork.c"))
    assert made == patched(TREE, TAKEN_BY_GIT["mode-only"] + PLAIN.replace("Makefile", "kernel/fork.c"))[0]
    assert ["byte order mark" in it for it in remarks] == [True]


def test_flowed_text_is_reported() -> None:
    """A format=flowed mail is applied unchanged, and reported."""
    made, remarks = patched(TREE, mail(PLAIN, headers="Content-Type: text/plain; charset=utf-8; format=flowed\n"))
    assert (made, ["format=flowed" in it for it in remarks]) == (patched(TREE, PLAIN)[0], [True])


def test_an_indented_diff_in_one_of_several_mails_is_text() -> None:
    """An indented diff in a cover letter is not applied if another mail has a patch."""
    cover = mail("".join(f"    {line}" for line in DELETE.splitlines(keepends=True)), subject="[PATCH 0/1] cover")
    assert patched(TREE, cover + mail(PLAIN)) == patched(TREE, PLAIN)


def test_carriage_returns_of_the_file_stay() -> None:
    """A patch for a file with CR LF, whose own headers have LF, is applied unchanged."""
    tree = {"dos.txt": TreeEntry(b"a\r\nb\r\nc\r\n")}
    made, remarks = patched(tree, "--- a/dos.txt\n+++ b/dos.txt\n@@ -1,3 +1,3 @@\n a\r\n-b\r\n+B\r\n c\r\n")
    assert (made["dos.txt"].data, remarks) == (b"a\r\nB\r\nc\r\n", [])


@pytest.mark.parametrize("indent", ["    ", "\t", "  "])
def test_an_indented_patch_is_reported(indent: str) -> None:
    """A diff that is indented as a whole is applied without the indentation, and reported."""
    text = "Words.\n\n" + "".join(f"{indent}{line}" for line in GIT.splitlines(keepends=True))
    made, remarks = patched(TREE, text)
    assert (made, len(remarks)) == (patched(TREE, GIT)[0], 1)
    assert "indented" in remarks[0]


def test_a_missing_last_line_feed_is_reported() -> None:
    """A patch without a final line feed is applied as if it had one, and reported."""
    made, remarks = patched(TREE, PLAIN.removesuffix("\n"))
    assert (made, remarks) == (
        patched(TREE, PLAIN)[0],
        ["patch 'fix': its last line has no line feed, which was added"],
    )


def test_directories_named_like_prefixes(tmp_path: Path) -> None:
    """In a tree with directories `a` and `b`, names that begin differently still have prefixes."""
    tree = {**TREE, "a/x": TreeEntry(b""), "b/x": TreeEntry(b"")}
    patch = "diff --git a/new.c b/new.c\nnew file mode 100644\n--- /dev/null\n+++ b/new.c\n@@ -0,0 +1 @@\n+x\n" + RENAME
    patch += (
        RENAME.replace("rename ", "copy ").replace("kernel/clone.c", "clone.c").replace("kernel/fork.c", "Makefile")
    )
    assert patched(tree, patch)[0] == trees.git(tree, patch.encode(), tmp_path / "git")


def test_without_prefixes() -> None:
    """With `strip=0`, names are used unchanged."""
    made, _ = patched(TREE, PLAIN.replace("a/", "").replace("b/", ""), strip=0)
    assert made == patched(TREE, PLAIN)[0]


# What is refused


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        pytest.param(PLAIN.replace("-line 3", "-line none"), "Makefile hunk 1 at line 2 (line 3 of the patch)", id="hunk"),
        pytest.param(PLAIN.replace("Makefile", "no.c"), "no.c: not in the tree (line 1 of the patch)", id="absent"),
        pytest.param(PLAIN.replace("Makefile", "Makefile/x"), "Makefile/x: Makefile is a file", id="below-a-file"),
        pytest.param(PLAIN.replace("Makefile", "dir/link/fork.c"), "dir/link/fork.c: dir/link is a symbolic link", id="below-a-link"),
        pytest.param(NEW.replace("drivers/new/x.c", "dir/link/x"), "dir/link/x: dir/link is not a directory", id="new-below-a-link"),
        pytest.param(NEW.replace("drivers/new/x.c", "Makefile"), "Makefile: already in the tree", id="new-is-there"),
        pytest.param(NEW.replace("drivers/new/x.c", "kernel"), "kernel: a directory", id="new-is-directory"),
        pytest.param(DELETE.replace("1,30", "1,29").replace("-line 30\n", ""), "kernel/fork.c hunk 1 at line 1", id="deletes-less"),
        pytest.param("diff --git a/Makefile b/Makefile\ndeleted file mode 100644\n", "Makefile: has more in it", id="deletes-full-file"),
        pytest.param(RENAME.replace("clone.c", "fork2.c").replace("kernel/fork2.c", "Makefile"), "Makefile: already in the tree", id="rename-onto"),
        pytest.param(GIT.replace("Makefile", "link").replace("100644", "120000"), "link hunk 1 at line 2", id="link-differs"),
        pytest.param(GIT.replace("100644", "120000"), "Makefile: not a symbolic link", id="file-not-link"),
        pytest.param(GIT.replace("Makefile", "link"), "link: a symbolic link", id="link-not-file"),
    ],
)  # fmt: skip
def test_what_does_not_apply(patch: str, problem: str, tmp_path: Path) -> None:
    """A patch for another tree is refused with file and line, as by git, and the tree stays unchanged."""
    assert trees.git(TREE, patch.encode(), tmp_path / "git") is None
    with pytest.raises(DoesNotApply) as caught:
        patched(TREE, patch, max_fuzz=0)
    assert problem in caught.value.problems[0]


@pytest.mark.parametrize(
    ("patch", "advice"),
    [
        pytest.param(PLAIN.replace("-line 3", "-line\t3"), "only in blanks", id="blanks"),
        pytest.param(PLAIN.replace("-line 3\n", "-line 3\r\n"), "CR LF or LF", id="line-endings"),
        pytest.param(PLAIN.replace("-line 3", "-lime 3"), "Makefile, line 3: the patch wants `lime 3`; there is `line 3`", id="other"),
        pytest.param("--- a/table.c\n+++ b/table.c\n@@ -3,0 +4 @@\n+x\n", "without context", id="no-context"),
        pytest.param(PLAIN.replace("-line 3", "-line\t3").replace(" line 4", " lime 4"), "the patch wants `line 3`", id="blanks-and-more"),
        pytest.param(PLAIN.replace("-line 3", "-"), "line 3: the patch wants an empty line; there is `line 3`", id="empty-line"),
        pytest.param(PLAIN.replace("-2,3 +2,3", "-20,4 +20,3").replace(" line 2", " line 25\n-line 26").replace("line 3", "lime 27").replace("line 4", "line 28"), "Makefile, line 27: the patch wants `lime 27`", id="likeliest-place"),
        pytest.param(PLAIN.replace("a/", "old/linux/").replace("b/", "new/linux/"), "with `Patch(…, strip=2)` it would be for Makefile", id="strip"),
    ],
)  # fmt: skip
def test_hints_name_the_first_difference(patch: str, advice: str) -> None:
    """The hint names the first line that differs, and whether the difference is only whitespace or line endings."""
    with pytest.raises(DoesNotApply) as caught:
        patched(TREE, patch)
    assert advice in str(caught.value.hint)


@pytest.mark.parametrize(
    ("patch", "line", "reason"),
    [
        pytest.param("", 0, "it is empty", id="empty"),
        pytest.param(" \n\n", 0, "it is empty", id="blank"),
        pytest.param("Hello\n", 0, "it changes nothing", id="prose"),
        pytest.param('{"message": "Not Found"}\n', 0, 'the first line is `{"message": "Not Found"}`', id="answer-of-a-server"),
        pytest.param("\n<!DOCTYPE html>\n<html>\n", 0, "it is a web page", id="html"),
        pytest.param("".join(f"> {line}" for line in PLAIN.splitlines(keepends=True)), 0, "it is quoted", id="quoted"),
        pytest.param("Try:\n" + GIT.replace("diff", "\33[1mdiff").replace("---", "\33[1m---").replace("@@ -", "\33[36m@@ -"), 2, "terminal colours", id="colours"),
        pytest.param("3c3\n< line 3\n---\n> line three\n", 0, "without context and file names", id="normal-diff"),
        pytest.param(f"{PLAIN}Submodule sub 1111111..2222222:\n  > words\n", 8, "sub is a submodule", id="submodule-log"),
        pytest.param("Binary files a/x and b/x differ\n", 1, "lacks their data", id="binary-files"),
        pytest.param(f"{PLAIN}Binärdateien a/x.png und b/x.png sind verschieden.\n", 8, "lacks their data", id="binary-files-in-german"),
        pytest.param(f"Les fichiers binaires a/x et b/x sont différents\r\n{PLAIN}", 1, "lacks their data", id="binary-files-in-french"),
        pytest.param(f"{PLAIN}バイナリーファイル a/x とb/x は異なります\n", 8, "lacks their data", id="binary-files-in-japanese"),
        pytest.param(f"{PLAIN}Files a/x and b/x differ\n", 8, "lacks their data", id="binary-files-of-busybox"),
        pytest.param("diff --git a/x b/x\nindex 1111111..2222222 100644\nBinary files a/x and b/x differ\n", 3, "lacks its data", id="git-binary-files"),
        pytest.param("diff --git a/x b/x\nindex 1111111..2222222 100644\nGIT binary patch\nliteral 5\nzzzz\n\n", 5, "the binary patch of x is damaged", id="binary-damaged"),
        pytest.param(PLAIN.rpartition(" line 4")[0], 6, "ends in the middle of a hunk of a/Makefile", id="cut"),
        pytest.param(GIT.partition("---")[0], 2, "lacks the change of Makefile", id="cut-after-the-head"),
        pytest.param(NEW.replace("+two\n", ""), 4, "ends in the middle of a hunk", id="cut-new-file"),
        pytest.param(PLAIN.replace("+line three", "+line\nthree"), 7, "`three` is not a line of a hunk of a/Makefile", id="wrapped"),
        pytest.param(PLAIN.replace(" line 2", "line 2"), 4, "`line 2` is not a line of a hunk", id="stripped"),
        pytest.param(PLAIN + "+line 4 and a half\n", 8, "has more lines than its header in line 3 states", id="longer-than-counted"),
        pytest.param(PLAIN.replace("+2,3", "+2,1"), 6, "does not have the lines that its header in line 3 states", id="counts-differ"),
        pytest.param(HUNK, 1, "a hunk without a file name", id="no-names"),
        pytest.param(PLAIN.replace("a/Makefile", "a/../../etc/passwd").replace("b/Makefile", "b/../../etc/passwd"), 1, "leads outside the tree", id="outside"),
        pytest.param(NEW.replace("b/drivers/new/x.c", "/etc/passwd"), 1, "is absolute", id="absolute"),
        pytest.param(NEW.replace("b/drivers/new/x.c", "x.c"), 1, "fewer than 1 directories", id="nothing-to-strip"),
        pytest.param("diff --git a/x b/y\nindex 1111111..2222222\n--- a/x\n+++ b/y\n" + HUNK, 1, "two files, x and y", id="two-names"),
        pytest.param("diff --git a/sub b/sub\nindex 1111111..2222222 160000\n--- a/sub\n+++ b/sub\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", 1, "is a submodule", id="submodule"),
        pytest.param("diff --cc x\nindex 1,2..3\n", 1, "the diff of a merge", id="merge"),
        pytest.param("*** a/x\n--- b/x\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n", 1, "a context diff", id="context-diff"),
        pytest.param(PLAIN.replace("a/Makefile", "drivers/net/a.c").replace("b/Makefile", "drivers/net/a.c"), 1, "made with `-p0`", id="p0"),
        pytest.param(NEW.replace("b/drivers/new/x.c", "drivers/new/x.c"), 1, "made with `-p0`", id="p0-new-file"),
        pytest.param("diff --git drivers/new.c drivers/new.c\nnew file mode 100644\nindex 0000000..e69de29\n", 1, "made with `-p0`", id="git-no-prefix"),
    ],
)  # fmt: skip
def test_malformed_patches(patch: str, line: int, reason: str) -> None:
    """A damaged patch, or one in an unsupported format, is refused with the line and the reason."""
    with pytest.raises(Malformed) as caught:
        patched(TREE, patch)
    assert (caught.value.line, True) == (line, reason in f"{caught.value.reason} {caught.value.hint}")


def test_text_in_utf16() -> None:
    """UTF-16 text from PowerShell is recognised."""
    with pytest.raises(Malformed, match="UTF-16"):
        patched(TREE, PLAIN.encode("utf-16"))


def test_a_partly_applied_patch() -> None:
    """If the tree has only some hunks, the error says so and names the first."""
    other = PLAIN.replace("Makefile", "kernel/fork.c")
    half, _ = patched(TREE, other)
    with pytest.raises(DoesNotApply) as caught:
        patched(half, PLAIN + other, drop_applied=True)
    assert "the tree has 1 of its 2 hunks already (kernel/fork.c hunk 1)" in str(caught.value.hint)


def test_lines_count_from_the_beginning_of_the_file() -> None:
    """Line numbers in errors count from the beginning of the file, whatever mails precede."""
    series = mail(PLAIN) + mail(PLAIN.replace(" line 2", "line 2"))
    with pytest.raises(Malformed) as caught:
        patched(TREE, series)
    assert series.splitlines()[caught.value.line - 1] == "line 2"


@pytest.mark.parametrize("line", ["Only in b/drivers: new.c", "Nur in b/drivers: new.c."])
def test_files_that_a_diff_does_not_have_are_reported(line: str) -> None:
    """`diff -r` without `-N` names the files it leaves out, in its user's language; they are reported here."""
    _, remarks = patched(TREE, f"{line}\n{PLAIN}")
    assert remarks == [f"patch 'fix': line 1: `{line}`: the patch lacks that file"]


def test_binary_files_in_latin_1() -> None:
    """Diff's lines about binary files are understood in the encodings of older systems."""
    with pytest.raises(Malformed, match="lacks their data"):
        patched(TREE, PLAIN.encode() + "Binärdateien a/x und b/x sind verschieden.\n".encode("latin-1"))


def test_sentences_about_files_are_text() -> None:
    """A message may say that files differ, in other words than diff."""
    assert patched(TREE, f"The files a/x and b/x differ in this.\nOnly in this case: yes.\n{PLAIN}")[0] != TREE


# Any edit


LINE = st.sampled_from([b"\tcase 1:\n", b"\tbreak;\n", b"}\n", b"\n", b"a\n", b"b\n", b"c\n"])
TEXT = st.builds(lambda lines, end: b"".join(lines) + end, st.lists(LINE, max_size=40), st.sampled_from([b"", b"x"]))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=TEXT, new=TEXT, drift=st.lists(LINE, max_size=5).map(b"".join), context=st.sampled_from(["-U3", "-U1", "-U5"])
)
def test_any_edit(tmp_path: Path, old: bytes, new: bytes, drift: bytes, context: str) -> None:
    """Applying git's diff of two files, to the first or to a drifted one, gives the same result as `git apply`."""
    patch = trees.diff({"x.c": TreeEntry(old)}, {"x.c": TreeEntry(new)}, tmp_path / "diff", context)
    if not patch:
        return
    for data in (old, drift + old):
        tree = {"x.c": TreeEntry(data)}
        expected = trees.git(tree, patch, tmp_path / "git")
        found: Any
        try:
            found = patched(tree, patch, max_fuzz=0)[0]
        except AlreadyApplied:
            assert data != old
            continue
        except DoesNotApply:
            found = None
        assert found == expected
