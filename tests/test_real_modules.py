"""Real external modules: built, indexed with the kernel's own, and loaded; and the loop of their developers."""

from __future__ import annotations

import re

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.real import ROOMY, SUITE, Kernix, path_of


if TYPE_CHECKING:
    import subprocess

pytestmark = [pytest.mark.kernel, pytest.mark.long]  # ROOMY

SETS = (
    "acpi-call-dkms",
    "bbswitch-dkms",
    "lime-forensics-dkms",
    "linux-image-amd64",
    "v4l2loopback-dkms",
    "vpoll-dkms",
)

DEFINITIONS = """
import attrs

from derivations.image.initramfs import Copy, Device, Directory, File
from derivations.linux.boot import SENTINEL

hello = make_linux_module(roomy, local_source("hello"), name="hello", version="1")
twin = attrs.evolve(hello, env={**hello.env, "UNUSED": "1"})
talk = make_linux_module(roomy, local_source("talk"), name="talk", depends=[hello])
lonely = make_linux_module(roomy, local_source("talk"), name="lonely")
broken = make_linux_module(roomy, local_source("broken"), name="broken")
empty = make_linux_module(roomy, local_source("empty"), name="empty")
needy = make_linux_module(roomy, local_source("hello"), name="needy", requires=["DRM", "NET", "SND|HWMON"])
elsewhere = make_linux_module(roomy, local_source("hello"), name="elsewhere", directory="src/*")
whole = roomy.with_modules([hello, talk, roomy.packages.lime, roomy.packages.vpoll])
without_hello = roomy.with_modules([talk])
foreign = roomy.with_modules([
    Derivation(
        name="stranger", system="x86_64-linux", builder="/bin/sh",
        args=["-c", "mkdir -p /out/out/lib/modules/6.1.9/extra"], mounts={"/": roomy.toolchain.root},
    )
])
wrapped = make_linux_module(roomy, local_source("wrapped"), name="wrapped", directory=["core", "user"])
managed = make_linux_module(roomy, local_source("managed"), name="managed")
excluded = make_linux_module(roomy, local_source("excluded"), name="excluded")
shadowed = roomy.with_modules([managed])
again = roomy.with_modules([hello, attrs.evolve(hello, name="hello-again")])
small = kernels.linux_micro.packages.v4l2loopback
own = roomy.module("drivers/net/dummy")
version = Patch("version", "version.patch")
patched = roomy.module("drivers/net/dummy", patches=[version])
replaced = roomy.with_modules([patched])
unconfigured = roomy.module("drivers/net/wireguard")

INIT = f'''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
for module in talk vpoll dummy; do /bin/busybox modprobe $module; done
while read -r name rest; do echo "LOADED $name"; done < /proc/modules
/bin/busybox printf '\\n{SENTINEL} release=%s\\n' "$(/bin/busybox uname -r)"
/bin/busybox reboot -f
'''
initramfs = make_initramfs({
    "init": File(text=INIT, mode=0o755),
    "bin/busybox": Copy(fetch_deb(roomy.context.lock().package("busybox", "busybox-static")), "bin/busybox"),
    "dev/console": Device("c", 5, 1),
    "proc": Directory(),
    "lib/modules": Copy(whole, "lib/modules"),
})
test = roomy.tests.boot
loaded = attrs.evolve(test, name="loaded", mounts={**test.mounts, "/initramfs": initramfs.out})

# Debian's own kernel has what these drivers of machines and cameras need.
amd64 = kernels.linux_debian_amd64
PLACE = f"lib/modules/{amd64.release}/extra/v4l2loopback/v4l2loopback.ko"
camera = boot_test(
    amd64, script="insmod /v4l2loopback.ko && test -e /sys/class/video4linux/video0 && echo camera=made", modules=["videodev"],
    files={"v4l2loopback.ko": Copy(amd64.packages.v4l2loopback, PLACE)}, expect=[{"camera": "made"}],
)
"""

