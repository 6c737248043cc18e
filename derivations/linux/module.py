"""External modules: built against one kernel, and joined with its own modules.

A module is compiled by the kernel's own toolchain against the kernel's output `dev`, in the way its authors intended: by
its dkms.conf, by its own makefile, or by Kbuild alone (`scripts/module.sh`). Requirements are checked as early as
possible: options in the configuration, before the kernel is compiled; exclusions in dkms.conf, before the module is
compiled; symbols when it is linked; its release when it is installed. `depmod` runs once, on the union.
"""

from __future__ import annotations

import re
import shlex

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from derivations.derivation import Derivation, Hints, Output
from derivations.linux.arguments import InvalidArgument, refuse_native
from derivations.linux.dkms import DIRECTORY, DkmsPackage
from derivations.linux.graph import chance, make_arguments
from derivations.linux.patch import Patch, patched
from derivations.linux.script import SHELL, script, text_of
from derivations.source import text_file
from derivations.union import UnionLayout, union
from derivations.unpack import is_archive, unpack


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.context import Context
    from derivations.forms import ListOf
    from derivations.linux.arguments import Arguments
    from derivations.toolchain import Toolchain


T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", re.ASCII)
_DIRECTORY = re.compile(r"(?!/)(?!(.*/)?\.\.(/|$))[A-Za-z0-9_.+*?/-]+", re.ASCII)
_OPTIONS = re.compile(r"[A-Z0-9_]+(\|[A-Z0-9_]+)*", re.ASCII)
_FLAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^\n\0]*")


class Kernel(Protocol):
    """The part of `derivations.linux.kernel.Kernel` that modules need; a protocol, because that module imports this one."""

    @property
    def arguments(self) -> Arguments:
        """Return the arguments of `make_linux`."""
        ...

    @property
    def context(self) -> Context:
        """Return the context with its lock."""
        ...

    @property
    def toolchain(self) -> Toolchain:
        """Return the toolchain that compiles it."""
        ...

    @property
    def configuration(self) -> Output:
        """Return its `.config`."""
        ...

    @property
    def derivation(self) -> Derivation:
        """Return the derivation that builds it."""
        ...

    @property
    def tree(self) -> Output:
        """Return its source with its patches."""
        ...

    @property
    def dev(self) -> Output:
        """Return the files that external modules are built against."""
        ...

    @property
    def modules(self) -> Output:
        """Return `lib/modules/<release>`."""
        ...

    @property
    def is_prebuilt(self) -> bool:
        """Return whether it is compiled elsewhere."""
        ...

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        ...


def make_linux_module(
    kernel: Kernel,
    source: Derivation | Output | DkmsPackage,
    *,
    name: str | None = None,
    version: str = "",
    description: str = "",
    directory: str | ListOf[str] | None = None,
    make_flags: ListOf[str] = (),
    patches: ListOf[Patch] = (),
    requires: ListOf[str] = (),
    depends: ListOf[Derivation] = (),
) -> Derivation:
    """Return a module, or several modules that are built together, for *kernel*.

    The output `out` has them in `lib/modules/<release>/extra/<name>`; `dev` is for modules that depend on them.

    Args:
        kernel: The kernel to build for.
        source: A tree, an archive to unpack, or a `dkms_package`.
        name: The common name of the modules; by default that of the package.
        version: The version of the source; by default the package's.
        description: A sentence for people.
        directory: The directory of the dkms.conf or the makefile in the source, or a pattern such as `usr/src/*` that
            matches one directory. A list is built in order, and later ones may use the symbols of earlier ones.
        make_flags: Further arguments of make, each `NAME=value`.
        patches: Changes to the source, `-p1` at its top.
        requires: Options of the kernel that the modules require; `A|B` if either is enough.
        depends: Other modules whose symbols these use; their headers are in `/depends/<name>`.

    Raises:
        InvalidArgument: a value is invalid.
        MissingSet: the lock does not pin the package.
    """
    _check_kernel(kernel)
    if isinstance(source, DkmsPackage):
        lock = kernel.context.lock()
        name, version = name or source.name, version or source.version(lock)
        directory = DIRECTORY if directory is None else directory
        source = source.source(lock)
    if name is None:
        raise InvalidArgument("name", "it is required, as the common name of the modules")
    requires = _checked(requires, "requires", _OPTIONS, "the name of an option, without CONFIG_")
    flags = _checked(make_flags, "make_flags", _FLAG, "of the form NAME=value")
    refuse_native(flags)
    _checked([name], "name", _NAME, "a name")
    directories = [directory or "."] if directory is None or isinstance(directory, str) else directory
    directories = _checked(directories, "directory", _DIRECTORY, "a relative path")
    if not directories:
        raise InvalidArgument("directory", "the list is empty")
    if version:
        _checked([version], "version", _NAME, "a version, as a string")
    depends = _all_of(depends, Derivation, "depends", "a module")
    patches = _all_of(patches, Patch, "patches", "a patch; write Patch(name, file)")
    if not isinstance(source, Derivation | Output):
        raise InvalidArgument(
            "source", f"{source!r} is not a derivation; use fetch_url, fetch_git, local_source or dkms_package"
        )
    tree = source if isinstance(source, Output) else source.out
    tree = unpack(tree).out if is_archive(tree.derivation.name) else tree
    others = {f"/depends/{it.name}": it.output("dev") for it in depends}
    required = _required(kernel, name, ("MODULES", *requires))
    machine = kernel.context.system.partition("-")[0]
    make_flags = (*make_arguments(kernel.arguments, kernel.toolchain), *flags)
    return Derivation(
        name=f"{name}{f'-{version}' if version else ''}-{kernel.release}",
        system=kernel.toolchain.system,
        builder=SHELL,
        args=script("module", name, kernel.release, machine, " ".join(directories), *make_flags),
        env=kernel.derivation.env,
        mounts={
            "/": kernel.toolchain.root,
            # Sorts before the inputs that take long to build, so it is built before them.
            "/checked": required.out,
            "/kernel": kernel.dev,
            "/kernix/dkms.sh": text_file("dkms.sh", text_of("dkms")).out,
            "/src": patched(tree, patches),
            **_as_on_a_machine(kernel.release, machine),
            **chance(),
            **others,
        },
        outputs=("out", "dev"),
        hints=Hints(description=description or f"{name} for Linux {kernel.release}"),
    )


