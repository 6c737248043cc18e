"""Unified kernel images: their sections, their bytes, and what they cannot be made of."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context
from derivations.debian.lock import Lock, Package
from derivations.image.boot_entry import InvalidCommandLine
from derivations.image.pe import InvalidImage, read_program
from derivations.image.uki import INITRD, KERNEL, STUB, InvalidUnifiedImage, make_uki
from derivations.realise.builtins.uki import IncompleteUnifiedImage
from derivations.source import NoSource, text_file
from tests.efi import ARM64, efi_program


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Output
    from tests.derivations.realise.builtins.conftest import Runner


PLACE = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
PACKAGE = Package(
    name="systemd-boot-efi", version="1", architecture="amd64", path="x.deb", archive="debian", size=1, sha256="0" * 64
)
ARCHIVE = text_file("initramfs", "an archive").out


class FakeKernel:
    """A kernel, as far as an image knows it."""

    def __init__(self, system: str = "x86_64-linux") -> None:
        """Make one for *system*."""
        self.context = Context(
            system=system, lock=lambda: Lock(packages=[PACKAGE], sets={"systemd-boot": [PACKAGE.identity]})
        )

    release = "6.1.2-x"
    out: Output = text_file("kernel", "").out
    modules: Output = out


def make(
    run: Runner,
    kernel: dict[str, bytes],
    stub: bytes | None = None,
    archives: tuple[bytes, ...] = (),
    **given: Any,  # noqa: ANN401 -- what a test varies
) -> Path:
    """Return the image of *kernel* with *archives*."""
    derivation = make_uki(FakeKernel(), initramfs=[ARCHIVE] * len(archives), **given)
    base = run.directory / os.urandom(4).hex()
    (base / "stub" / PLACE).parent.mkdir(parents=True)
    if stub != b"":
        (base / "stub" / PLACE).write_bytes(stub or efi_program())
    (base / "kernel").mkdir()
    for name, data in kernel.items():
        (base / "kernel" / name).write_bytes(data)
    inputs = {STUB: base / "stub", KERNEL: base / "kernel"}
    for index, data in enumerate(archives):
        inputs[f"{INITRD}{index:04}"] = base / str(index)
        (base / str(index)).write_bytes(data)
    return run(derivation, inputs)


def test_sections(run: Runner) -> None:
    """Everything is in its section, the kernel last; archives begin at multiples of four bytes."""
    kernel = efi_program({".text": b"a kernel"})
    image = make(run, {"bzImage": kernel}, archives=(b"first", b"second"), cmdline="ro quiet", title='A "kernel"\n')
    made = read_program("made", image.read_bytes())

    assert [name for name, *_ in made.sections][2:] == [".osrel", ".cmdline", ".uname", ".initrd", ".linux"]
    assert made.section(".linux") == kernel
    assert made.section(".cmdline") == b"ro quiet"
    assert made.section(".uname") == b"6.1.2-x"
    assert made.section(".initrd") == b"first\0\0\0second\0\0"
    assert made.section(".osrel") == b'ID=linux\nNAME="Linux"\nPRETTY_NAME="A kernel"\nVERSION_ID="6.1.2-x"\n'


def test_what_is_not_given_has_no_section(run: Runner) -> None:
    """Without a command line and an initramfs, the loader gives them."""
    made = read_program("made", make(run, {"bzImage": efi_program()}).read_bytes())
    assert [name for name, *_ in made.sections][2:] == [".osrel", ".uname", ".linux"]


def test_the_same_bytes_wherever_it_is_made(run: Runner) -> None:
    """The umask and the directory leave no trace."""
    first = make(run, {"bzImage": efi_program()}, archives=(b"x",))
    umask = os.umask(0o077)
    try:
        again = make(run, {"bzImage": efi_program()}, archives=(b"x",))
    finally:
        os.umask(umask)
    assert first.read_bytes() == again.read_bytes()
    assert first != again


def test_the_image_that_is_a_program(run: Runner) -> None:
    """Of a compressed image and one that the firmware can run, the latter is taken."""
    image = make(run, {"Image.gz": b"\x1f\x8b", "Image": efi_program({".text": b"plain"})})
    assert read_program("", image.read_bytes()).section(".linux") == efi_program({".text": b"plain"})


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        pytest.param({"kernel": {}}, IncompleteUnifiedImage, "its kernel has no image", id="no-kernel"),
        pytest.param(
            {"kernel": {"vmlinux": b"\x7fELF"}}, InvalidImage, "is configured without EFI_STUB", id="no-stub-in-it"
        ),
        pytest.param(
            {"kernel": {"bzImage": efi_program()[:-9]}}, InvalidImage, "the kernel 6.1.2-x .* truncated", id="cut"
        ),
        pytest.param(
            {"kernel": {"Image": efi_program(machine=ARM64)}}, InvalidImage, "the kernel for aa64", id="other"
        ),
        pytest.param({"stub": efi_program(machine=ARM64)}, InvalidImage, "it is for aa64", id="stub-of-another"),
        pytest.param({"stub": efi_program()[:300]}, InvalidImage, "linuxx64.efi.stub .* truncated", id="stub-cut"),
        pytest.param({"stub": b""}, IncompleteUnifiedImage, "its package of systemd has no ", id="no-stub"),
        pytest.param({"archives": (b"",)}, IncompleteUnifiedImage, "is empty", id="empty-initramfs"),
    ],
)
def test_what_cannot_be_built(run: Runner, given: dict[str, Any], error: type[Exception], sentence: str) -> None:
    """A part that is missing, damaged or for another machine is refused, and nothing is written."""
    with pytest.raises(error, match=sentence):
        make(run, **{"kernel": {"bzImage": efi_program()}, **given})


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param({"cmdline": "a\nb"}, InvalidCommandLine, id="two-lines"),
        pytest.param({"cmdline": "x" * 3000}, InvalidCommandLine, id="too-long"),
        pytest.param({"initramfs": 3}, InvalidUnifiedImage, id="a-number"),
        pytest.param({"initramfs": [None]}, InvalidUnifiedImage, id="nothing-in-a-list"),
        pytest.param({"initramfs": "there-is-none"}, NoSource, id="no-file"),
        pytest.param({"initramfs": "a\nfile"}, NoSource, id="a-line-break"),
    ],
)
def test_what_is_refused_at_once(given: dict[str, Any], error: type[Exception]) -> None:
    """Invalid values are refused before anything is built."""
    with pytest.raises(error):
        make_uki(FakeKernel(), **given)


def test_a_machine_without_efi() -> None:
    """A system that has no EFI has no such image."""
    with pytest.raises(InvalidUnifiedImage, match="s390x-linux, which has no EFI"):
        make_uki(FakeKernel("s390x-linux"))