HELLO = """
#include <linux/module.h>
#include "hello.h"
int hello_count(void) { return 41; }
EXPORT_SYMBOL_GPL(hello_count);
static int __init hello_init(void) { pr_info("hello is here\\n"); return 0; }
static void __exit hello_exit(void) { }
module_init(hello_init);
module_exit(hello_exit);
MODULE_DESCRIPTION("hello");
MODULE_LICENSE("GPL");
"""
TALK = """
#include <linux/module.h>
int hello_count(void);
static int __init talk_init(void) { pr_info("talk counts %d\\n", hello_count() + 1); return 0; }
static void __exit talk_exit(void) { }
module_init(talk_init);
module_exit(talk_exit);
MODULE_DESCRIPTION("talk");
MODULE_LICENSE("GPL");
"""
WRAPPER = """
obj-m := core.o
KDIR := /lib/modules/$(shell uname -r)/build
EXTRA_CFLAGS += -I$(src)/../include
all: generated.h
	make -C $(KDIR) M=$(PWD) modules
generated.h:
	echo '#define GENERATED "$(shell uname -rm)"' > $@
"""
CORE = """
#include <linux/module.h>
#include "common.h"
#include "generated.h"
int wrapped_core(void) { return COMMON; }
EXPORT_SYMBOL_GPL(wrapped_core);
MODULE_DESCRIPTION("core");
MODULE_LICENSE("GPL");
MODULE_INFO(generated, GENERATED);
"""
DKMS = """
PACKAGE_NAME="managed"
PACKAGE_VERSION="1"
MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build"
CLEAN="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build clean"
BUILT_MODULE_NAME[0]="managed"
BUILT_MODULE_LOCATION[0]="src"
DEST_MODULE_NAME[0]="dummy"
DEST_MODULE_LOCATION[0]="/kernel/drivers/net"
PATCH[0]="license.patch"
PATCH_MATCH[0]="^6\\."
"""
MANAGED = '#include <linux/module.h>\nMODULE_DESCRIPTION("managed");\nMODULE_LICENSE("none");\n'
VERSION = """
--- a/drivers/net/dummy.c
+++ b/drivers/net/dummy.c
@@ -200,3 +200,4 @@
 module_exit(dummy_cleanup_module);
 MODULE_LICENSE("GPL");
+MODULE_VERSION("mine");
 MODULE_DESCRIPTION("Dummy netdevice driver which discards all packets sent to it");
"""
LICENSE = """--- a/src/managed.c
+++ b/src/managed.c
@@ -1,3 +1,3 @@
 #include <linux/module.h>
 MODULE_DESCRIPTION("managed");
-MODULE_LICENSE("none");
+MODULE_LICENSE("GPL");
"""
SOURCES = {
    "wrapped/include/common.h": "#define COMMON 6\n",
    "wrapped/core/core.c": CORE,
    "wrapped/core/Makefile": WRAPPER,
    "wrapped/user/user.c": TALK.replace("hello_count", "wrapped_core"),
    "wrapped/user/Kbuild": "obj-m := user.o\n",
    "managed/dkms.conf": DKMS,
    "managed/Kbuild": "obj-m := src/\n",
    "managed/src/Kbuild": "obj-m := managed.o\n",
    "managed/src/managed.c": MANAGED,
    "managed/patches/license.patch": LICENSE,
    "excluded/dkms.conf": 'PACKAGE_NAME="it"\nPACKAGE_VERSION="1"\n\nBUILD_EXCLUSIVE_KERNEL="^5\\."\n',
    "excluded/Kbuild": "obj-m := broken.o\n",
    "hello/hello.c": HELLO,
    "hello/hello.h": "int hello_count(void);\n",
    "hello/Makefile": "obj-m := hello.o\n",
    "talk/talk.c": TALK,
    "talk/Kbuild": "obj-m := talk.o\n",
    "broken/broken.c": "#error as wanted\n",
    "broken/Kbuild": "obj-m := broken.o\n",
    "empty/Kbuild": "\n",
    "version.patch": VERSION,
}


