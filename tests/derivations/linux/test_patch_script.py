"""The script that applies patches, run as in the sandbox on a tree of a few files.

The machine's own `patch` and shell stand for the toolchain's, so a machine without them skips this;
the tests that build a real kernel patch it with the real ones.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import subprocess

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from backports import zstd

from derivations.linux.script import SHELL, script


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


NEEDED = ("bwrap", "patch", "gzip", "bzip2", "xz", "zstd", "awk")
MISSING = [name for name in NEEDED if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"this machine lacks {', '.join(MISSING)}")

LINES = "".join(f"line {number}\n" for number in range(1, 31))
TREE = {"Makefile": LINES, "drivers/net/a.c": LINES, "drivers/net/b c.h": LINES, "kernel/fork.c": LINES}

CHANGE = """\
From: somebody
Subject: [PATCH] change two files

---
 Makefile | 2 +-
diff --git a/Makefile b/Makefile
index 1111111..2222222 100644
--- a/Makefile
+++ b/Makefile
@@ -2,3 +2,3 @@ line 1
 line 2
-line 3
+line three
 line 4
diff --git a/drivers/net/a.c b/drivers/net/a.c
--- a/drivers/net/a.c\t2024-01-01 00:00:00.000000000 +0000
+++ b/drivers/net/a.c\t2024-01-01 00:00:00.000000000 +0000
@@ -10,3 +10,4 @@
 line 10
+line ten and a half
 line 11
 line 12
--
2.39.5
"""
ONLY_MAKEFILE = CHANGE[: CHANGE.index("diff --git a/drivers")]
AGAIN = ONLY_MAKEFILE.replace("-line 3\n+line three", "-line three\n+line 3 again")
SHIFTED = ONLY_MAKEFILE.replace("@@ -2,3 +2,3 @@", "@@ -7,3 +7,3 @@")
FUZZY = ONLY_MAKEFILE.replace("@@ -2,3 +2,3 @@ line 1\n line 2\n", "@@ -1,4 +1,4 @@\n line one\n line 2\n")
WRONG = ONLY_MAKEFILE.replace("-line 3", "-line that is not there").replace(" line 4", " line forty")
TWO_WRONG = WRONG + WRONG.replace("Makefile", "kernel/fork.c").replace("-2,3 +2,3", "-12,3 +12,3")
NEW = "--- /dev/null\n+++ b/drivers/new/x.c\n@@ -0,0 +1,2 @@\n+one\n+two\n"
DELETE = f"diff --git a/kernel/fork.c b/kernel/fork.c\ndeleted file mode 100644\n--- a/kernel/fork.c\n+++ /dev/null\n@@ -1,30 +0,0 @@\n{''.join(f'-{line}' for line in LINES.splitlines(keepends=True))}"
RENAME = """\
diff --git a/kernel/fork.c b/kernel/clone.c
similarity index 95%
rename from kernel/fork.c
rename to kernel/clone.c
--- a/kernel/fork.c
+++ b/kernel/clone.c
@@ -1,3 +1,3 @@
-line 1
+line one
 line 2
 line 3
