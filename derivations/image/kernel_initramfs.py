"""The initramfs of one kernel: modules, programs, an init, and what a template has.

    modules ──`module_closure`──▶ lib/modules/<release> ─┐
    template ────────────────────────────────────────────┼──`builtin:initramfs`──▶ archive ──▶ joined with others
    programs, init, entries ─────────────────────────────┘

Everything is checked when it is built: an init must exist and be able to run, two sources may not have one path, and the
kernel must be able to unpack the archive.
"""

from __future__ import annotations

import os

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import attrs

from derivations.callers.relative_path import relative_to_caller
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output, canonical_json
from derivations.fetch import ANY_SYSTEM
from derivations.image.compression import COMPRESSIONS
from derivations.image.entries import Copy, Device, Directory, Entry, File, described
from derivations.image.kernel import configuration_of
from derivations.image.modules import MODULES, module_tree, words
from derivations.image.programs import DEFAULT_PROGRAMS, PROGRAMS, entries_of
from derivations.linux.script import SHELL
from derivations.source import local_file, local_source
from derivations.suggest import suggestion
from derivations.systems import system_of
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias, Unpack

    from derivations.forms import ListOf
    from derivations.image.compression import Compression
    from derivations.image.kernel import ModularKernel
    from derivations.image.programs import Program

    Template: TypeAlias = Derivation | Output | str | os.PathLike[str]
    Modules: TypeAlias = Derivation | Output | str | os.PathLike[str] | ListOf[str]
    Autoload: TypeAlias = str | os.PathLike[str] | ListOf[str]
    Init: TypeAlias = Derivation | Output | File | str | os.PathLike[str]


TEMPLATE = "/template"
"""Where the builder sees the template."""

DEFAULT_INIT = (Path(__file__).with_name("scripts") / "init.sh").read_text(encoding="utf-8")
"""The text of what runs first, if nothing else is given."""

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


class InitramfsKeywords(TypedDict, total=False):
    """The arguments of `derivations.image.initramfs.make_initramfs` for a kernel."""

    template: Template | None
    modules: Modules
    autoload: Autoload
    firmware: Derivation | Output | None
    programs: ListOf[str] | None
    init: Init | None
    entries: Mapping[str, Entry] | None
    compression: Compression
    prepend: ListOf[Derivation | Output]
    append: ListOf[Derivation | Output]
    name: str


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


def kernel_initramfs(kernel: ModularKernel, **arguments: Unpack[InitramfsKeywords]) -> Derivation:
    """Return the initramfs of *kernel*; the arguments are those of `derivations.image.initramfs.make_initramfs`."""
    for wrong in arguments.keys() - InitramfsKeywords.__annotations__.keys():
        near = suggestion(wrong, InitramfsKeywords.__annotations__)
        raise InvalidInitramfsArgument(wrong, "make_initramfs has no such argument", near)
    compression, name = arguments.get("compression", "auto"), arguments.get("name", "initramfs")
    template, programs = arguments.get("template"), arguments.get("programs")
    _check_compression(compression)
    chosen = _programs(programs if programs is not None else () if template is not None else DEFAULT_PROGRAMS)
    loaded = words(arguments.get("autoload", ()), "autoload")
    layers: dict[str, tuple[Output, str]] = {}
    if template is not None:
        layers[TEMPLATE] = (_template(template), "the template")
    more = (*loaded, *(it for program in chosen for it in program.modules))
    if (tree := _modules(kernel, arguments.get("modules", ()), more, arguments.get("firmware"))) is not None:
        layers[MODULES] = (tree, "the modules")
    init = arguments.get("init")
    first = _init(init) if init is not None else None if template is not None else File(DEFAULT_INIT, 0o755)
    entries = {**entries_of(chosen, kernel.context.lock(), kernel.context.system), **(arguments.get("entries") or {})}
    parts = _Parts(layers=layers, entries=entries, init=first, base=_BASE, autoload=loaded)
    archive = _archive(kernel, parts, compression, name)
    prepend, append = arguments.get("prepend", ()), arguments.get("append", ())
    return join_initramfs([*prepend, archive, *append], name=name) if prepend or append else archive


def make_module_initramfs(
    kernel: ModularKernel, modules: Modules, *, compression: Compression = "auto", name: str = "modules"
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
    autoload: Sequence[str] = ()
    entries: Mapping[str, Entry] = attrs.field(factory=dict)
    init: Entry | None = None
    base: Mapping[str, Entry] = attrs.field(factory=dict)


def _archive(kernel: ModularKernel, parts: _Parts, compression: str, name: str) -> Derivation:
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
            "autoload": canonical_json(list(parts.autoload)).decode(),
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


def _lz4(kernel: ModularKernel, plain: Derivation, name: str) -> Derivation:
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


def _modules(
    kernel: ModularKernel, given: Modules, more: Sequence[str], firmware: Derivation | Output | None
) -> Output | None:
    """Return the tree of modules, with *more* of them; None if there are none."""
    if isinstance(given, Derivation | Output):
        return given.out if isinstance(given, Derivation) else given
    wanted = (*words(given, "modules"), *more)
    return module_tree(kernel, wanted, firmware) if wanted else None


def _programs(names: Any) -> list[Program]:  # noqa: ANN401 -- what the user wrote
    """Return the programs *names*."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidInitramfsArgument("programs", f"it must be a list of names, not {names!r}")
    found = []
    for name in names:
        if name not in PROGRAMS:
            near = suggestion(str(name), PROGRAMS)
            advice = near or f"they are {', '.join(PROGRAMS)}; add others as entries={{path: Loaded(tree, path)}}"
            raise InvalidInitramfsArgument("programs", f"{name!r} is unknown", advice)
        found.append(PROGRAMS[name])
    return found
