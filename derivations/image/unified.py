"""A unified kernel image: one EFI program with a kernel, its command line and its initramfs.

systemd's stub finds its sections by name (https://uapi-group.org/specifications/specs/unified_kernel_image/): `.osrel` is what a
menu shows, `.cmdline`, `.uname` and `.initrd` speak for themselves, and `.linux` is last, because some kernels
unpack themselves behind their own end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.image.pe import CODE, InvalidImage, Section, read_program, with_sections


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.image.pe import Program


EFI_NAMES = {
    "aarch64-linux": "aa64",
    "armv7l-linux": "arm",
    "i686-linux": "ia32",
    "riscv64-linux": "riscv64",
    "x86_64-linux": "x64",
}
"""EFI's name of a system; the others have no EFI."""

STUB_SET = "systemd-boot"
"""The package set with the stub and the loader."""

PACKAGE = "systemd-boot-efi"
_DIRECTORY = "usr/lib/systemd/boot/efi"
_ALIGNMENT = 4  # bytes: where a cpio archive behind another may begin


@attrs.frozen(kw_only=True)
class UnifiedParts:
    """What an image is made of.

    Attributes:
        title: What a menu shows.
        release: What `uname -r` prints on it.
        kernel: The kernel's own image.
        initrds: The archives of the initramfs; later ones are unpacked over earlier ones.
        cmdline: The command line; None leaves it to the loader.
        fields: Further fields of `.osrel`.
    """

    title: str
    release: str
    kernel: bytes = attrs.field(repr=False)
    initrds: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    cmdline: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict)


def stub_place(efi: str) -> str:
    """Return the path of the stub for the machine *efi* in its package."""
    return f"{_DIRECTORY}/linux{efi}.efi.stub"


def loader_place(efi: str) -> str:
    """Return the path of systemd-boot for the machine *efi* in its package."""
    return f"{_DIRECTORY}/systemd-boot{efi}.efi"


def unified_image(stub: Program, parts: UnifiedParts, name: str) -> bytes:
    """Return the image of *parts* with *stub*; *name* is what messages call the kernel.

    Raises:
        InvalidImage: the kernel is no EFI program, or for another machine, or the stub cannot take it.
    """
    kernel = kernel_program(name, parts.kernel)
    if kernel.machine != stub.machine:
        raise InvalidImage(
            stub.name,
            f"it is for {stub.machine}, and the kernel for {kernel.machine}",
            "take the stub of the kernel's machine",
        )
    initrd = b"".join(it + bytes(-len(it) % _ALIGNMENT) for it in parts.initrds)
    return with_sections(
        stub,
        [
            Section(".osrel", _os_release(parts).encode()),
            *([Section(".cmdline", parts.cmdline.encode())] if parts.cmdline is not None else []),
            Section(".uname", parts.release.encode()),
            *([Section(".initrd", initrd)] if initrd else []),
            Section(".linux", parts.kernel, CODE),
        ],
    )


def kernel_program(name: str, image: bytes) -> Program:
    """Return the kernel *image*, called *name*, as an EFI program.

    Raises:
        InvalidImage: it is none.
    """
    try:
        return read_program(name, image)
    except InvalidImage as error:
        if image[:2] == b"MZ":
            raise
        reason = "the kernel is configured without EFI_STUB, or its image is compressed as a whole"
        raise InvalidImage(error.name, reason, 'override it with extra_config={"EFI_STUB": YES}') from None


def _os_release(parts: UnifiedParts) -> str:
    fields = {"NAME": "Linux", "PRETTY_NAME": parts.title, "VERSION_ID": parts.release, **parts.fields}
    lines = (f'{name}="{_quotable(value)}"\n' for name, value in fields.items() if value)
    return "".join(["ID=linux\n", *lines])


def _quotable(text: str) -> str:
    return "".join(it for it in text if it.isprintable() and it not in '"\\$`')
