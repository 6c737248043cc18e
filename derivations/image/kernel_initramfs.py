"""The initramfs of one kernel: modules, programs, an init, and what a template has.

    modules ──`initramfs-modules.sh`──▶ lib/modules/<release> ─┐
    template ──────────────────────────────────────────────────┼──`builtin:initramfs`──▶ archive ──▶ joined with others
    programs, init, entries ───────────────────────────────────┘

Everything is checked when it is built: an init must exist and be able to run, two sources may not have one path, and the
kernel must be able to unpack the archive.
"""

from __future__ import annotations

import os

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.relative_path import relative_to_caller
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM, fetch_deb
from derivations.image.compression import COMPRESSIONS
from derivations.image.entries import Copy, Device, Directory, Entry, File, Link, described
from derivations.image.kernel import configuration_of
from derivations.image.modules import module_tree, words
from derivations.linux.script import SHELL
from derivations.source import local_file, local_source
from derivations.suggest import suggestion
from derivations.systems import system_of
from derivations.toolchain import static_set
from store.errors import Error


if TYPE_CHECKING:
    from typing import TypeAlias

    from derivations.forms import ListOf
    from derivations.image.compression import Compression
    from derivations.image.kernel import Kernel

    Template: TypeAlias = Derivation | Output | str | os.PathLike[str]
    Modules: TypeAlias = Derivation | Output | str | os.PathLike[str] | ListOf[str]
    Autoload: TypeAlias = str | os.PathLike[str] | ListOf[str]
    Init: TypeAlias = Derivation | Output | File | str | os.PathLike[str]


TEMPLATE, MODULES = "/template", "/modules"
"""Where the builder sees the trees."""

AUTOLOAD = "modules.autoload"
"""The list in the image of what is loaded first, one name a line; MiniVM's name and place."""

_INIT = Path(__file__).with_name("scripts") / "init.sh"

# Static programs: the package, and the places where Debian's package may have them.
_PROGRAMS = {
    "busybox": (
        "busybox-static",
        {"bin/busybox": "bin/busybox"},
        {"bin/sh": "busybox", "sbin/modprobe": "../bin/busybox"},
    ),
    "e2fsck": (
        "e2fsck-static",
        {"sbin/e2fsck": "sbin/e2fsck.static"},
        {f"sbin/fsck.ext{it}": "e2fsck" for it in (2, 3, 4)},
    ),
}

# What every init expects; what a template has of these is its own.
_BASE: dict[str, Entry] = {
    "dev": Directory(),
    "dev/console": Device("c", 5, 1),
    "dev/null": Device("c", 1, 3, 0o666),
    "proc": Directory(),
    "run": Directory(),
    "sys": Directory(),
    "tmp": Directory(0o1777),
}


_ARGUMENTS = (
    *("append", "autoload", "compression", "entries", "init", "modules", "name", "prepend", "programs", "template"),
)


