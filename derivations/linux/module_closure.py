"""The modules that an initramfs or a small system needs, with everything that those need, as a derivation.

    modules, config, firmware ──closure──▶ the files ──depmod──▶ lib/modules/RELEASE, lib/firmware, load-order, closure.json

`closure.json` says why each module is there. `load-order` has their files, in the order in which they can be loaded one by one.
"""

from __future__ import annotations

import os

from typing import TYPE_CHECKING, Final, Protocol

from derivations.callers.relative_path import relative_to_caller
from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.hardware.snapshot import Snapshot
from derivations.linux.arguments import InvalidArgument, snapshot
from derivations.linux.script import SHELL, script
from derivations.modules.request import Request


if TYPE_CHECKING:
    from derivations.forms import ListOf
    from derivations.toolchain import Toolchain


MODULES, KERNEL, FIRMWARE = "/modules", "/kernel", "/firmware"
"""The mount points of the inputs."""

LOAD_ORDER: Final = "load-order"
LIST: Final = "closure.json"
"""The files at the top of the output, beside `lib`."""


class Kernel(Protocol):
    """The part of a kernel that a closure needs; one that was compiled elsewhere has it, too."""

    @property
    def name(self) -> str:
        """Return its full name."""
        ...

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        ...

    @property
    def out(self) -> Output:
        """Return the output with its `config`."""
        ...

    @property
    def modules(self) -> Output:
        """Return the output with `lib/modules/<release>`."""
        ...

    @property
    def toolchain(self) -> Toolchain:
        """Return the toolchain, which has depmod."""
        ...


def module_closure(
    kernel: Kernel,
    modules: ListOf[str] = (),
    *,
    filesystems: ListOf[str] = (),
    encryption: ListOf[str] = (),
    hardware: Snapshot | str | os.PathLike[str] | None = None,
    firmware: Derivation | Output | None = None,
    tree: Derivation | Output | None = None,
    decompress: bool = False,
    name: str | None = None,
) -> Derivation:
    """Return the modules of *kernel* that a request needs, with all that these need, indexed by one depmod.

    The output has `lib/modules/<release>`, with *firmware* also `lib/firmware`, `load-order` and `closure.json`.

    Args:
        kernel: The kernel.
        modules: Modules, globs, directories and device aliases (`derivations.modules.request`).
        filesystems: Types of file systems to mount, such as `ext4`.
        encryption: Ciphers such as `aes-xts-plain64`, or lines of `dmsetup table`.
        hardware: A snapshot of machines, as made by `kernix detect`, or its file.
        firmware: A tree with firmware: in `lib/firmware`, or at its top.
        tree: The modules to choose from, by default the kernel's own; `kernel.with_modules` makes one with more.
        decompress: Whether to decompress modules, for programs that cannot, and for archives that are compressed as a whole.
        name: The name of the derivation.

    Raises:
        InvalidArgument: a value is invalid.
        InvalidModuleRequest: a name is invalid.
        InvalidEncryption: one of *encryption* is neither a cipher nor a line of a table.
    """
    if isinstance(hardware, str | os.PathLike):
        hardware = snapshot(relative_to_caller(hardware))
    if hardware is not None and not isinstance(hardware, Snapshot):
        raise InvalidArgument("hardware", f"it must be a snapshot or its file, not {hardware!r}")
    if not isinstance(getattr(kernel, "modules", None), Output):
        raise InvalidArgument("kernel", f"{kernel!r} is not a kernel")
    request = Request(modules=modules, filesystems=filesystems, encryption=encryption, hardware=hardware)
    label = f"{kernel.name}-module-closure" if name is None else name
    chosen = Derivation(
        name=f"{label}-files",
        system=ANY_SYSTEM,
        builder="builtin:module-closure",
        env={"request": canonical_json(request.to_json()).decode(), **({"decompress": "1"} if decompress else {})},
        mounts={
            MODULES: kernel.modules if tree is None else _output("tree", tree),
            KERNEL: kernel.out,
            **({} if firmware is None else {FIRMWARE: _output("firmware", firmware)}),
        },
        hints=Hints(description=f"choose modules of {kernel.name}"),
    )
    return Derivation(
        name=label,
        system=kernel.toolchain.system,
        builder=SHELL,
        args=script("depmod", kernel.release),
        mounts={"/": kernel.toolchain.root, "/closure": chosen.out},
        hints=Hints(description=f"some modules of {kernel.name}, with all that they need"),
    )


def _output(argument: str, value: object) -> Output:
    if isinstance(value, Derivation):
        return value.out
    if not isinstance(value, Output):
        raise InvalidArgument(argument, f"{value!r} is not a derivation; use fetch_url, fetch_deb or local_source")
    return value
