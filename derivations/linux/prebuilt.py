"""Debian's compiled kernels, in the shape of a kernel that is built here.

    the set of the lock ─┬─ linux-image-…  ──▶ out (image, config, dtbs), modules (indexed by depmod)
                         ├─ linux-headers-…, linux-headers-…-common, linux-kbuild-…  ──▶ dev
                         └─ linux-source-…  ──▶ tree, Kconfig and drivers, for the commands that explain a configuration
    another set            linux-image-…-dbg  ──▶ debug (vmlinux, System.map)

Each output is a derivation of its own, so a boot fetches no headers. The System.map in a Debian image package is a stub
of one line, and its modules have no index. Signed images and modules stay byte for byte as they are.
"""

from __future__ import annotations

import contextlib
import functools

from typing import TYPE_CHECKING

import attrs

from derivations.context import Context, current
from derivations.debian.lock import MissingSet
from derivations.debian.names import PinnedName, architecture_of, is_image, is_version, parse_name
from derivations.debian.pinned_kernel import PinnedKernel, linux_source, pinned_kernel
from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints, Output
from derivations.fetch import fetch_deb
from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.merge import Merged
from derivations.linux.arguments import Arguments, InvalidArgument
from derivations.linux.configuration import configuration
from derivations.linux.graph import ENVIRONMENT, Parts, source_tree
from derivations.linux.kernel import Kernel, UnsupportedSystem
from derivations.linux.script import SHELL, script
from derivations.source import text_file
from derivations.systems import machine, system_of
from store.errors import Error


if TYPE_CHECKING:
    from typing import Unpack

    from derivations.debian.lock import Lock, Package
    from derivations.linux.kernel import Change
    from derivations.linux.keywords import OverrideKeywords


_EXAMPLE = "linux-image-cloud-amd64"
_ATTRS = "override_attrs"


class AlreadyCompiled(Error):
    """A compiled kernel is overridden.

    Attributes:
        package: The package that it is in.
        what: What was to be changed.
        built: A kernel that is built from the same source.
    """

    exit_code = 2

    package: str
    what: tuple[str, ...]
    built: str

    def __str__(self) -> str:
        return f"{', '.join(self.what)} cannot change the kernel in {self.package}, which is compiled already"

    @property
    def hint(self) -> str:
        """Say how to build a kernel with the change from source."""
        changes = ", ".join(f"{it}=…" for it in self.what)
        call = f"{_ATTRS}(…)" if _ATTRS in self.what else f"override({changes})"
        return (
            f"build one from Debian's source: {self.built}.{call}, "
            f"or KERNEL.from_source.{call} to start from the configuration of this one"
        )


