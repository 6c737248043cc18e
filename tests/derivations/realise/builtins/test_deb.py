"""A kernel's Debian package: what real dpkg makes of it."""

from __future__ import annotations

import os
import subprocess

from typing import TYPE_CHECKING

import pytest

from derivations.image.deb import KERNEL, MODULES, make_deb
from derivations.realise.builtins.deb import NoKernelInside
from derivations.source import text_file
from tests.programs import program
from tests.roots import add_tools


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.builtins.conftest import Runner


RELEASE = "6.1.2-x"
PACKAGE = f"linux-image-{RELEASE}"
HOOKS = ("preinst", "postinst", "prerm", "postrm")
LOGGED = ("depmod", "linux-update-symlinks", "linux-check-removal")


def make(run: Runner, kernel: dict[str, str], modules: dict[str, str] | None = None, name: str = "") -> Path:
    """Return the package of a *kernel* with *modules*."""
    deb = make_deb(
        title="linux-6.1.2", version="6.1.2", release=RELEASE, description="a test", system="x86_64-linux",
        kernel=text_file("kernel", "").out, modules=text_file("modules", "").out,
    )  # fmt: skip
    inputs = {
        KERNEL: run.tree(f"kernel{name}", kernel),
        MODULES: run.tree(
            f"modules{name}", {f"lib/modules/{RELEASE}/{it}": text for it, text in (modules or {}).items()}
        ),
    }
    return run(deb, inputs)


FILES = {"bzImage": "an image", "config": "CONFIG_X=y\n", "System.map": "0 A x\n", "dtbs/vendor/board.dtb": "a tree"}
MODULE_FILES = {"kernel/a.ko": "a module", "modules.dep": "kernel/a.ko:\n", "modules.order": "kernel/a.ko\n"}


def dpkg_deb(*words: str) -> str:
    """Return what dpkg-deb prints."""
    return subprocess.run([program("dpkg-deb"), *words], capture_output=True, text=True, check=True).stdout


def test_content(run: Runner) -> None:
    """dpkg-deb reads it: files belong to root, with ordinary modes, and each has a checksum."""
    deb = str(make(run, FILES, MODULE_FILES))
    lines = [line.split() for line in dpkg_deb("-c", deb).splitlines()]

    assert {(it[0], it[1]) for it in lines} == {("drwxr-xr-x", "root/root"), ("-rw-r--r--", "root/root")}
    assert [it[-1][2:] for it in lines if it[0][0] == "-"] == [
        f"boot/System.map-{RELEASE}", f"boot/config-{RELEASE}", f"boot/vmlinuz-{RELEASE}",
        *(f"lib/modules/{RELEASE}/{it}" for it in MODULE_FILES),
        f"usr/lib/{PACKAGE}/vendor/board.dtb", f"usr/share/doc/{PACKAGE}/copyright",
    ]  # fmt: skip
    assert dpkg_deb("-f", deb, "Package", "Version", "Architecture").splitlines() == [
        f"Package: {PACKAGE}", "Version: 6.1.2-1", "Architecture: amd64",
    ]  # fmt: skip
    assert len(dpkg_deb("-I", deb, "md5sums").splitlines()) == len([it for it in lines if it[0][0] == "-"])


def test_the_same_bytes_wherever_it_is_made(run: Runner) -> None:
    """The order of files, their times, and the umask leave no trace."""
    first = make(run, FILES, MODULE_FILES).read_bytes()
    umask = os.umask(0o077)
    try:
        again = make(
            run, dict(reversed(FILES.items())), dict(reversed(MODULE_FILES.items())), name="-again"
        ).read_bytes()
    finally:
        os.umask(umask)

    assert first == again


def test_no_image(run: Runner) -> None:
    """An output without an image cannot be packed."""
    with pytest.raises(NoKernelInside) as caught:
        make(run, {"config": ""})

    assert caught.value.name == "linux-6.1.2.deb"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return a root with a shell and run-parts, where hooks, depmod and linux-base leave lines in /log."""
    root = tmp_path / "root"
    add_tools(root, ["sh", "rm", "mkdir", "rmdir", "run-parts"])
    for name in LOGGED:
        (root / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >> /log\n')
        (root / "bin" / name).chmod(0o755)
    for name in HOOKS:
        hook = root / f"etc/kernel/{name}.d/initramfs-tools"
        hook.parent.mkdir(parents=True)
        act = {"postinst": ': > "/boot/initrd.img-$1"', "postrm": 'rm -f "/boot/initrd.img-$1"'}.get(name, ":")
        hook.write_text(f'#!/bin/sh\necho "{name} $1 $2 ($DEB_MAINT_PARAMS)" >> /log\n{act}\n')
        hook.chmod(0o755)
    (root / "dev").mkdir()
    (root / "dev/null").touch()
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/status").touch()
    return root


@pytest.mark.root
def test_dpkg_installs_and_removes(run: Runner, scratch: Path) -> None:
    """Dpkg unpacks it and runs the hooks of /etc/kernel, at removal too; a purge leaves nothing behind."""

    def dpkg(*words: str) -> list[str]:
        (scratch / "log").write_text("")
        command = [program("dpkg"), f"--root={scratch}", "--force-depends", "--force-bad-path", *words]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return (scratch / "log").read_text().splitlines()

    deb = str(make(run, FILES, MODULE_FILES))
    image = f"/boot/vmlinuz-{RELEASE}"
    assert dpkg("-i", deb) == [
        f"preinst {RELEASE} {image} (install)",
        f"depmod {RELEASE}",
        f"linux-update-symlinks install {RELEASE} {image}",
        f"postinst {RELEASE} {image} (configure )",
    ]
    assert (scratch / f"boot/initrd.img-{RELEASE}").exists()
    assert (scratch / f"lib/modules/{RELEASE}/kernel/a.ko").read_text() == "a module"
    assert f"linux-update-symlinks upgrade {RELEASE} {image}" in dpkg("-i", deb)
    (scratch / f"lib/modules/{RELEASE}/modules.dep.bin").touch()  # as depmod does
    removed = dpkg("-r", PACKAGE)
    assert removed[:3] == [
        f"linux-check-removal {RELEASE}",
        f"prerm {RELEASE} {image} (remove)",
        f"postrm {RELEASE} {image} (remove)",
    ]
    assert f"linux-update-symlinks remove {RELEASE} {image}" in removed
    dpkg("-P", PACKAGE)

    assert [it for it in (scratch / "boot").glob("*") if it.is_file()] == []
    assert not (scratch / "lib/modules" / RELEASE).exists()
