"""What `kernix doctor` reports about KVM after booting a kernel, here a few lines of shell."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING, Any

import pytest

from derivations.realise.kvm import KvmRecord
from kernix.machine.kvm_check import KVM
from store.layout import Layout
from tests.roots import add_tools


if TYPE_CHECKING:
    from pathlib import Path

    from tests.kernix.conftest import CommandLine


BOOT = """
import json
from derivations.derivation import Derivation, Hints
from derivations.linux.script import SHELL, script
from derivations.source import local_source

QEMU = 'case "$2" in kvm) {kvm} ;; tcg) {emulated} ;; esac'
files = {{"config": "", "qemu": QEMU}}
kernel = Derivation(name="kernel", system="builtin", builder="builtin:union", env={{"files": json.dumps(files)}})
boot = Derivation(
    name="fake-boot",
    system="x86_64-linux",
    builder=SHELL,
    args=script("boot", "sh /kernel/qemu", "image", "ttyS0", "1.0", "", "60 60 60", "60 60 60", "256", ""),
    mounts={{"/": local_source({root!r}).out, "/kernel": kernel.out}},
    hints=Hints(kvm=True),
)
"""
GUEST = "echo KERNIX-GUEST release=1.0"

with_kvm = pytest.mark.skipif(not os.access(KVM, os.R_OK | os.W_OK), reason=f"{KVM} cannot be opened")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root file system with the programs of the script that boots kernels."""
    root = tmp_path_factory.mktemp("boot") / "root"
    add_tools(root, ["cat", "grep", "mkdir", "rm", "sed", "sh", "sleep", "tail", "tee", "tr", "wc"])
    return root


def kvm(kernix: CommandLine) -> dict[str, Any]:
    """Return the doctor's result for KVM."""
    found: dict[str, Any] = next(it for it in kernix("doctor", "--json").json if it["name"] == "kvm")
    return found


@with_kvm
@pytest.mark.parametrize(
    ("qemu", "words", "state", "remembered"),
    [
        pytest.param((GUEST, "exit 7"), "fake boots with it", "fine", None, id="works"),
        pytest.param(
            ("exit 6", GUEST), "fake boots only without it", "absent", "QEMU ended with status 6", id="broken"
        ),
        pytest.param(("exit 6", "exit 7"), "fake does not boot at all", "absent", "before", id="kernel-broken"),
        pytest.param(("echo panic", GUEST), "fake boots only without it", "absent", "before", id="kernel-and-kvm"),
    ],
)
def test_a_kernel_of_the_store_is_booted(  # noqa: PLR0917 -- a table
    kernix: CommandLine, root: Path, qemu: tuple[str, str], words: str, state: str, remembered: str | None
) -> None:
    """The result of the boot is reported, and recorded if it says something about the machine."""
    file = kernix.write("boot.py", BOOT.format(root=str(root), kvm=qemu[0], emulated=qemu[1]))
    kernix("build", "-f", file, "boot", "--no-link")
    record = KvmRecord.of(Layout(kernix.home))
    record.fail("before")
    found = kvm(kernix)
    assert (state, True, remembered) == (found["state"], words in found["finding"], record.failure)


@with_kvm
def test_without_a_kernel_it_is_not_known(kernix: CommandLine) -> None:
    """A device that opens proves nothing, so the doctor names the command that tries it."""
    found = kvm(kernix)
    assert ("absent", True) == (found["state"], "kernix boot" in found["advice"])


@with_kvm
def test_without_a_kernel_a_recorded_failure_is_reported(kernix: CommandLine, hello: Path) -> None:
    """A recorded result is reported if it cannot be tried again."""
    kernix("build", "-f", hello, "hello", "--no-link")
    KvmRecord.of(Layout(kernix.home)).fail("it hangs")
    found = kvm(kernix)
    assert ("absent", True) == (found["state"], "it hangs" in found["finding"])


def test_kvm_disabled_by_the_user(kernix: CommandLine) -> None:
    """If the configuration disables KVM, nothing is tried."""
    kernix.configure("kvm = false\n")
    assert "config.toml" in kvm(kernix)["finding"]
