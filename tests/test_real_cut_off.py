"""What resolves to the same bytes is not built: definitions that differ from `linux_micro` in ways that do not count.

Each builds what it needs to find out, and then reuses the kernel: nothing is compiled.
"""

from __future__ import annotations

import re
import tarfile

from typing import TYPE_CHECKING

import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

REDUNDANT = """
micro = kernels.linux_micro
redundant = micro.override(extra_config={"SWAP": NO, "TTY": YES})
commented = micro.override(extra_config=fragment_file("commented.config"))
other_order = micro.override(extra_config=fragment_file("other_order.config"))
"""

PATCHES = """
import attrs

def adding(name, file, *, back=False):
    lines = ["// SPDX-License-Identifier: GPL-2.0-only", "/*", f" *  linux/init/{file}"]
    counts = "-1,4 +1,3" if back else "-1,3 +1,4"
    changed = f"{'-' if back else '+'}/* {name} */"
    hunk = [f" {lines[0]}", changed, f" {lines[1]}", f" {lines[2]}"]
    text = "\\n".join([f"--- a/init/{file}", f"+++ b/init/{file}", f"@@ {counts} @@", *hunk, ""])
    return Patch(f"no-{name}" if back else name, text=text)

one, no_one = adding("one", "version.c"), adding("one", "version.c", back=True)
two, no_two = adding("two", "main.c"), adding("two", "main.c", back=True)
CREATED = "--- /dev/null\\n+++ b/drivers/mine/deep/mine.c\\n@@ -0,0 +1 @@\\n+int mine;\\n"
DELETED = "--- a/drivers/mine/deep/mine.c\\n+++ /dev/null\\n@@ -1 +0,0 @@\\n-int mine;\\n"
MODE = "diff --git a/init/main.c b/init/main.c\\nold mode {}\\nnew mode {}\\n"
RENAME = "diff --git a/init/{0}.c b/init/{1}.c\\nsimilarity index 100%\\nrename from init/{0}.c\\nrename to init/{1}.c\\n"

def with_patches(*patches):
    return kernels.linux_micro.override(patches=list(patches))

reverted = with_patches(one, no_one)
in_order = with_patches(one, two, no_one, no_two)
in_other_order = with_patches(two, one, no_one, no_two)
created = with_patches(Patch("created", text=CREATED), Patch("deleted", text=DELETED))
executable = with_patches(Patch("x", text=MODE.format(100644, 100755)), Patch("no-x", text=MODE.format(100755, 100644)))
renamed = with_patches(Patch("there", text=RENAME.format("main", "niam")), Patch("back", text=RENAME.format("niam", "main")))
"""

SOURCES = """
from derivations.source import local_source

repacked = kernels.linux_micro.override(source=local_file("repacked.tar.gz"))
from_directory = kernels.linux_micro.override(source=local_source({tree!r}, name="checkout"))
"""

TOOLCHAINS = """
import attrs

from derivations.union import union

tools = kernels.linux_micro.toolchain
packages = tools.root.derivation
reversed_packages = dict(zip(packages.mounts, reversed(packages.mounts.values())))

def with_root(root):
    return kernels.linux_micro.override(toolchain=attrs.evolve(tools, root=root.out))

joined_again = with_root(union("joined-again", [tools.root]))
in_other_order = with_root(attrs.evolve(packages, name="in-other-order", mounts=reversed_packages))
"""


@pytest.fixture(scope="module")
def micro(real: Kernix) -> Path:
    return path_of(real.run("build", "linux_micro", "--no-link").stdout)


def is_reused(real: Kernix, micro: Path, file: str, attribute: str) -> None:
    """Assert that building *attribute* of *file* runs no builder but the resolver, and gives *micro*."""
    done = real.run("build", "-f", file, attribute, "--no-link")
    assert set() == {it for it in re.findall(r"^building (\S+)", done.stderr, re.MULTILINE) if "resolved" not in it}
    assert micro == path_of(done.stdout)


@pytest.mark.parametrize("attribute", ["redundant", "commented", "other_order"])
def test_a_fragment_with_the_same_outcome(real: Kernix, micro: Path, attribute: str) -> None:
    """Comments, order and redundant options in a fragment compile nothing."""
    (real.home / "commented.config").write_text("# why not\nCONFIG_TTY=y\n\n# CONFIG_SWAP is not set\n")
    (real.home / "other_order.config").write_text("# CONFIG_SWAP is not set\nCONFIG_TTY=y\n")
    is_reused(real, micro, real.define("cut_off_options.py", REDUNDANT), attribute)


@pytest.mark.parametrize("attribute", ["reverted", "in_order", "in_other_order", "created", "executable", "renamed"])
def test_patches_with_the_same_outcome(real: Kernix, micro: Path, attribute: str) -> None:
    """Patches that are taken back, in whichever order, compile nothing."""
    is_reused(real, micro, real.define("cut_off_patches.py", PATCHES), attribute)


@pytest.fixture(scope="module")
def sources(real: Kernix) -> str:
    """Return a file with the source of `linux_micro` as a tree, and repacked: other compression, order, times, owners."""
    file = real.define("cut_off_tree.py", "source = kernels.linux_micro.source\n")
    tree = path_of(real.run("build", "-f", file, "source", "--no-link").stdout)
    packed = real.home / "repacked.tar.gz"
    if not packed.exists():
        with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
            for place in sorted(tree.rglob("*"), reverse=True):
                member = archive.gettarinfo(place, f"./other-name/{place.relative_to(tree)}")
                member.mtime, member.uid, member.gid, member.uname, member.gname = 1_000_000_000, 5, 6, "five", "six"
                if member.islnk():
                    member.type, member.size = tarfile.REGTYPE, place.stat().st_size
                if member.isreg():
                    with place.open("rb") as content:
                        archive.addfile(member, content)
                else:
                    archive.addfile(member)
    return real.define("cut_off_sources.py", SOURCES.format(tree=str(tree)))


@pytest.mark.parametrize("attribute", ["repacked", "from_directory"])
def test_the_same_source_from_elsewhere(real: Kernix, micro: Path, sources: str, attribute: str) -> None:
    """A source that is packed in another way, or not at all, compiles nothing if its files are the same."""
    is_reused(real, micro, sources, attribute)


@pytest.mark.parametrize("attribute", ["joined_again", "in_other_order"])
def test_a_toolchain_that_is_made_again(real: Kernix, micro: Path, attribute: str) -> None:
    """A toolchain that is made in another way, with the same files, compiles nothing."""
    is_reused(real, micro, real.define("cut_off_toolchains.py", TOOLCHAINS), attribute)