def with_modules(kernel: Kernel, modules: Iterable[Derivation]) -> Derivation:
    """Return the modules of *kernel* and further *modules* in one tree, indexed together.

    Raises:
        InvalidArgument: one of them is not a derivation, or is listed twice.
    """
    externals: dict[str, Output] = {}
    for module in modules:
        if not isinstance(module, Derivation):
            raise InvalidArgument("modules", f"{module!r} is not a module")
        if f"/externals/{module.name}" in externals:
            raise InvalidArgument("modules", f"{module.name} is listed twice")
        externals[f"/externals/{module.name}"] = module.out
    return Derivation(
        name=f"{kernel.derivation.name}-modules",
        system=kernel.toolchain.system,
        builder=SHELL,
        args=script("modules", kernel.release),
        mounts={
            "/": kernel.toolchain.root,
            # Debian's image packages have no System.map; the headers say which symbols there are.
            "/kernel": kernel.dev if kernel.is_prebuilt else kernel.derivation.out,
            "/kernel-modules": kernel.modules,
            **externals,
        },
        hints=Hints(description=f"the modules of {kernel.derivation.name} and {len(externals)} more"),
    )


def _required(kernel: Kernel, name: str, options: tuple[str, ...]) -> Derivation:
    """Return the check that *kernel* is configured with the *options* that *name* requires."""
    return Derivation(
        name=f"{name}-options",
        system=kernel.toolchain.system,
        builder=SHELL,
        args=script("require", name, *options),
        mounts={"/": kernel.toolchain.root, "/config": kernel.configuration},
        hints=Hints(description=f"what {name} needs of the kernel"),
    )


def _as_on_a_machine(release: str, machine: str) -> dict[str, Output]:
    """Return mounts that make makefiles believe that a kernel of that *release* and *machine* is running."""
    uname = f"#!{SHELL}\nrelease={shlex.quote(release)}\nmachine={machine}\n{text_of('uname')}"
    links = UnionLayout(links={release: f"../../../kernel/lib/modules/{release}"})
    return {
        "/usr/bin/uname": text_file("uname", uname, executable=True).out,
        "/usr/lib/modules": union("lib-modules", [], links).out,
    }


def _check_kernel(kernel: object) -> None:
    if not isinstance(getattr(kernel, "derivation", None), Derivation):
        raise InvalidArgument("kernel", f"{kernel!r} is not a kernel")


def _all_of(values: Any, kind: type[T], argument: str, what: str) -> tuple[T, ...]:  # noqa: ANN401 -- what the user wrote
    """Return *values*, checked to be a list of *kind*; the error for another item says that it is not *what*."""
    if not isinstance(values, list | tuple):
        raise InvalidArgument(argument, f"it must be a list, not {values!r}")
    if wrong := [it for it in values if not isinstance(it, kind)]:
        raise InvalidArgument(argument, f"{wrong[0]!r} is not {what}")
    return tuple(values)


def _checked(values: Any, argument: str, form: re.Pattern[str], what: str) -> tuple[str, ...]:  # noqa: ANN401 -- what the user wrote
    if not isinstance(values, list | tuple):
        raise InvalidArgument(argument, f"it must be a list, not {values!r}")
    found = tuple(values)
    for value in found:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise InvalidArgument(argument, f"{value!r} is not {what}")
    return found
