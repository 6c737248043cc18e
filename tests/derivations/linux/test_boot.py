"""The script that boots kernels, run as in the sandbox with a few lines of shell for QEMU, and its requirements.

The tests that build a real kernel boot it with the real QEMU.
"""

from __future__ import annotations

import json
import shutil
import subprocess

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.debian.sets import SETS
from derivations.linux.boot import BootPatience, initramfs, is_boot_test, needed_options, own_init, uname_test
from derivations.linux.script import SHELL, script
from derivations.source import text_file
from derivations.systems import MACHINES
from derivations.toolchain import Toolchain, gcc_toolchain, named_toolchain
from tests.fakes import fake_lock


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation


NEEDED = ("bwrap", "grep", "sed", "tail", "tee", "tr", "wc")
MISSING = [name for name in NEEDED if shutil.which(name) is None]

with_script = pytest.mark.skipif(bool(MISSING), reason=f"this machine lacks {', '.join(MISSING)}")

GUEST = "printf 'Linux version 1.0\\r\\nKERNIX-GUEST release=1.0\\r\\nKERNIX-GUEST uname=Linux 1.0\\r\\n'"
CONFIG = "CONFIG_TTY=y\n"
HANGS = BootPatience(first=1, quiet=60, whole=60)
STOPS = BootPatience(first=60, quiet=1, whole=60)
CRAWLS = BootPatience(first=60, quiet=60, whole=2)
LONG = BootPatience(first=60, quiet=60, whole=60)


@attrs.frozen
class Booted:
    """The result of a run of the script."""

    code: int
    lines: list[str]
    console: str | None

    def reported(self, kind: str) -> list[Any]:
        """Return the reports of *kind* to the realiser."""
        words = [json.loads(line.removeprefix("@kernix ")) for line in self.lines if line.startswith("@kernix ")]
        return [word[kind] for word in words if kind in word]

    @property
    def accelerators(self) -> list[str]:
        """Return the accelerators that were tried, in order."""
        return [line.removeprefix("accelerator: ") for line in self.lines if line.startswith("accelerator: ")]


