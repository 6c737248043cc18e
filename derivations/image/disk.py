"""Disk images with a file system: a kernel's modules, or the root of a machine.

They are made in the sandbox, by pinned tools, as an ordinary user and without loop devices. The same tree gives
the same bytes: owners are root, files 0644 or 0755, times 1970, UUIDs and hash seeds follow from the name.
The size is computed; a disk is the file system alone, without a partition table (`/dev/vda`, not `/dev/vda1`).
"""

from __future__ import annotations

import os
import re
import uuid

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from derivations.callers.relative_path import relative_to_caller
from derivations.context import current
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output
from derivations.image.kernel import configuration_of
from derivations.linux.script import SHELL, script
from derivations.source import local_file, local_source
from derivations.suggest import suggestion
from derivations.systems import system_of
from derivations.union import union
from derivations.unpack import is_archive, unpack
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    from derivations.context import Context
    from derivations.forms import ListOf
    from derivations.image.kernel import Kernel


Format = Literal["qcow2", "raw"]
FileSystem = Literal["ext4", "squashfs", "erofs"]

Tree: TypeAlias = "Derivation | Output | str | os.PathLike[str]"
"""A tree, an archive, or the path of either."""

TOOLS = "disks"
"""The package set with the tools."""

MODULES_PLACE = "lib/modules"

_COMPRESSIONS: dict[str, tuple[str | None, ...]] = {
    # The first is the default.
    "ext4": (None,),
    "squashfs": ("zstd", "gzip", "lz4", "xz", None),
    "erofs": ("lz4hc", "lz4", None),
}
_DIRECTORIES = ("dev", "proc", "run", "sys", "tmp")
_MODES = {"tmp": 0o1777}
_STICKY = 0o1777  # what the sandbox lets a builder set
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,16}", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,12})([KMGT]?)", re.ASCII)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_NAMES = uuid.UUID("b1c3a2c8-3b5e-5c0f-9d55-6f0b3c2e7a11")  # the name space of the UUIDs of disks


