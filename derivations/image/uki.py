"""Unified kernel images as derivations: kernel, initramfs and command line in one EFI program."""

from __future__ import annotations

import os

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from derivations.callers.relative_path import relative_to_caller
from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import ANY_SYSTEM, fetch_deb
from derivations.image.boot_entry import check_command_line
from derivations.image.unified import EFI_NAMES, PACKAGE, STUB_SET, stub_place
from derivations.source import local_file
from derivations.toolchain import static_set
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    from derivations.context import Context
    from derivations.forms import ListOf
    from derivations.image.kernel import Kernel

    Initramfs: TypeAlias = Derivation | Output | str | os.PathLike[str]


STUB, KERNEL, INITRD = "/stub", "/kernel", "/initrd"
"""Where the builder sees the stub, the kernel's output, and the initramfs, which are numbered."""


class InvalidUnifiedImage(Error):
    """A unified kernel image is described with an invalid value of *argument*."""

    argument: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot make the unified kernel image: {self.argument}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Say what to write instead."""
        return self.advice


def make_uki(
    kernel: Kernel,
    *,
    initramfs: Initramfs | ListOf[Initramfs] | None = None,
    cmdline: str | None = None,
    title: str | None = None,
    name: str | None = None,
) -> Derivation:
    """Return one EFI program, `NAME.efi`, with *kernel*, its initramfs and its command line; it is not signed.

    Args:
        kernel: The kernel, configured with `EFI_STUB`.
        initramfs: An archive, or a list of archives that are unpacked one over the other: derivations, outputs, or paths
            relative to the calling file.
        cmdline: The command line; None leaves it to the loader, or to whoever starts the program.
        title: What a menu shows.
        name: The name of the output, without `.efi`.

    Raises:
        InvalidUnifiedImage: a value is invalid, or the kernel's system has no EFI.
        InvalidCommandLine: *cmdline* cannot be one.
        NoSource: a path does not exist.
        MissingSet: the lock does not pin the stub.
    """
    stub, place = boot_stub(kernel.context)
    files = [_initrd(it) for it in _listed(initramfs)]
    name = name or f"linux-{kernel.release}"
    return Derivation(
        name=f"{name}.efi",
        system=ANY_SYSTEM,
        builder="builtin:uki",
        env={
            "release": kernel.release,
            "stub": place,
            "title": title or f"Linux {kernel.release}",
            **({"cmdline": check_command_line(cmdline)} if cmdline is not None else {}),
        },
        mounts={STUB: stub.out, KERNEL: kernel.out, **{f"{INITRD}{index:04}": it for index, it in enumerate(files)}},
        hints=Hints(description=f"make {name}.efi"),
    )


def boot_stub(context: Context) -> tuple[Derivation, str]:
    """Return the package with systemd's stub for the system of *context*, and the path of the stub in it.

    Raises:
        InvalidUnifiedImage: the system has no EFI.
        MissingSet: the lock does not pin it.
    """
    if context.system not in EFI_NAMES:
        raise InvalidUnifiedImage("kernel", f"it is for {context.system}, which has no EFI")
    lock = context.lock()
    package = lock.package(static_set(STUB_SET, lock, context.system), PACKAGE)
    return fetch_deb(package), stub_place(EFI_NAMES[context.system])


def _listed(given: Any) -> list[Any]:  # noqa: ANN401 -- what the user wrote
    if given is None:
        return []
    if isinstance(given, Derivation | Output | str | os.PathLike) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def _initrd(given: Any) -> Output:  # noqa: ANN401 -- what the user wrote
    if isinstance(given, str | os.PathLike):
        given = local_file(relative_to_caller(given))
    if not isinstance(given, Derivation | Output):
        raise InvalidUnifiedImage(
            "initramfs", f"{given!r} is not an archive", "give a derivation, or the path of a file"
        )
    return given.out if isinstance(given, Derivation) else given