"""
PURE_RENAME = RENAME[: RENAME.index("---")].replace("95%", "100%")
SPACES = ONLY_MAKEFILE.replace("a/Makefile", "a/drivers/net/b c.h\t").replace("b/Makefile", "b/drivers/net/b c.h\t")
ABSENT = ONLY_MAKEFILE.replace("Makefile", "drivers/absent.c")
OUTSIDE = ONLY_MAKEFILE.replace("Makefile", "../../etc/passwd")
QUOTED = ONLY_MAKEFILE.replace("Makefile", 'drivers/"quoted\\name"/../../x')


@attrs.frozen
class Ran:
    """What the script left."""

    code: int
    log: str
    changed: Mapping[str, str]
    removed: list[str]

    @property
    def answer(self) -> dict[str, Any]:
        """Return what the script says to the realiser."""
        line = [it for it in self.log.splitlines() if it.startswith("@kernix ")][-1]
        found: dict[str, Any] = json.loads(line.removeprefix("@kernix "))
        return found


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Return a function that runs the script on patches, texts or bytes, in their order."""

    def run(*patches: str | bytes) -> Ran:
        for path, text in TREE.items():
            (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "src" / path).write_text(text)
            (tmp_path / "src" / path).chmod(0o444)
        for place in ("build", "out", "patches"):
            (tmp_path / place).mkdir()
        for number, patch in enumerate(patches, 1):
            file = tmp_path / "patches" / f"{number:04}-fix-{number}"
            file.write_bytes(patch.encode() if isinstance(patch, str) else patch)
        result = subprocess.run(
            [
                shutil.which("bwrap") or "", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin",
                "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc/alternatives", "/etc/alternatives",
                *(it for name in ("bin", "lib", "lib64") for it in ("--symlink", f"usr/{name}", f"/{name}")),
                "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
                "--ro-bind", tmp_path / "src", "/src", "--ro-bind", tmp_path / "patches", "/patches",
                "--bind", tmp_path / "build", "/build", "--bind", tmp_path / "out", "/out",
                "--chdir", "/build", SHELL, *script("patch"),
            ],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        out, removed = tmp_path / "out" / "out", tmp_path / "out" / "removed"
        changed = {str(it.relative_to(out)): it.read_text() for it in out.rglob("*") if it.is_file()}
        gone = removed.read_text().splitlines() if removed.is_file() else []
        return Ran(result.returncode, result.stdout, changed, gone)

    return run


MAKEFILE = LINES.replace("line 3\n", "line three\n", 1)


def test_it_applies(run: Callable[..., Ran]) -> None:
    """The changed files are left, and no others."""
    ran = run(CHANGE)

    assert (ran.code, ran.removed) == (0, [])
    assert ran.changed == {
        "Makefile": MAKEFILE,
        "drivers/net/a.c": LINES.replace("line 11\n", "line ten and a half\nline 11\n"),
    }


@pytest.mark.parametrize(
    "compress",
    [
        pytest.param(lambda data: gzip.compress(data, mtime=0), id="gz"),
        pytest.param(bz2.compress, id="bz2"),
        pytest.param(lzma.compress, id="xz"),
        pytest.param(zstd.compress, id="zst"),
    ],
)
def test_compressed(run: Callable[..., Ran], compress: Callable[[bytes], bytes]) -> None:
    """A compressed patch is known by its first bytes."""
    assert run(compress(ONLY_MAKEFILE.encode())).changed == {"Makefile": MAKEFILE}


@pytest.mark.parametrize("patch", [pytest.param(SHIFTED, id="offset"), pytest.param(FUZZY, id="fuzz")])
def test_near_misses_apply(run: Callable[..., Ran], patch: str) -> None:
    """A hunk that is a few lines off, or whose outermost context differs, applies; nothing else is left behind."""
    ran = run(patch)

    assert ran.changed == {"Makefile": MAKEFILE}, ran.log


def test_one_after_the_other(run: Callable[..., Ran]) -> None:
    """A patch is applied to what the ones before it made."""
    assert run(ONLY_MAKEFILE, AGAIN).changed == {"Makefile": LINES.replace("line 3\n", "line 3 again\n", 1)}


def test_several_changes_of_one_file_in_one_patch(run: Callable[..., Ran]) -> None:
    """A patch of several commits, as a mailbox has them, may change one file several times."""
    ran = run(ONLY_MAKEFILE + AGAIN)

    assert ran.changed == {"Makefile": LINES.replace("line 3\n", "line 3 again\n", 1)}, ran.log


def test_new_file(run: Callable[..., Ran]) -> None:
    """A new file is left with the directories above it."""
    assert run(NEW).changed == {"drivers/new/x.c": "one\ntwo\n"}


def test_deleted_file(run: Callable[..., Ran]) -> None:
    """A file that is gone is named in `removed`."""
    ran = run(DELETE)

    assert (ran.changed, ran.removed) == ({}, ["kernel/fork.c"])


def test_deleted_and_made_again(run: Callable[..., Ran]) -> None:
    """A file that a later patch makes again is not gone."""
    ran = run(DELETE, NEW.replace("drivers/new/x.c", "kernel/fork.c"))

    assert (ran.changed, ran.removed) == ({"kernel/fork.c": "one\ntwo\n"}, []), ran.log


def test_new_and_deleted(run: Callable[..., Ran]) -> None:
    """A file that one patch makes and the next deletes leaves nothing."""
    delete = "--- a/drivers/new/x.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-one\n-two\n"

    assert (run(NEW, delete).changed) == {}


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        pytest.param(RENAME, LINES.replace("line 1\n", "line one\n", 1), id="changed"),
        pytest.param(PURE_RENAME, LINES, id="unchanged"),
    ],
)
def test_rename(run: Callable[..., Ran], patch: str, text: str) -> None:
    """A renamed file is left under its new name, and the old one is gone."""
    ran = run(patch)

    assert (ran.changed, ran.removed) == ({"kernel/clone.c": text}, ["kernel/fork.c"]), ran.log


def test_names_with_spaces(run: Callable[..., Ran]) -> None:
    """A file's name may have spaces."""
    assert run(SPACES).changed == {"drivers/net/b c.h": MAKEFILE}


@pytest.mark.parametrize(
    ("patches", "error"),
    [
        pytest.param([WRONG], "patch 'fix-1' does not apply: Makefile hunk 1 at line 2", id="hunk"),
        pytest.param(
            [NEW, TWO_WRONG],
            "patch 'fix-2' does not apply: Makefile hunk 1 at line 2, kernel/fork.c hunk 1 at line 12",
            id="two-hunks-of-the-second-patch",
        ),
        pytest.param([CHANGE, CHANGE], "patch 'fix-2' is already in the tree", id="twice"),
        pytest.param([NEW, NEW], "patch 'fix-2' is already in the tree", id="new-file-twice"),
        pytest.param(
            [ABSENT], "patch 'fix-1' does not apply: a file that is not in the tree (drivers/absent.c)", id="absent"
        ),
        pytest.param(["Hello\n"], "patch 'fix-1' does not apply: it is no patch", id="prose"),
        pytest.param([b"\x1f\x8b\x08 broken"], "patch 'fix-1' cannot be decompressed", id="damaged"),
        pytest.param([OUTSIDE], "patch 'fix-1' names a path outside of the tree: ../../etc/passwd", id="outside"),
        pytest.param(
            [QUOTED], "patch 'fix-1' names a path outside of the tree: drivers/\"quoted\\name\"/../../x", id="quotes"
        ),
    ],
)
def test_what_does_not_apply(run: Callable[..., Ran], patches: list[str | bytes], error: str) -> None:
    """A failure says in one line which patch it is, and in which file and hunk."""
    ran = run(*patches)

    assert ran.code == 1
    assert (ran.answer["kind"], ran.answer["error"]) == ("patch", error), ran.log
