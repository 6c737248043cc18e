"""Boot tests of users, on Debian's compiled kernel: disks, modules, facts, and failures. The pages' examples are run by test_real_docs.py."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

SETS = ("linux-image-cloud-amd64", "disks")

DEFINITIONS = """
import re

from derivations import boot_test

cloud = kernels.linux_debian_cloud
facts = boot_test(
    cloud, script="echo answer=42; echo complaint >&2", modules=["dummy"], append="mine=1",
    expect=[{"answer": "42", "modules": "dummy", "cmdline": re.compile("mine=1"), "release": cloud.release}],
)
modules = cloud.tests.modules
missing = boot_test(cloud, script="true", modules=["nosuch"])
tree = boot_test(cloud, name="tree", script="true", disks={"/mnt": cloud.out})
unmounted = boot_test(cloud, name="unmounted", script="true", disks={"/mnt": text_file("no-disk", "x" * 4096)})
fails = boot_test(cloud, name="fails", script="echo before; exit 3")
"""


@pytest.fixture(scope="module")
def tests(real: Kernix) -> Kernix:
    """Return kernix with the definitions."""
    if missing := [it for it in SETS if it not in real.lock().sets]:
        real.run("lock", *(word for it in missing for word in ("--add", it)))
    real.define("boot_tests.py", DEFINITIONS)
    return real


def test_facts(tests: Kernix) -> None:
    """The guest's release, command line and modules are reported, and what the script prints."""
    out = path_of(tests.run("build", "-f", "boot_tests.py", "facts").stdout)
    facts = json.loads((out / "facts.json").read_bytes())
    assert ("42", "dummy", "0") == (facts["answer"], facts["modules"], facts["status"])
    assert "answer=42\n" == (out / "output").read_text()
    assert "\ncomplaint\n" in (out / "console.log").read_text()


def test_disks(tests: Kernix) -> None:
    """A module is loaded from the module disk, and a file read from the root disk."""
    out = path_of(tests.run("build", "-f", "boot_tests.py", "modules").stdout)
    assert "module=loaded\nhello from the root disk\n" == (out / "output").read_text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("missing", "has no module 'nosuch'", id="module"),
        pytest.param("tree", "disk 00 is a directory, not the image of a disk", id="directory"),
        pytest.param("unmounted", "unmounted failed: cannot mount the disk /dev/vda at /mnt", id="not-a-file-system"),
        pytest.param("fails", "fails failed: the script ended with status 3", id="status"),
    ],
)
def test_failures(tests: Kernix, name: str, sentence: str) -> None:
    """Each is one sentence."""
    done = tests.run("build", "-f", "boot_tests.py", name, code=1 if name == "missing" else 100)
    assert sentence in next(it for it in done.stderr.splitlines() if it.startswith("error: "))
