r"""A kernel's initramfs, its first root file system, as a derivation.

For a kernel, it is made of modules, programs and an init, or of a template directory:

    make_initramfs(kernel, modules=["virtio_blk", "ext4"])
    make_initramfs(kernel, template="ramdisk-template", modules="modules.ramfs", autoload="modules.autoload")

Or its entries are described one by one. They may be device nodes, which needs no privileges, and files and
trees from other derivations:

    make_initramfs({
        "init": File(text="#!/bin/sh\n...", mode=0o755),
        "bin/busybox": Copy(busybox, "usr/bin/busybox"),
        "bin/sh": Link("busybox"),
        "dev/console": Device("c", 5, 1),
        "proc": Directory(),
    })
"""

from __future__ import annotations

import os

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from derivations.callers.relative_path import relative_to_caller
from derivations.derivation import Derivation, Hints, InvalidDerivation, Output
from derivations.fetch import ANY_SYSTEM
from derivations.image.compression import COMPRESSIONS, Compression
from derivations.image.entries import Copy, Device, Directory, Entry, File, Joined, Link, Loaded, described
from derivations.image.kernel import ModularKernel, is_kernel
from derivations.image.kernel_initramfs import (
    InvalidInitramfsArgument,
    join_initramfs,
    kernel_initramfs,
    make_module_initramfs,
)


if TYPE_CHECKING:
    from typing import Unpack

    from derivations.image.kernel_initramfs import InitramfsKeywords


__all__ = [
    "Compression",
    "Copy",
    "Device",
    "Directory",
    "Entry",
    "File",
    "InvalidInitramfsArgument",
    "Joined",
    "Link",
    "Loaded",
    "early_microcode",
    "join_initramfs",
    "make_initramfs",
    "make_module_initramfs",
]

_PATHS = frozenset({"autoload", "init", "modules", "template"})


@overload
def make_initramfs(
    of: Mapping[str, Entry], /, *, name: str = "initramfs", compression: Compression | None = None
) -> Derivation: ...


@overload
def make_initramfs(of: ModularKernel, /, **arguments: Unpack[InitramfsKeywords]) -> Derivation: ...


def make_initramfs(of: Mapping[str, Entry] | ModularKernel, /, **arguments: Any) -> Derivation:
    """Return an initramfs: for a kernel, or with the entries in a mapping, path to entry.

    Args:
        of: The kernel, or the entries. With entries, only *name* and *compression* may be given.
        **arguments: All by name.

            template: A directory to start from: its path, relative to the calling file, or a derivation.
            modules: The modules to include, with all that they need (`derivations.modules.request`): names (`ext4`),
                aliases, files, directories or patterns below `lib/modules/<release>/kernel` (`drivers/virtio`, `fs/nls/*`);
                or the path of a file with one of these a line, MiniVM's `modules.ramfs`; or a tree that has
                `lib/modules/<release>`, such as that of `module_closure`.
            autoload: The modules to load first, likewise, or the path of a file with them. Their names are in
                `/modules.autoload` in the image.
            firmware: A tree with firmware; what the modules name of it is in `lib/firmware`.
            programs: Programs of Debian's with all that they load: `busybox`, `e2fsck`, `cryptsetup`, `lvm`. The first
                two by default, or none with a template.
            init: What runs first: a path, a derivation, a `File`; by default the template's, or else one that mounts
                the root file system. It replaces that of the template.
            entries: Further entries.
            compression: `zstd`, `xz`, `lz4`, `gzip` or `none`; by default, `auto`, the best that the kernel can unpack.
            prepend: Archives to put in front, such as `early_microcode(...)`.
            append: Archives to put at the end.
            name: The name of the output.

    Raises:
        InvalidDerivation: a path or a mode is invalid.
        InvalidInitramfsArgument, InvalidModuleList, InvalidModuleRequest: another value is invalid.
        NoSource: a path does not exist.
        MissingSet: the lock does not pin a program.
    """
    if isinstance(of, Mapping) or not is_kernel(of):
        return _of_entries(of, **arguments)
    for name in _PATHS & arguments.keys():  # not in a comprehension, which is a call of its own before Python 3.12
        arguments[name] = _from_caller(arguments[name])
    return kernel_initramfs(of, **arguments)


def early_microcode(
    *, intel: Derivation | Output | None = None, amd: Derivation | Output | None = None, name: str = "microcode"
) -> Derivation:
    """Return the archive of microcode that the kernel loads before anything else; to be prepended, and not compressed.

    Args:
        intel: A tree with Intel's files in `intel-ucode`, as in linux-firmware or below `lib/firmware`.
        amd: A tree with AMD's `microcode_amd*.bin` in `amd-ucode`.
        name: The name of the output.

    Raises:
        InvalidInitramfsArgument: neither is given.
    """
    entries: dict[str, Entry] = {}
    if intel is not None:
        entries["kernel/x86/microcode/GenuineIntel.bin"] = Joined(intel, "intel-ucode")
    if amd is not None:
        entries["kernel/x86/microcode/AuthenticAMD.bin"] = Joined(amd, "amd-ucode", "microcode_amd*.bin")
    if not entries:
        raise InvalidInitramfsArgument("microcode", "neither intel nor amd is given")
    return _of_entries(entries, name=name)


def _of_entries(of: object, name: str = "initramfs", compression: str | None = None, **others: object) -> Derivation:
    if others or not isinstance(of, Mapping):
        what = f"with entries, {next(iter(others))} has no meaning" if isinstance(of, Mapping) else ""
        problem = what or f"its entries must be a mapping of paths, or a kernel, not {of!r}"
        raise InvalidDerivation(str(name), (problem,))
    known = [None, *(it for it in COMPRESSIONS if it not in {"auto", "lz4"})]
    if compression not in known:
        raise InvalidInitramfsArgument("compression", f"{compression!r} is not one of {', '.join(map(str, known))}")
    of_builder = described(name, of)
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:initramfs",
        env={"entries": of_builder.text, **({"compression": compression} if compression not in {None, "none"} else {})},
        mounts=of_builder.mounts,
        hints=Hints(description=f"make {name}"),
    )


def _from_caller(value: Any) -> Any:  # noqa: ANN401 -- an argument, which is checked where it is used
    """Return *value*, if it is the name of a file, relative to the file that calls `make_initramfs`."""
    return relative_to_caller(value, depth=2) if isinstance(value, str | os.PathLike) else value
