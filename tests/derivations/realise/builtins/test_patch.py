"""Tests for derivations.realise.builtins.patch."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.linux.patch import Patch, patched
from derivations.patching.errors import DoesNotApply, Malformed
from derivations.realise.archives.decompress import Corrupt
from derivations.source import text_file
from derivations.union import REMOVED
from tests.derivations.realise.builtins.conftest import Runner, listing


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TREE = {
    "Makefile": "one\ntwo\nthree\n",
    "drivers/a.c": "a\n",
    "run": "#!/bin/sh\n",
    "include/x.h": "x\n",
    "link": "-> run",
}
CHANGE = "--- a/Makefile\n+++ b/Makefile\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
AGAIN = CHANGE.replace("-two\n+2", "-2\n+II")
NEW = "--- /dev/null\n+++ b/drivers/b.c\n@@ -0,0 +1 @@\n+b\n"
DELETE = "--- a/drivers/a.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
MODE = "diff --git a/drivers/a.c b/drivers/a.c\nold mode 100644\nnew mode 100755\n"
LINK = "diff --git a/include b/include\nnew file mode 120000\n--- /dev/null\n+++ b/include\n@@ -0,0 +1 @@\n+drivers\n\\ No newline at end of file\n"
DELETE_HEADER = "--- a/include/x.h\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"


@attrs.frozen
class Apply:
    """Applies patches to `TREE` as to a kernel."""

    run: Runner

    def __call__(self, *patches: bytes | str | dict[str, str], **rules: bool | int) -> dict[str, str]:
        """Return the patched tree; a mapping is a directory of patches."""
        source = text_file("tree", "stands for the tree")
        series = tuple(Patch(f"fix-{number}", text=str(it), **rules) for number, it in enumerate(patches, 1))  # type: ignore[arg-type]
        joined = patched(source.out, series).derivation
        changes = joined.mounts["/0001"].derivation
        tree = self.run.tree("tree", TREE)
        inputs = {"/src": tree}
        for place, it in zip(sorted(changes.mounts.keys() - {"/src"}), patches, strict=True):
            inputs[place] = self._input(it)
        out = self.run(changes, inputs)
        return listing(self.run(joined, {"/0000": tree, "/0001": out, REMOVED: out.parent / "removed"}))

    def _input(self, patch: bytes | str | dict[str, str]) -> Path:
        if isinstance(patch, dict):
            return self.run.tree("series", patch)
        place = self.run.tree("patch", {}) / "it"
        place.parent.chmod(0o755)
        place.write_bytes(patch if isinstance(patch, bytes) else patch.encode())
        return place


@pytest.fixture
def apply(run: Runner) -> Apply:
    """Return a function that applies patches to `TREE`."""
    return Apply(run)


def test_the_patched_tree(apply: Apply) -> None:
    """Patches are applied in order, with files, modes and links; everything else stays unchanged."""
    assert apply(CHANGE, AGAIN, NEW, MODE) == {**TREE, "Makefile": "one\nII\nthree\n", "drivers/b.c": "b\n"}


def test_an_emptied_directory_is_gone(apply: Apply) -> None:
    """A directory whose last file a patch deletes is deleted, too, as in git."""
    assert apply(DELETE) == {path: text for path, text in TREE.items() if path != "drivers/a.c"}


def test_a_directory_becomes_a_link(apply: Apply) -> None:
    """A patch may replace a directory with a link."""
    expected = {path: text for path, text in TREE.items() if path != "include/x.h"}
    assert apply(DELETE_HEADER + LINK) == {**expected, "include": "-> drivers"}


def test_deleted_and_made_again(apply: Apply) -> None:
    """A file that a later patch creates again is not removed."""
    assert apply(DELETE, NEW.replace("b.c", "a.c")) == {**TREE, "drivers/a.c": "b\n"}


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(gzip.compress, id="gz"),
        pytest.param(bz2.compress, id="bz2"),
        pytest.param(lzma.compress, id="xz"),
        pytest.param(zstd.compress, id="zst"),
    ],
)
def test_compressed(apply: Apply, compress: Callable[[bytes], bytes]) -> None:
    """A compressed patch is recognised by its first bytes."""
    assert apply(compress(CHANGE.encode()))["Makefile"] == "one\n2\nthree\n"


def test_a_damaged_archive(apply: Apply) -> None:
    """A patch that cannot be decompressed is named."""
    with pytest.raises(Corrupt, match="patch 'fix-1' is corrupt"):
        apply(gzip.compress(CHANGE.encode())[:-9])


def test_a_series_of_quilt(apply: Apply) -> None:
    """The file `series` sets which patches of a directory are applied, their order, and their `-p`."""
    plain = AGAIN.replace("a/Makefile", "Makefile").replace("b/Makefile", "Makefile")
    series = {
        "series": "# first\nz.patch\n\nsub/a.patch -p0  # last\n",
        "z.patch": CHANGE,
        "sub/a.patch": plain,
        "no.patch": NEW,
    }
    assert apply(series) == {**TREE, "Makefile": "one\nII\nthree\n"}


def test_a_series_reverts_patches(apply: Apply) -> None:
    """Patches with `-R` in `series` are reverted, and a `#` within a name does not start a comment."""
    series = {"series": "a#1.patch\r\nb.patch -R -pab # as it was\n", "a#1.patch": CHANGE, "b.patch": CHANGE + NEW}
    assert apply({**series, "series": "a#1.patch\n"})["Makefile"] == "one\n2\nthree\n"
    assert apply(CHANGE + NEW, {"series": "b.patch -R\n", "b.patch": CHANGE + NEW}) == TREE


def test_commits_of_a_directory_that_the_tree_has(apply: Apply) -> None:
    """Patches of a directory or a list that the tree already has are dropped, each by its name."""
    apply(CHANGE, {"series": "x.patch\ny.patch\n", "x.patch": CHANGE, "y.patch": NEW}, drop_applied=True)
    assert apply.run.warnings == ["patch 'fix-2' is already in the tree, and left out: x.patch"]


def test_mails_of_a_list_that_the_tree_has(apply: Apply) -> None:
    """What is left out of a list is called by its subject, for the list has only numbers."""
    mail = f"From {'1' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] count on\n\n---\n"
    changes = patched(
        text_file("tree", "").out, (Patch("x", [text_file("1", ""), text_file("2", "")], drop_applied=True),)
    )
    derivation = changes.derivation.mounts["/0001"].derivation
    inputs = dict(zip(sorted(derivation.mounts), (apply._input(mail + CHANGE), apply._input(NEW)), strict=False))
    apply.run(derivation, {**inputs, "/src": apply.run.tree("tree", {**TREE, "Makefile": "one\n2\nthree\n"})})
    assert apply.run.warnings == ["patch 'x' is already in the tree, and left out: count on"]


def test_a_directory_of_patches(apply: Apply) -> None:
    """Without `series`, all patches of a directory are applied in the order of their names."""
    assert apply({"0002-b.patch": AGAIN, "0001-a.diff": CHANGE, "README": "words"})["Makefile"] == "one\nII\nthree\n"
    assert not apply.run.warnings


def test_patches_in_sub_directories_are_reported(apply: Apply) -> None:
    """Without `series`, nobody knows the order of what is further down: that is left out, and reported."""
    apply({"a.patch": CHANGE, "arm/deep/b.patch.gz": NEW, "doc/README": "words", ".git/c.patch": NEW})
    sentence = "patch 'fix-1': the patches in its sub-directory arm are left out: no file `series` names them"
    assert apply.run.warnings == [sentence]


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        pytest.param({"README": "words"}, "has no file `series`", id="no-patches"),
        pytest.param({"x86/a.patch": CHANGE}, "except in sub-directories (x86)", id="further-down"),
        pytest.param({"series": "../x\n"}, "which leads out of its directory", id="outside"),
        pytest.param({"series": "l/x\n", "l": "-> /etc"}, "which leads out of its directory", id="link"),
        pytest.param({"series": "absent\n"}, "which is not there", id="absent"),
        pytest.param({"series": "# none yet\n"}, "names no patch", id="empty"),
        pytest.param(
            {"series": "a.patch --fuzz=3\n", "a.patch": CHANGE}, "a.patch has the option --fuzz=3", id="option"
        ),
    ],
)
def test_invalid_series(apply: Apply, series: dict[str, str], reason: str) -> None:
    """A directory whose series cannot be read is refused."""
    with pytest.raises(Malformed) as caught:
        apply(series)
    assert reason in caught.value.reason


def test_errors_name_the_patch_of_a_series(apply: Apply) -> None:
    """Errors name the failing patch of a series."""
    with pytest.raises(DoesNotApply) as caught:
        apply(
            {
                "series": "good.patch\nbad.patch\n",
                "good.patch": CHANGE,
                "bad.patch": CHANGE.replace("two", "zwei").replace("+2", "+zwo"),
            }
        )
    assert (caught.value.title, "does not apply: Makefile hunk 1" in str(caught.value)) == ("bad.patch", True)


def test_remarks_are_warnings(apply: Apply) -> None:
    """Anything not applied exactly as written is a warning."""
    fuzzy = CHANGE.replace(" one\n", " eins\n")
    assert apply(fuzzy)["Makefile"] == "one\n2\nthree\n"
    assert [it.partition(":")[0] for it in apply.run.warnings] == ["patch 'fix-1'"]
    assert apply(CHANGE, CHANGE, drop_applied=True)["Makefile"] == "one\n2\nthree\n"
    assert apply.run.warnings[1:] == ["patch 'fix-2' is already in the tree, and left out"]