@attrs.frozen
class Modules:
    """The shared store, and a file of definitions in a separate directory."""

    kernix: Kernix

    def run(self, verb: str, name: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run *verb* for the definition *name* of the file."""
        return self.kernix.run(
            verb, "-f", "modules/modules.py", "--lock", "modules/kernix.lock", name, *words, code=code
        )

    def built(self, name: str) -> Path:
        """Build *name* and return its path."""
        return path_of(self.run("build", name, "--no-link", "--cores", "2").stdout)

    def failure(self, name: str) -> str:
        """Build *name*, expecting a failure, and return the messages."""
        return self.run("build", name, "--no-link", code=100).stderr


@pytest.fixture(scope="module")
def modules(real: Kernix) -> Modules:
    place = real.home / "modules"
    for name, text in SOURCES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    real.define("modules/modules.py", ROOMY + DEFINITIONS)
    real.run("build", "linux_guest", "--no-link")  # its objects are most of the kernel's
    if not (place / "kernix.lock").exists():
        added = [word for name in SETS for word in ("--add", name)]
        real.run("lock", "--lock", "modules/kernix.lock", "--suite", SUITE, *added)
    return Modules(real)


def release(modules: Modules, kernel: str = "roomy") -> str:
    (directory,) = (modules.built(f"{kernel}.modules") / "lib/modules").iterdir()
    return directory.name


def test_a_module_is_built(modules: Modules) -> None:
    """A module is in extra/ of its kernel's directory, is for that kernel, and is the only file there."""
    path = modules.built("hello")

    (file,) = [it for it in path.rglob("*") if not it.is_dir()]
    assert file.relative_to(path) == Path("lib/modules", release(modules), "extra/hello/hello.ko")
    assert f"vermagic={release(modules)} ".encode() in file.read_bytes()


def test_the_same_again(modules: Modules) -> None:
    """Another build at another time gives the same bytes."""
    assert modules.built("twin") == modules.built("hello")


def test_symbols_of_another_module(modules: Modules) -> None:
    """A module may use symbols of another one, and then depends on it."""
    path = modules.built("talk")

    (file,) = path.rglob("talk.ko")
    assert b"depends=hello\0" in file.read_bytes()


def test_missing_symbols(modules: Modules) -> None:
    """A module that needs symbols that the kernel does not export fails with their names."""
    output = modules.failure("lonely")

    assert f"lonely needs symbols that Linux {release(modules)} does not export: hello_count" in output
    assert "`depends`" in output


def test_a_makefile_that_calls_make(modules: Modules) -> None:
    """Directories of one source are built as their makefiles require: by a wrapper, with a sibling's headers and symbols."""
    path = modules.built("wrapped")

    core, user = sorted(path.rglob("*.ko"))
    assert f"generated={release(modules)} x86_64\0".encode() in core.read_bytes()
    assert b"depends=core\0" in user.read_bytes()


def test_a_dkms_conf(modules: Modules) -> None:
    """A dkms.conf determines patches, build and names; replacing a module of the kernel is allowed, but reported."""
    output = modules.run("build", "shadowed", "--no-link", "--cores", "2")
    path = path_of(output.stdout) / "lib/modules" / release(modules)
    (file,) = path.glob("extra/**/*.ko")

    assert file.name == "dummy.ko"
    assert {b"license=GPL", b"description=managed"} <= set(file.read_bytes().split(b"\0"))
    assert "warning: " in output.stderr
    assert "extra/managed/dummy.ko of managed-" in output.stderr
    assert "kernel/drivers/net/dummy.ko" in output.stderr


@pytest.mark.parametrize(
    ("kernel", "name"),
    [("amd64", "acpi_call"), ("amd64", "bbswitch"), ("amd64", "v4l2loopback"), ("roomy", "lime"), ("roomy", "vpoll")],
)
def test_the_packages_build(modules: Modules, kernel: str, name: str) -> None:
    """Each of the packages builds for a kernel of ours or of Debian's, with that kernel's release in it."""
    path = modules.built(f"{kernel}.packages.{name}")

    (file,) = path.rglob("*.ko")
    assert file.name == f"{name}.ko"
    assert f"vermagic={release(modules, kernel)} ".encode() in file.read_bytes()


def test_a_package_on_debians_kernel(modules: Modules) -> None:
    """A package's module is loaded by Debian's own kernel, and does what it is for."""
    assert (modules.built("camera") / "output").read_text() == "camera=made\n"


def test_the_union(modules: Modules) -> None:
    """The kernel's modules and others are indexed together; Kbuild's own lists are those of the kernel."""
    path = modules.built("whole") / "lib/modules" / release(modules)
    own = modules.built("roomy.modules") / "lib/modules" / release(modules)
    index = (path / "modules.dep").read_text()

    assert "extra/talk/talk.ko: extra/hello/hello.ko\n" in index
    for name in ("lime", "vpoll", "dummy"):
        assert re.search(rf"^\S+/{name}\.ko:", index, re.MULTILINE), name
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        assert (own / name).read_bytes() == (path / name).read_bytes()
    assert "symbol:hello_count hello" in (path / "modules.symbols").read_text()


def test_modules_are_loaded(modules: Modules) -> None:
    """On the booted kernel, modprobe loads all kinds of modules from the common index, dependencies first."""
    text = (modules.built("loaded") / "console.log").read_text()

    assert "talk counts 42" in text
    assert {"hello", "talk", "vpoll", "dummy"} <= set(re.findall(r"^LOADED (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "output"),
    [
        pytest.param("without_hello", "nor another module has: talk.ko needs hello_count", id="symbols"),
        pytest.param("foreign", "stranger is built for Linux 6.1.9, not for 6.12.", id="release"),
        pytest.param(
            "again", "two modules are called hello, and only one can be loaded: extra/hello/hello.ko of", id="conflict"
        ),
        pytest.param("excluded", "line 4 of dkms.conf excludes Linux 6.12.", id="excluded"),
        pytest.param("broken", "error: #error as wanted", id="compiler"),
        pytest.param("empty", "empty builds no module", id="nothing"),
        pytest.param("elsewhere", "the source of elsewhere has no directory src/*", id="directory"),
    ],
)
def test_failures(modules: Modules, name: str, output: str) -> None:
    """Modules that cannot be built or joined are reported with an error."""
    assert output in modules.failure(name)


def test_a_module_of_the_tree(modules: Modules) -> None:
    """A module of the kernel's tree, built by itself, is byte for byte the kernel's own, in the same place."""
    place = Path("lib/modules", release(modules), "kernel/drivers/net/dummy.ko")
    path = modules.built("own")

    assert [it.relative_to(path) for it in path.rglob("*") if not it.is_dir()] == [place]
    assert (path / place).read_bytes() == (modules.built("roomy.modules") / place).read_bytes()


def test_a_patched_module_of_the_tree(modules: Modules) -> None:
    """A module of the tree with a patch replaces the kernel's own."""
    place = Path("lib/modules", release(modules), "kernel/drivers/net/dummy.ko")
    whole = modules.built("replaced")

    assert b"version=mine\0" in (whole / place).read_bytes()
    assert [it.relative_to(whole) for it in whole.rglob("dummy.ko")] == [place]


def test_a_module_of_the_tree_without_its_option(modules: Modules) -> None:
    """A module that the kernel does not have is reported with its option."""
    output = modules.failure("unconfigured")
    assert "the kernel is configured without any module of drivers/net/wireguard: WIREGUARD is n" in output
    assert 'extra_config={"WIREGUARD": MODULE}' in output


def test_missing_options_are_named_before_anything_is_compiled(modules: Modules) -> None:
    """Options that a module's kernel lacks are reported once the kernel is configured, with a way to request them."""
    output = modules.failure("small")

    assert "v4l2loopback needs VIDEO_DEV, which the kernel is configured without" in output
    assert 'override the kernel with extra_config={"VIDEO_DEV": YES}' in output
    assert not re.search(r"^built linux-micro-[0-9.]+ in", output, re.MULTILINE)
    assert "needy needs DRM, SND or HWMON, which" in modules.failure("needy")


LOOP = """
set -e
unpackPhase
cd linux-*
make -C $dev/lib/modules/*/build M=$(pwd)/drivers/net CONFIG_DUMMY=m modules
modinfo -F vermagic drivers/net/dummy.ko
echo 'MODULE_VERSION("mine");' >> drivers/net/dummy.c
make -s -C $dev/lib/modules/*/build M=$(pwd)/drivers/net CONFIG_DUMMY=m modules
modinfo -F version drivers/net/dummy.ko
make -s kernelversion
echo "for $ARCH"
"""


def test_the_loop(modules: Modules) -> None:
    """Edit, compile, run: in the shell of an output, a driver of the tree is built against `dev`, and rebuilt."""
    modules.built("roomy.dev")
    output = modules.run("shell", "roomy.dev", "-d", "modules/shell", "--", "bash", "-c", LOOP).stdout

    assert f"\n{release(modules)} " in output
    assert output.splitlines()[-3:] == ["mine", release(modules), "for x86_64"]
    assert list((modules.kernix.home / "modules/shell").glob("linux-*/drivers/net/dummy.ko"))
