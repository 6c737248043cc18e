"""Debian's compiled kernels and firmware: fetched, taken out of their packages, indexed, built against, booted."""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

import attrs
import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

SETS = ("linux-image-cloud-amd64", "firmware-linux-free")

DEFINITIONS = """
import attrs

from derivations.image.initramfs import Copy, Device, Directory, File
from derivations.linux.boot import SENTINEL

cloud = kernels.linux_debian_cloud
hello = make_linux_module(cloud, local_source("outside"), name="outside")
both = cloud.with_modules([hello])

INIT = f'''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox modprobe xfs
/bin/busybox modprobe outside
while read -r name rest; do echo "LOADED $name"; done < /proc/modules
/bin/busybox printf '\\n{SENTINEL} release=%s\\n' "$(/bin/busybox uname -r)"
/bin/busybox reboot -f
'''
initramfs = make_initramfs({
    "init": File(text=INIT, mode=0o755),
    "bin/busybox": Copy(fetch_deb(cloud.context.lock().package("busybox", "busybox-static")), "bin/busybox"),
    "dev/console": Device("c", 5, 1),
    "proc": Directory(),
    "lib/modules": Copy(both, "lib/modules"),
})
test = cloud.tests.boot
loaded = attrs.evolve(test, name="prebuilt-loaded", mounts={**test.mounts, "/initramfs": initramfs.out})

# Debian compresses no modules with gzip, but others do.
gzipped = Derivation(
    name="gzipped", system="x86_64-linux", builder="/bin/sh", mounts={"/": cloud.toolchain.root, "/package": cloud.derivation.mounts["/package"]},
    args=["-c", "cp -R /package /out/out && cd /out/out && chmod -R u+w . && find . -name 'ext4.ko' -o -name 'x*.ko' | head -n 3 | xargs gzip"],
)
unreadable = attrs.evolve(cloud.derivation, mounts={**cloud.derivation.mounts, "/package": gzipped.out})
empty = attrs.evolve(cloud.derivation, mounts={**cloud.derivation.mounts, "/package": cloud.dev.derivation.mounts["/headers"]})
firmware = debian_firmware("firmware-linux-free")
"""

OUTSIDE = """
#include <linux/module.h>
static int __init outside_init(void) { pr_info("outside is here\\n"); return 0; }
static void __exit outside_exit(void) { }
module_init(outside_init);
module_exit(outside_exit);
MODULE_LICENSE("GPL");
"""


@attrs.frozen
class Prebuilt:
    """The command line, with a lock that pins kernels, and a file of definitions."""

    kernix: Kernix

    def build(self, attribute: str, code: int = 0) -> str:
        """Build *attribute* of the definitions; return the output, or else the messages."""
        done = self.kernix.run("build", "-f", "prebuilt.py", attribute, code=code)
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def prebuilt(real: Kernix) -> Prebuilt:
    """Return definitions with Debian's cloud kernel."""
    if missing := [it for it in SETS if it not in real.lock().sets]:
        real.run("lock", *(word for it in missing for word in ("--add", it)))
    source = real.home / "outside"
    source.mkdir(exist_ok=True)
    (source / "Kbuild").write_text("obj-m := outside.o\n")
    (source / "outside.c").write_text(OUTSIDE)
    real.define("prebuilt.py", DEFINITIONS)
    return Prebuilt(real)


@pytest.fixture(scope="module")
def modules(prebuilt: Prebuilt) -> Path:
    """Return the directory with the kernel's modules."""
    return next(path_of(prebuilt.build("cloud.modules")).glob("lib/modules/*"))


def test_the_image(prebuilt: Prebuilt) -> None:
    """The image is the signed one, under the name that a built one has, with its configuration."""
    out = path_of(prebuilt.build("cloud.out"))
    assert sorted(it.name for it in out.iterdir()) == ["bzImage", "config"]
    assert b"Debian Secure Boot" in (out / "bzImage").read_bytes()
    config = prebuilt.kernix.run("config", "-f", "prebuilt.py", "cloud").stdout
    assert config == (out / "config").read_text()


def test_every_module_is_indexed(modules: Path) -> None:
    """modules.dep has each module once, and Kbuild's own lists are those of the package."""
    files = sorted(str(it.relative_to(modules)) for it in modules.rglob("*.ko*"))
    indexed = [line.partition(":")[0] for line in (modules / "modules.dep").read_text().splitlines()]
    assert files == sorted(indexed)
    assert all((modules / f"modules.{it}").stat().st_size for it in ("order", "builtin", "builtin.modinfo", "alias"))


def test_modules_are_loaded_on_it(prebuilt: Prebuilt) -> None:
    """On the booted kernel, one of its modules and one that was built against `dev` are loaded with what they need."""
    console = (path_of(prebuilt.build("loaded")) / "console.log").read_text()
    assert {"xfs", "libcrc32c", "outside"} <= set(re.findall(r"^LOADED (\w+)", console, re.MULTILINE))
    assert "outside is here" in console


def test_gzip_that_kmod_cannot_read(prebuilt: Prebuilt) -> None:
    """Modules that Debian 12's depmod leaves out without a word stop the build."""
    said = prebuilt.build("unreadable", code=100)
    assert re.search(r"depmod left 3 of \d+ modules out, such as \S+\.ko\.gz", said)


def test_a_package_without_a_kernel(prebuilt: Prebuilt) -> None:
    """A package that is not a kernel is reported as such."""
    assert "has no kernel" in prebuilt.build("empty", code=100)


def test_firmware(prebuilt: Prebuilt) -> None:
    """Firmware is in lib/firmware, and nothing else of its package."""
    tree = path_of(prebuilt.build("firmware"))
    assert [it.name for it in tree.iterdir()] == ["lib"]
    assert (tree / "lib/firmware/carl9170-1.fw").stat().st_size