class InvalidDisk(Error):
    """A disk is described with an invalid value of *argument*."""

    argument: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot make the disk: {self.argument}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Say what to write instead."""
        return self.advice


def make_module_disk(
    kernel: Kernel,
    *,
    format: Format = "qcow2",  # noqa: A002 -- the word of qemu-img
    filesystem: FileSystem = "ext4",
    compression: str | None = "default",
    modules: Derivation | Output | None = None,
    label: str | None = None,
    name: str | None = None,
) -> Derivation:
    """Return a disk with the modules of *kernel*: `<release>/…`, to be mounted at `/lib/modules`.

    Args:
        kernel: The kernel, which must be able to read *filesystem*.
        format: `qcow2`, compressed, or `raw`.
        filesystem: `ext4`, `squashfs` or `erofs`.
        compression: Of squashfs: `zstd`, the default, `gzip`, `lz4`, `xz`; of EROFS: `lz4hc`, the default, `lz4`; None for none.
        modules: A tree with `lib/modules/<release>` to use instead, such as `kernel.with_modules([...])`.
        label: The label of the file system, `modules` by default; only ext4 has one here.
        name: The name of the output.

    Raises:
        InvalidDisk: a value is invalid.
        MissingSet: the lock does not pin the tools.
    """
    tree = kernel.modules if modules is None else modules
    return _disk(
        tree.out if isinstance(tree, Derivation) else tree,
        context=kernel.context,
        kernel=kernel,
        directory=MODULES_PLACE,
        format=format,
        filesystem=filesystem,
        compression=compression,
        label=label or ("modules" if filesystem == "ext4" else None),
        name=name or f"modules-{kernel.release}",
    )


def make_root_disk(
    tree: Tree | ListOf[Derivation | Output],
    *,
    kernel: Kernel | None = None,
    format: Format = "qcow2",  # noqa: A002 -- as above
    filesystem: FileSystem = "ext4",
    compression: str | None = "default",
    free: int | str = 0,
    modes: Mapping[str, int] | None = None,
    label: str | None = None,
    name: str = "root",
    context: Context | None = None,
) -> Derivation:
    """Return a disk with *tree* as its root directory; `dev`, `proc`, `run`, `sys` and `tmp` are made if missing.

    Args:
        tree: A derivation, an output, or a list of these to be joined; or the path of a directory or of a tarball,
            relative to the calling file. An archive is unpacked; its owners and special bits are not kept.
        kernel: The kernel that will read it; if given, its configuration is checked for *filesystem*.
        format: `qcow2`, compressed, or `raw`.
        filesystem: `ext4`, `squashfs` or `erofs`.
        compression: As of `make_module_disk`.
        free: How much room to leave in an ext4: bytes, or a text such as `64M`; with 0 there is no journal either.
        modes: Permissions by path, where 0755 or 0644 does not fit; `tmp` is 01777.
        label: The label of the file system, `root` by default; only ext4 has one here.
        name: The name of the output.
        context: The lock; by default that of the kernel, or the one in use.

    Raises:
        InvalidDisk: a value is invalid.
        NoSource: a path does not exist.
        MissingSet: the lock does not pin the tools.
    """
    if isinstance(tree, str | os.PathLike):
        place = relative_to_caller(tree)
        tree = local_file(place) if place.is_file() else local_source(place)
    return _disk(
        _tree(tree, name),
        context=context or (kernel.context if kernel is not None else current()),
        kernel=kernel,
        format=format,
        filesystem=filesystem,
        compression=compression,
        label=label or ("root" if filesystem == "ext4" else None),
        name=name,
        free=_bytes(free, filesystem),
        directories=_DIRECTORIES,
        modes={**_MODES, **(_checked_modes(modes) if modes is not None else {})},
    )


def _disk(
    tree: Output,
    *,
    context: Context,
    kernel: Kernel | None,
    format: str,  # noqa: A002 -- as above
    filesystem: str,
    compression: str | None,
    label: str | None,
    name: str,
    directory: str = "",
    free: int = 0,
    directories: tuple[str, ...] = (),
    modes: Mapping[str, int] | None = None,
) -> Derivation:
    _one_of("format", format, get_args(Format))
    _one_of("filesystem", filesystem, get_args(FileSystem))
    known = _COMPRESSIONS[filesystem]
    if compression == "default":
        compression = known[0]
    if compression not in known:
        choices = ", ".join(repr(it) for it in known)
        raise InvalidDisk("compression", f"{filesystem} cannot have {compression!r} here", f"it may be {choices}")
    if label is not None and (filesystem != "ext4" or not _LABEL.fullmatch(label)):
        reason = f"{label!r} is not a label" if filesystem == "ext4" else f"{filesystem} has no label here"
        raise InvalidDisk("label", reason, "a label of ext4 has at most 16 letters, digits and `._-`")
    lock = context.lock()
    identity = str(uuid.uuid5(_NAMES, f"{name} {filesystem} {label}"))
    changed = [it for path, mode in sorted((modes or {}).items()) for it in (path, f"{mode:04o}")]
    return Derivation(
        name=f"{name}.{'img' if format == 'raw' else format}",
        system=system_of(lock.architecture(TOOLS)),
        builder=SHELL,
        args=script(
            "disk",
            directory,
            format,
            filesystem,
            compression or "",
            label or "",
            identity,
            str(free),
            " ".join(directories),
            *changed,
        ),
        mounts={
            "/": root_file_system(TOOLS, lock).out,
            "/tree": tree,
            **(configuration_of(kernel) if kernel is not None else {}),
        },
        hints=Hints(description=f"make the disk {name}"),
    )


def _tree(given: Any, name: str) -> Output:  # noqa: ANN401 -- what the user wrote
    """Return the tree that *given* stands for."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        parts = list(given)
        if wrong := [it for it in parts if not isinstance(it, Derivation | Output)]:
            raise InvalidDisk("tree", f"{wrong[0]!r} is not a derivation")
        return union(f"{name}-tree", parts).out
    if not isinstance(given, Derivation | Output):
        raise InvalidDisk(
            "tree",
            f"{given!r} is not a tree",
            "give a derivation, a list of them, or the path of a directory or tarball",
        )
    output = given.out if isinstance(given, Derivation) else given
    return unpack(output, strip=0).out if is_archive(output.derivation.name) else output


def _one_of(argument: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        near = suggestion(value, known) if isinstance(value, str) else None
        raise InvalidDisk(argument, f"{value!r} is unknown", near or f"it may be {', '.join(known)}")


def _bytes(free: object, filesystem: str) -> int:
    """Return how many bytes *free* is."""
    if isinstance(free, str) and (match := _SIZE.fullmatch(free)):
        free = int(match[1]) << _UNITS[match[2]]
    if not isinstance(free, int) or isinstance(free, bool) or free < 0:
        raise InvalidDisk("free", f"{free!r} is not a size", "write bytes, or a text such as '64M'")
    if free and filesystem != "ext4":
        raise InvalidDisk("free", f"{filesystem} cannot be written", "use ext4, or leave it out")
    return free


def _checked_modes(modes: object) -> dict[str, int]:
    if not isinstance(modes, Mapping):
        raise InvalidDisk("modes", f"it must be a mapping of paths, not {modes!r}")
    for path, mode in modes.items():
        if not isinstance(path, str) or "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
            raise InvalidDisk("modes", f"{path!r} is not a path on the disk", "write it without a leading slash")
        if not isinstance(mode, int) or isinstance(mode, bool) or mode & ~_STICKY:
            raise InvalidDisk("modes", f"{path}: {mode!r} is not a mode", "it may be up to 0o1777")
    return dict(modes)
