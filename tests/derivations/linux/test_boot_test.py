"""Tests of derivations.linux.boot_test and its builtin; tests/test_real_run.py boots."""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING, Any

import pytest

from derivations.image.initramfs import File
from derivations.linux.arguments import InvalidArgument
from derivations.linux.boot import SENTINEL, is_boot_test
from derivations.linux.boot_test import CONSOLE, KERNEL, boot_test
from derivations.linux.expectation import FACT, OUT, BootTestFailed
from derivations.linux.prebuilt import debian_kernel
from derivations.linux.script import text_of
from derivations.source import text_file
from kernels import kernel_set
from tests.derivations.realise.builtins.conftest import run
from tests.derivations.realise.builtins.test_module_closure import made
from tests.fakes import fake_context, fake_kernel_lock, fake_lock


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from derivations.linux.kernel import Kernel
    from tests.derivations.realise.builtins.conftest import Runner

__all__ = ["run"]


def kernel() -> Kernel:
    """Return a kernel that is built here."""
    return kernel_set(lock=fake_lock()).linux_micro


def entries(test: Derivation) -> dict[str, Any]:
    """Return the entries of the initramfs of *test*."""
    found: dict[str, Any] = json.loads(test.mounts[CONSOLE].derivation.mounts["/initramfs"].derivation.env["entries"])
    return found


def test_what_is_booted() -> None:
    """The guest has the script, the files and the disks; memory and words are QEMU's."""
    disk = text_file("disk", "")
    test = boot_test(
        kernel(), script="it", disks={"/mnt/x": disk}, files={"data": File(text="d")}, append="mine=1", memory=64
    )
    booted = test.mounts[CONSOLE].derivation
    found = entries(test)
    assert is_boot_test(booted)
    assert ("it", "d", "/dev/vda /mnt/x\n") == tuple(found[name]["text"] for name in ("script", "data", "disks"))
    assert ("64", "mine=1") == booted.args[-2:]
    assert disk.out == booted.mounts["/disks/00"]


def test_another_expectation_does_not_boot_again() -> None:
    """The boot does not depend on what is expected of it."""
    one, other = (boot_test(kernel(), script="it", expect=text) for text in ("a", "b"))
    assert one.key != other.key
    assert one.mounts[CONSOLE] == other.mounts[CONSOLE]


def test_modules_of_a_distributions_kernel() -> None:
    """With a disk, it loads what it needs for it; a kernel that is built here has that built in."""
    lock = fake_kernel_lock()
    prebuilt = debian_kernel("linux-image-cloud-amd64", context=fake_context().__class__(lock=lambda: lock))
    disks = {"/mnt": text_file("disk", "")}
    assert "virtio_blk" in entries(boot_test(prebuilt, script="it", disks=disks))["modules"]["text"]
    assert "modules" not in entries(boot_test(prebuilt, script="it"))
    assert "modules" not in entries(boot_test(kernel(), script="it", disks=disks))


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        pytest.param("script", {"script": " "}, id="empty-script"),
        pytest.param("script", {"script": 1}, id="script"),
        pytest.param("expect", {"expect": 1}, id="expect"),
        pytest.param("append", {"append": "a\nb"}, id="append"),
        pytest.param("disks", {"disks": ["x"]}, id="disks"),
        pytest.param("disks", {"disks": {"/mnt": "x"}}, id="not-a-disk"),
        pytest.param("disks", {"disks": {"mnt": text_file("x", "")}}, id="relative"),
        pytest.param("disks", {"disks": {"/a/../b": text_file("x", "")}}, id="dots"),
        pytest.param("disks", {"disks": {f"/{it}": text_file("x", "") for it in range(27)}}, id="many"),
        pytest.param("memory", {"memory": 1}, id="memory"),
        pytest.param("timeout", {"timeout": "1"}, id="timeout"),
    ],
)
def test_bad_input(argument: str, changes: dict[str, Any]) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidArgument) as raised:
        boot_test(kernel(), **{"script": "it", **changes})
    assert argument == raised.value.argument


def test_not_a_kernel() -> None:
    """A derivation is not a kernel."""
    given: Any = text_file("x", "")
    with pytest.raises(InvalidArgument):
        boot_test(given, script="it")


def test_the_words_of_the_guest() -> None:
    """The init prints what is read here."""
    text = text_of("boot-test")
    assert all(word in text for word in (OUT, FACT, SENTINEL))


CONFIG = b"CONFIG_X=y\n"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        pytest.param((), None, id="good"),
        pytest.param(("status=3",), "the script ended with status 3", id="status"),
        pytest.param(("release=2",), "the guest runs '2', not '6.12.117'", id="release"),
        pytest.param(("cmdline=x",), "the kernel's command line is 'x', without 'mine=1'", id="words"),
        pytest.param(("config=00",), "the configuration in /proc/config.gz is not the kernel's", id="config"),
        pytest.param(("setup=cannot mount it",), "cannot mount it", id="setup"),
    ],
)
def test_the_comparison(run: Runner, lines: tuple[str, ...], problem: str | None) -> None:
    """The output has the console, what the script printed, and the facts; whatever is expected, the kernel's facts must be right."""
    linux = kernel()
    test = boot_test(linux, script="it", expect="fine", append="mine=1")
    own = (f"release={linux.release}", "cmdline=a mine=1", f"config={hashlib.sha256(CONFIG).hexdigest()}", "status=0")
    console = "".join([f"{OUT}fine\n", *(f"{FACT}{it}\n" for it in (*own, *lines))])
    inputs = {
        CONSOLE: made(run, "console", {"console.log": console.encode()}),
        KERNEL: made(run, "kernel", {"config": CONFIG}),
    }
    if problem is not None:
        with pytest.raises(BootTestFailed) as raised:
            run(test, inputs)
        assert (problem.replace("6.12.117", linux.release),) == raised.value.problems
        return
    out = run(test, inputs)
    assert ["console.log", "facts.json", "output"] == sorted(it.name for it in out.iterdir())
    assert "fine\n" == (out / "output").read_text()
    assert linux.release == json.loads((out / "facts.json").read_bytes())["release"]