class PrebuiltKernel(Kernel):
    """A kernel that Debian has compiled.

    Its lock is read when something is asked of it that depends on the lock.

    Attributes:
        package: The package, as `debian_kernel` got it.
    """

    package: PinnedName
    _described: str
    _context: Context | None

    def __init__(self, package: PinnedName, description: str, context: Context | None) -> None:
        # Kernels are frozen.
        given = {"package": package, "_described": description, "_context": context, "changes": ()}
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def is_prebuilt(self) -> bool:
        """Return that it is not built here."""
        return True

    @property
    def context(self) -> Context:
        """Return the context with its lock and its system: the one given, or else the one in use."""
        return self._context or current()

    @property
    def name(self) -> str:
        """Return its full name."""
        return f"linux-{self.release}"

    @property
    def version(self) -> str:
        """Return the version of Linux that it is, without Debian's revision."""
        return self.pinned.version

    @property
    def description(self) -> str:
        """Return a sentence about it."""
        return self._described or f"Debian's kernel {self.package}, as compiled and signed there"

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        return self.pinned.release

    @functools.cached_property
    def pinned(self) -> PinnedKernel:
        """Return its packages in the lock.

        Raises:
            UnsupportedSystem: they are for another system.
            MissingSet: the lock does not pin them.
        """
        context = self.context
        if (architecture := architecture_of(self.package.package)) is not None:
            self._check_system(architecture, context.system)
        found = pinned_kernel(context.lock(), str(self.package))
        self._check_system(found.image.architecture, context.system)
        return found

    @property
    def arguments(self) -> Arguments:  # pyright: ignore[reportIncompatibleVariableOverride] -- known only from the lock
        """Return the arguments of `make_linux` for a kernel of its source with its configuration."""
        return self._arguments

    @functools.cached_property
    def _arguments(self) -> Arguments:
        pinned = self.pinned
        series = f"linux-source-{pinned.series}"
        return Arguments(
            version=pinned.version,
            source=linux_source(pinned.source or self._lock.package(series, series)),
            description=self.description,
            systems=(self._system,),
            base=self.configuration,
            mod_dir_version=pinned.release,
            context=self.context,
        )

    @property
    def from_source(self) -> Kernel:
        """Return the kernel of the same source that starts from its configuration, to be configured and built here."""
        return Kernel(attrs.evolve(self.arguments, mod_dir_version=None))

    @property
    def configuration(self) -> Output:
        """Return its `.config`, as Debian made it."""
        return self._take(
            "prebuilt-config", f"{self.name}-config", "the configuration of", package=self.pinned.image
        ).out

    @functools.cached_property
    def _derivation(self) -> Derivation:
        image = self.pinned.image
        return self._take(
            "prebuilt",
            self.name,
            "take out",
            machine(self._system).image,
            image.name,
            outputs=("out", "modules"),
            package=image,
        )

    @functools.cached_property
    def _parts(self) -> Parts:
        tree, nothing = source_tree(self.arguments), Merged(FrozenMap())
        # The resolver takes at least one fragment.
        empty = text_file("no-requests", "# nothing is requested\n").out
        return Parts(
            tree=tree,
            merged_requests=nothing,
            configuration=configuration(self.arguments, self.toolchain, tree, nothing, fragments=[empty]),
            build=self.derivation,
            release=self.release,
            hardware=None,
            trim=None,
        )

    @property
    def dev(self) -> Output:
        """Return the files that external modules are built against.

        Raises:
            MissingSet: the lock pins no programs of this machine for the kernels of other machines.
        """
        pinned = self.pinned
        kbuild = pinned.kbuild
        if kbuild.architecture != self._builders:
            kbuild = self._lock.package(kbuild.name, kbuild.name)
        return self._take(
            "prebuilt-dev",
            f"{self.name}-dev",
            "the headers of",
            headers=pinned.headers,
            common=pinned.common_headers,
            kbuild=kbuild,
        ).out

    @property
    def debug(self) -> Output:
        """Return vmlinux with its symbols, and System.map.

        Raises:
            MissingSet: the lock does not pin the package with them, which is large.
        """
        name = f"linux-image-{self.release}-dbg"
        return self._take(
            "prebuilt-debug", f"{self.name}-debug", "the symbols of", package=self._lock.package(name, name)
        ).out

    @property
    def outputs(self) -> dict[str, Output]:
        """Return its outputs by name; `debug` only if the lock pins it."""
        found = {"out": self.out, "modules": self.modules, "dev": self.dev}
        with contextlib.suppress(MissingSet):
            found["debug"] = self.debug
        return found

    def override(self, **changes: Unpack[OverrideKeywords]) -> Kernel:
        """Refuse: it is compiled already.

        Raises:
            AlreadyCompiled: there are *changes*.
        """
        if changes:
            raise self._compiled(*changes)
        return self

    def override_attrs(self, change: Change) -> Kernel:  # noqa: ARG002 -- the signature of a kernel
        """Refuse: nothing is compiled here whose derivation could be changed.

        Raises:
            AlreadyCompiled: always.
        """
        raise self._compiled(_ATTRS)

    def _compiled(self, *what: str) -> AlreadyCompiled:
        series = "6_1"
        with contextlib.suppress(Error):
            series = self.pinned.series.replace(".", "_")
        return AlreadyCompiled(str(self.package), what, f"linux_debian_{series}")

    @property
    def _lock(self) -> Lock:
        return self.context.lock()

    @property
    def _builders(self) -> str:
        """Return Debian's architecture of the machines that build."""
        return self._lock.architecture("gcc")

    @property
    def _system(self) -> str:
        return system_of(self.pinned.image.architecture)

    def _check_system(self, architecture: str, system: str) -> None:
        if (own := system_of(architecture)) != system:
            raise UnsupportedSystem(str(self.package), system, (own,))

    def _take(
        self, text: str, name: str, what: str, *arguments: str, outputs: tuple[str, ...] = ("out",), **packages: Package
    ) -> Derivation:
        """Return the derivation that runs the script *text* on the unpacked *packages*, each mounted under its keyword."""
        lock = self._lock
        return Derivation(
            name=name,
            system=system_of(lock.architecture("gcc")),
            builder=SHELL,
            args=script(text, self.release, *arguments),
            env={**ENVIRONMENT, "SRCARCH": machine(self._system).srcarch},
            mounts={
                "/": root_file_system("gcc", lock).out,
                **{f"/{place}": fetch_deb(package).out for place, package in packages.items()},
            },
            outputs=outputs,
            hints=Hints(description=f"{what} Linux {self.release}"),
        )


def debian_kernel(
    package: str, *, version: str | None = None, description: str = "", context: Context | None = None
) -> PrebuiltKernel:
    """Return the compiled kernel in a Debian package, which the lock pins in a set of the same name.

    Args:
        package: The package: one kernel (`linux-image-6.1.0-50-cloud-amd64`), or a metapackage for the newest of a
            flavour (`linux-image-cloud-amd64`).
        version: The package's version, such as `6.1.176-1`; the set is then called `PACKAGE=VERSION`. By default the
            version that apt preferred when the set was pinned.
        description: A sentence for people.
        context: The lock and the system; by default those in use when it is built.

    Raises:
        InvalidArgument: *package* is not the name of a kernel's package, or a value is invalid.
    """
    name: object = package
    if not isinstance(name, str) or not is_image(package):
        raise InvalidArgument(
            "package", f"{package!r} is not the name of a package with a kernel, such as {_EXAMPLE!r}"
        )
    given: object = version
    if given is not None and (not isinstance(given, str) or not is_version(given)):
        raise InvalidArgument("version", f"{version!r} is not the version of a Debian package, such as '6.1.176-1'")
    pinned = PinnedName(package, version)
    if parse_name(str(pinned)) != pinned:
        raise InvalidArgument("package", f"{package!r} is not the name of a package")
    return PrebuiltKernel(pinned, description, context)