class InvalidInitramfsArgument(Error):
    """An argument of `make_initramfs` has an invalid value."""

    argument: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot make the initramfs: {self.argument}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Say what to write instead."""
        return self.advice


def kernel_initramfs(
    kernel: Kernel,
    *,
    template: Template | None = None,
    modules: Modules = (),
    autoload: Autoload = (),
    programs: ListOf[str] | None = None,
    init: Init | None = None,
    entries: Mapping[str, Entry] | None = None,
    compression: str = "auto",
    prepend: ListOf[Derivation | Output] = (),
    append: ListOf[Derivation | Output] = (),
    name: str = "initramfs",
    **unknown: object,
) -> Derivation:
    """Return the initramfs of *kernel*; the arguments are those of `derivations.image.initramfs.make_initramfs`."""
    if unknown:
        wrong = next(iter(unknown))
        raise InvalidInitramfsArgument(wrong, "make_initramfs has no such argument", suggestion(wrong, _ARGUMENTS))
    _check_compression(compression)
    layers: dict[str, tuple[Output, str]] = {}
    if template is not None:
        layers[TEMPLATE] = (_template(template), "the template")
    loaded = words(autoload, "autoload")
    if isinstance(modules, Derivation | Output):
        layers[MODULES] = (modules.out if isinstance(modules, Derivation) else modules, "the modules")
    elif wanted := words(modules, "modules"):
        layers[MODULES] = (module_tree(kernel, (*wanted, *loaded)), "the modules")
    elif loaded:
        layers[MODULES] = (module_tree(kernel, loaded), "the modules")
    own = _programs(kernel, programs if programs is not None else () if template is not None else tuple(_PROGRAMS))
    given = {**own, **(entries or {})}
    if loaded:
        given[AUTOLOAD] = File("".join(f"{it}\n" for it in loaded))
    first = _init(init) if init is not None else None if template is not None else File(_INIT.read_text("utf-8"), 0o755)
    parts = _Parts(layers=layers, entries=given, init=first, base=_BASE)
    archive = _archive(kernel, parts, compression, name)
    return join_initramfs([*prepend, archive, *append], name=name) if prepend or append else archive


def make_module_initramfs(
    kernel: Kernel, modules: Modules, *, compression: Compression = "auto", name: str = "modules"
) -> Derivation:
    """Return an archive of *modules* of *kernel* alone, to be joined with an initramfs that many kernels share.

    The arguments are as of `make_initramfs`, and the errors, too.
    """
    _check_compression(compression)
    if isinstance(modules, str | os.PathLike):
        modules = relative_to_caller(modules)
    tree = modules if isinstance(modules, Derivation | Output) else module_tree(kernel, words(modules, "modules"))
    layers = {MODULES: (tree.out if isinstance(tree, Derivation) else tree, "the modules")}
    return _archive(kernel, _Parts(layers=layers), compression, name)


def join_initramfs(parts: ListOf[Derivation | Output], *, name: str = "initramfs") -> Derivation:
    """Return the archives *parts* one behind the other, as the kernel unpacks them: later ones over earlier ones.

    Early microcode must be in the first ones, which must not be compressed. So an initramfs that many kernels share can
    be joined with one of modules for each.

    Raises:
        InvalidInitramfsArgument: one of them is not a derivation.
    """
    given: Any = parts
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise InvalidInitramfsArgument("parts", f"it must be a list of archives, not {parts!r}")
    if wrong := [it for it in given if not isinstance(it, Derivation | Output)]:
        raise InvalidInitramfsArgument("parts", f"{wrong[0]!r} is not an archive")
    outputs = [it.out if isinstance(it, Derivation) else it for it in parts]
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:join-initramfs",
        mounts={f"/{index:04}": output for index, output in enumerate(outputs)},
        hints=Hints(description=f"join {name}"),
    )


@attrs.frozen(kw_only=True)
class _Parts:
    """What an archive is made of: whole trees, entries above them, an init in place of theirs, and what must not be missing."""

    layers: Mapping[str, tuple[Output, str]]
    entries: Mapping[str, Entry] = attrs.field(factory=dict)
    init: Entry | None = None
    base: Mapping[str, Entry] = attrs.field(factory=dict)


def _archive(kernel: Kernel, parts: _Parts, compression: str, name: str) -> Derivation:
    """Return the archive of *parts*, compressed."""
    others = described(name, parts.entries)
    first = described(name, {"init": parts.init} if parts.init is not None else {}, below="/init")
    layers = {place: what for place, (_, what) in parts.layers.items()}
    made_by_us = compression != "lz4"
    plain = Derivation(
        name=name if made_by_us else f"{name}.cpio",
        system=ANY_SYSTEM,
        builder="builtin:initramfs",
        env={
            "entries": others.text,
            "init": first.text,
            "base": described(name, parts.base).text,
            "layers": canonical_json(layers).decode(),
            "release": kernel.release,
            "system": kernel.context.system,
            "compression": compression,
        },
        mounts={
            **configuration_of(kernel),
            **{place: it for place, (it, _) in parts.layers.items()},
            **others.mounts,
            **first.mounts,
        },
        hints=Hints(description=f"make {name}"),
    )
    return plain if made_by_us else _lz4(kernel, plain, name)


def _lz4(kernel: Kernel, plain: Derivation, name: str) -> Derivation:
    """Return *plain* in the form of lz4 that the kernel unpacks, its first one."""
    lock = kernel.context.lock()
    return Derivation(
        name=name,
        system=system_of(lock.architecture("gcc")),
        builder=SHELL,
        args=("-euc", "exec lz4 -l -9 -c < /archive > /out/out"),
        mounts={"/": root_file_system("gcc", lock).out, "/archive": plain.out},
        hints=Hints(description=f"compress {name}"),
    )


def _check_compression(given: object) -> None:
    if given not in COMPRESSIONS:
        near = suggestion(given, COMPRESSIONS) if isinstance(given, str) else None
        advice = near or f"it may be {', '.join(COMPRESSIONS)}"
        raise InvalidInitramfsArgument("compression", f"{given!r} is unknown", advice)


def _template(given: Any) -> Output:  # noqa: ANN401 -- what the user wrote
    if isinstance(given, str | os.PathLike):
        return local_source(Path(given), name="template").out
    if isinstance(given, Derivation | Output):
        return given.out if isinstance(given, Derivation) else given
    raise InvalidInitramfsArgument("template", f"{given!r} is not a directory")


def _init(given: Any) -> Entry:  # noqa: ANN401 -- what the user wrote
    if isinstance(given, str | os.PathLike):
        given = local_file(Path(given), name="init")
    if isinstance(given, Derivation | Output):
        return Copy(given, mode=0o755)
    if isinstance(given, File):
        return given
    raise InvalidInitramfsArgument("init", f"{given!r} is not a file")


def _programs(kernel: Kernel, names: Any) -> dict[str, Entry]:  # noqa: ANN401 -- what the user wrote
    """Return the entries of the programs *names*."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidInitramfsArgument("programs", f"it must be a list of names, not {names!r}")
    lock = kernel.context.lock()
    found: dict[str, Entry] = {}
    for name in names:
        if name not in _PROGRAMS:
            near = suggestion(str(name), _PROGRAMS)
            advice = near or f"they are {', '.join(_PROGRAMS)}; add others as entries={{path: Copy(...)}}"
            raise InvalidInitramfsArgument("programs", f"{name!r} is unknown", advice)
        package, files, links = _PROGRAMS[name]
        tree = fetch_deb(lock.package(static_set(name, lock, kernel.context.system), package))
        found |= {place: Copy(tree, source, 0o755) for place, source in files.items()}
        found |= {place: Link(target) for place, target in links.items()}
    return found