def booted(
    top: Path,
    *,
    emulated: str = GUEST,
    kvm: str | None = None,
    with_kvm: BootPatience = LONG,
    by_emulation: BootPatience = LONG,
    config: str = CONFIG,
    append: str = "",
) -> Booted:
    """Return the result of a boot with QEMU running *emulated*, or *kvm* if the machine has KVM."""
    for name in ("build", "out", "kernel"):
        (top / name).mkdir()
    (top / "kernel/config").write_text(config)
    (top / "kernel/qemu").write_text(f'case "$2" in kvm) {kvm or "exit 9"} ;; tcg) {emulated} ;; *) exit 8 ;; esac\n')
    (top / "device").touch()
    device = ("--ro-bind", top / "device", "/dev/kvm") if kvm is not None else ()
    arguments = script(
        "boot",
        "sh /kernel/qemu",
        "image",
        "ttyS0",
        "1.0",
        "TTY BINFMT_ELF BINFMT_SCRIPT",
        str(with_kvm),
        str(by_emulation),
        "512",
        append,
    )
    options = ("--ro-bind", "/usr", "/usr", "--dev", "/dev", "--proc", "/proc", *device, "--unshare-pid")
    links = [word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
    places = [word for name in ("build", "out") for word in ("--bind", top / name, f"/{name}")]
    done = subprocess.run(
        [
            str(shutil.which("bwrap")),
            *options,
            *links,
            *places,
            "--ro-bind",
            top / "kernel",
            "/kernel",
            "--",
            SHELL,
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    console = top / "out/out/console.log"
    return Booted(
        done.returncode, (done.stdout + done.stderr).splitlines(), console.read_text() if console.exists() else None
    )


@with_script
def test_a_machine_without_kvm(tmp_path: Path) -> None:
    """The guest's line under emulation is enough, and its console is the result."""
    boot = booted(tmp_path)
    assert (0, ["tcg"], [], []) == (boot.code, boot.accelerators, boot.reported("warning"), boot.reported("kvm"))
    assert boot.console == "Linux version 1.0\nKERNIX-GUEST release=1.0\nKERNIX-GUEST uname=Linux 1.0\n"


@with_script
def test_a_machine_whose_kvm_works(tmp_path: Path) -> None:
    """The guest's line with KVM is enough."""
    boot = booted(tmp_path, kvm=GUEST, emulated="exit 7")
    assert (0, ["kvm"], [], []) == (boot.code, boot.accelerators, boot.reported("warning"), boot.reported("kvm"))


@with_script
@pytest.mark.parametrize(
    ("kvm", "patience", "reason"),
    [
        pytest.param("exec sleep 1000", HANGS, "the console showed nothing within 1 seconds", id="silent"),
        pytest.param("echo a warning >&2; exec sleep 1000", HANGS, "the console showed nothing within 1 seconds", id="talking-qemu"),
        pytest.param("echo Linux; exec sleep 1000", STOPS, "the console fell silent for 1 seconds", id="midway"),
        pytest.param("while :; do echo x; sleep 0.1; done", CRAWLS, "the machine still ran after 2 seconds", id="crawling"),
        pytest.param('echo no \\"KVM\\" >&2; exit 1', LONG, "QEMU ended with status 1: no KVM", id="refused"),
        pytest.param("kill -SEGV $$", LONG, "QEMU ended with status 139", id="crashed"),
    ],
)  # fmt: skip
def test_a_machine_whose_kvm_does_not_work(tmp_path: Path, kvm: str, patience: BootPatience, reason: str) -> None:
    """However the boot with KVM fails, emulation decides; the user and the realiser get one report."""
    boot = booted(tmp_path, kvm=kvm, with_kvm=patience)
    assert (0, ["kvm", "tcg"]) == (boot.code, boot.accelerators)
    assert [reason] == boot.reported("kvm")
    assert [True] == [reason in it for it in boot.reported("warning")]
    assert boot.console is not None
    assert boot.console.startswith("Linux version 1.0\nKERNIX-GUEST")


@with_script
@pytest.mark.parametrize(
    "kvm",
    [
        pytest.param("echo Kernel panic", id="panic"),
        pytest.param("printf 'KERNIX-GUEST release=2.0\\r\\n'", id="another-release"),
    ],
)
def test_a_guest_that_fails_with_kvm_by_itself(tmp_path: Path, kvm: str) -> None:
    """A kernel that exits with KVM but boots without it is reported, but not as a problem of the machine."""
    boot = booted(tmp_path, kvm=kvm)
    assert (0, ["kvm", "tcg"], []) == (boot.code, boot.accelerators, boot.reported("kvm"))
    assert 1 == len(boot.reported("warning"))


@with_script
@pytest.mark.parametrize(
    ("emulated", "patience", "reason"),
    [
        pytest.param("exec sleep 1000", HANGS, "the console showed nothing within 1 seconds", id="silent"),
        pytest.param("exit 1", LONG, "QEMU ended with status 1", id="refused"),
        pytest.param("echo Linux", LONG, "the guest ended without saying that it is there", id="ended"),
        pytest.param("echo '[ 1.2] Kernel panic - x'", LONG, "the guest's kernel failed: Kernel panic - x", id="panic"),
        pytest.param("echo KERNIX-GUEST release=2.0", LONG, "the guest runs another release than 1.0", id="release"),
    ],
)
def test_a_kernel_that_does_not_boot(tmp_path: Path, emulated: str, patience: BootPatience, reason: str) -> None:
    """The error is that of emulation, and names what the kernel lacks; KVM is not blamed if emulation fails too."""
    boot = booted(tmp_path, kvm="echo Linux; exit 1", emulated=emulated, by_emulation=patience)
    assert (1, ["kvm", "tcg"], []) == (boot.code, boot.accelerators, boot.reported("kvm"))
    assert [f"{reason} (and with KVM, before: QEMU ended with status 1)"] == boot.reported("error")
    assert ["the kernel lacks what a boot here needs: BINFMT_ELF BINFMT_SCRIPT"] == boot.reported("hint")


@with_script
def test_a_failure_ends_with_the_console_from_the_panic_on(tmp_path: Path) -> None:
    """What came before it, and the rest of a long trace, is only in the log above."""
    boot = booted(tmp_path, emulated="echo Linux; echo; echo Oops: 1; echo; seq 50")
    start = boot.lines.index("the guest's console:")
    assert ["Oops: 1", *map(str, range(1, 24))] == boot.lines[start + 1 : -1]


@with_script
@pytest.mark.parametrize("line", ["# CONFIG_TTY is not set", "CONFIG_TTY=m"])
def test_a_kernel_without_a_console_is_refused(tmp_path: Path, line: str) -> None:
    """It is not booted, since nothing could be heard of it."""
    boot = booted(tmp_path, config=f"{line}\n")
    assert (1, []) == (boot.code, boot.accelerators)
    assert ["the guest could not say that it is there: the kernel is configured without TTY"] == boot.reported("error")


@pytest.mark.parametrize("system", MACHINES)
def test_every_machine_has_a_console(system: str) -> None:
    """The driver of the console is known for each system."""
    options = needed_options(gcc_toolchain(fake_lock(), system))
    assert [] != [it for it in options if "CONSOLE" in it]


OWN_INIT = ("aarch64-linux", "armv7l-linux", "i686-linux", "riscv64-linux")


@pytest.mark.parametrize("system", OWN_INIT)
def test_an_init_of_our_own(system: str) -> None:
    """Where Debian may have no BusyBox, init is compiled by the kernel's toolchain, and a lock needs no package of that machine."""
    lock = fake_lock([it for it in SETS if not it.startswith("busybox")])
    toolchain = gcc_toolchain(lock, system)

    assert [own_init(toolchain)] == [it.derivation for it in initramfs(lock, toolchain).inputs]
    assert "BINFMT_SCRIPT" not in needed_options(toolchain)


@pytest.mark.parametrize("system", [it for it in MACHINES if it not in OWN_INIT])
def test_others_run_busybox(system: str) -> None:
    """The init of other systems is a script for BusyBox."""
    toolchain = gcc_toolchain(fake_lock(), system)

    assert [True] == ["busybox-static" in it.derivation.name for it in initramfs(fake_lock(), toolchain).inputs]
    assert "BINFMT_SCRIPT" in needed_options(toolchain)


@pytest.mark.parametrize(
    ("system", "toolchain", "compiler"),
    [
        ("aarch64-linux", "gcc", "aarch64-linux-gnu-gcc "),
        ("i686-linux", "gcc", "gcc -m32 "),
        ("aarch64-linux", "clang", "clang --target=aarch64-linux-gnu -fuse-ld=lld "),
        ("i686-linux", "clang", "clang -fuse-ld=lld -m32 "),
    ],
)
def test_the_compiler_of_init(system: str, toolchain: str, compiler: str) -> None:
    """Init is compiled for the kernel's machine, by the compiler of the kernel."""
    first = own_init(named_toolchain(toolchain, fake_lock(), system))
    assert first.args[-1].startswith(compiler)


def test_only_x86_has_kvm() -> None:
    """A builder gets /dev/kvm if the kernel's and the machine's processors are both x86."""
    systems = [it for it in MACHINES if boot(gcc_toolchain(fake_lock(), it)).hints.kvm]
    native = gcc_toolchain(fake_lock(), "x86_64-linux")
    assert ["i686-linux", "x86_64-linux"] == systems
    assert not boot(attrs.evolve(native, system="aarch64-linux")).hints.kvm


def test_a_boot_test_is_recognised_by_its_script() -> None:
    """A test with another version of the script, whose output might differ, is not recognised."""
    test = boot(gcc_toolchain(fake_lock(), "x86_64-linux"))
    other = attrs.evolve(test, args=("-c", f"{test.args[1]}\n", *test.args[2:]))
    assert (True, False) == (is_boot_test(test), is_boot_test(other))


def boot(toolchain: Toolchain) -> Derivation:
    """Return the test of a kernel compiled by *toolchain*."""
    return uname_test("linux", text_file("linux", "").out, "1.0", toolchain, fake_lock())
