"""A kernel: the value that `make_linux` returns, and its overrides.

A `Kernel` remembers its arguments. `override` makes a kernel with other arguments,
`override_attrs` changes the derivation; both return new kernels and can be combined in any order.
Everything is computed on demand: the version of a kernel is known without its
patches, its configuration or the lock.
"""

from __future__ import annotations

import functools

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.argument_errors import arguments_do_not_fit
from derivations.callers.relative_path import relative_to_caller
from derivations.context import Context, current
from derivations.derivation import Derivation, Output
from derivations.kconfig.language.fragment import followed_by
from derivations.linux.arguments import (
    Arguments,
    InvalidArgument,
    base_file,
    check_base,
    check_names,
    is_file_name,
    snapshot,
)
from derivations.linux.graph import Parts, headers, parts
from derivations.source import local_file
from derivations.suggest import suggestion
from derivations.toolchain import Toolchain, named_toolchain
from derivations.union import union
from store.errors import Error
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias, Unpack

    from derivations.forms import ListOf
    from derivations.frozen_map import FrozenMap
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.linux.keywords import DerivationChanges, LinuxKeywords, OverrideKeywords
    from derivations.linux.packages import Packages
    from derivations.linux.patch import Patch

    Change: TypeAlias = Callable[[Derivation], DerivationChanges]
    """The function that `override_attrs` takes: from a derivation to its changed attributes."""


class UnsupportedSystem(Error):
    """A kernel does not support the requested system."""

    kernel: str
    system: str
    systems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kernel} supports {', '.join(self.systems)}, not {self.system}"

    @property
    def hint(self) -> str:
        """Name the option that selects a system."""
        return f"`--system {self.systems[0]}` selects the system; from Python, it is an argument of `kernel_set`"


class UnknownDerivationAttribute(Error):
    """`override_attrs` names an attribute that derivations do not have."""

    exit_code = 2

    attribute: str
    near: str | None

    def __str__(self) -> str:
        return f"a derivation has no attribute `{self.attribute}` that can be overridden"

    @property
    def hint(self) -> str | None:
        """Suggest attributes with a similar spelling."""
        return self.near


@attrs.frozen(slots=False, eq=False)
class Kernel:
    """A Linux kernel that can be built and overridden.

    Attributes:
        arguments: The arguments of `make_linux`.
        changes: The functions given to `override_attrs`, first to last.
    """

    arguments: Arguments
    changes: tuple[Change, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self.derivation == other.derivation if isinstance(other, Kernel) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.derivation)

    def __repr__(self) -> str:
        return f"<Kernel {self.name}>"

    @property
    def name(self) -> str:
        """Return its full name: name, version and extra version."""
        return f"{self.arguments.name}-{self.arguments.version}{self.arguments.extra_version}"

    @property
    def is_prebuilt(self) -> bool:
        """Return whether it is compiled elsewhere (`derivations.linux.prebuilt`)."""
        return False

    @property
    def version(self) -> str:
        """Return its version, as given."""
        return self.arguments.version

    @property
    def description(self) -> str:
        """Return a sentence about it, including the names of its patches."""
        patches = ", ".join(patch.name for patch in self.arguments.patches)
        text = self.arguments.description or f"Linux {self.version}"
        return f"{text} (with {patches})" if patches else text

    @property
    def features(self) -> FrozenMap[bool]:
        """Return its features, as given: flags for code that uses the kernel."""
        return self.arguments.features

    @property
    def release(self) -> str:
        """Return the output of `uname -r` on it."""
        return self._parts.release

    @property
    def requests(self) -> FrozenMap[Request]:
        """Return every requested option."""
        return self._parts.merged_requests.requests

    @property
    def merged_requests(self) -> Merged:
        """Return every requested option, where each is requested, and the requests that are shadowed."""
        return self._parts.merged_requests

    @property
    def source(self) -> Output:
        """Return the source, as fetched."""
        return self.arguments.source

    @property
    def tree(self) -> Output:
        """Return the unpacked and patched source."""
        return self._parts.tree

    @property
    def config_tree(self) -> Output:
        """Return the files of the tree that Kconfig reads."""
        return self._parts.configuration.tree

    @property
    def resolver(self) -> Derivation:
        """Return the tree's own Kconfig as a program, and its model."""
        return self._parts.configuration.resolver

    @property
    def base(self) -> str | Output:
        """Return what its configuration begins with: a target of make, or a file."""
        found = self.arguments.on(self.toolchain.arch).base
        assert isinstance(found, str | Output)  # noqa: S101 -- `on` chooses one
        return found

    @property
    def base_config(self) -> Output:
        """Return the configuration that requests are applied to."""
        return self._parts.configuration.base

    @property
    def hardware_options(self) -> Output | None:
        """Return the file with the options for its machines (`derivations.hardware.fit`); None without `hardware`."""
        return self._parts.hardware

    @property
    def dropped_options(self) -> Output | None:
        """Return the file that switches off the modules its machines do not need; None if all are kept."""
        return self._parts.trim

    @property
    def resolved(self) -> Derivation:
        """Return the result of Kconfig: the `.config`, and as `values` the value of every option."""
        return self._parts.configuration.resolved

    @property
    def configuration(self) -> Output:
        """Return the final `.config`, checked against the requests."""
        return self._parts.configuration.checked.out

    @property
    def derivation(self) -> Derivation:
        """Return the derivation that builds it."""
        return self._derivation

    @functools.cached_property
    def _derivation(self) -> Derivation:
        # Separate from the property: to pyright a cached property is not a property, so the kernel would not match `module.Kernel`.
        derivation = self._parts.build
        for change in self.changes:
            derivation = _changed(derivation, change)
        return derivation

    @property
    def out(self) -> Output:
        """Return the image, System.map, config, and device trees, if any."""
        return self.derivation.output("out")

    @property
    def modules(self) -> Output:
        """Return `lib/modules/<release>`."""
        return self.derivation.output("modules")

    @property
    def dev(self) -> Output:
        """Return the files that external modules are built against: `lib/modules/<release>/build` and `source`."""
        sources = headers(self.tree, self.release, self.toolchain)
        return union(
            f"{self.derivation.name}-dev", [self.derivation.output("build"), sources.out], retention=Retention.RESULT
        ).out

    @property
    def debug(self) -> Output:
        """Return vmlinux with its symbols."""
        return self.derivation.output("debug")

    @property
    def outputs(self) -> dict[str, Output]:
        """Return its outputs by the names of their attributes."""
        found = {name: self.derivation.output(name) for name in self.derivation.outputs}
        return {("dev" if name == "build" else name): self.dev if name == "build" else it for name, it in found.items()}

    @property
    def deb(self) -> Derivation:
        """Return the Debian package of its image and modules."""
        from derivations.image.deb import make_deb  # noqa: PLC0415 -- start-up: only packages need it

        return make_deb(
            title=self.name,
            version=self.version,
            release=self.release,
            description=self.description,
            system=self.context.system,
            kernel=self.out,
            modules=self.modules,
        )

    @property
    def uki(self) -> Derivation:
        """Return one EFI program with its image; its command line and initramfs are left to the loader."""
        from derivations.image.uki import make_uki  # noqa: PLC0415 -- start-up: only images need it

        return make_uki(self, name=self.name)

    @functools.cached_property
    def packages(self) -> Packages[Kernel]:
        """Return the external modules that are known for it."""
        from derivations.linux.packages import packages  # noqa: PLC0415 -- start-up: only builds of modules need them

        return packages(self)

    def module(
        self, *paths: str, patches: ListOf[Patch] = (), name: str | None = None, description: str = ""
    ) -> Derivation:
        """Return modules of its own tree, built by themselves against this kernel, with *patches*.

        Each of *paths* is a directory of the tree, such as `drivers/net/wireguard`, or the name of a module. Of a
        directory all modules are built that the kernel has as modules. They are installed where the kernel has
        them, so `with_modules` replaces those. The patches may change these directories only.

        Raises:
            InvalidArgument: a value is invalid.
        """
        from derivations.linux.in_tree import in_tree_modules  # noqa: PLC0415 -- start-up: as above

        return in_tree_modules(self, paths, patches, name, description)

    def with_modules(self, modules: ListOf[Derivation | str]) -> Derivation:
        """Return its own modules and *modules*, in one tree: from `module`, `make_linux_module`, or named in `packages`.

        Raises:
            InvalidArgument: one of them is not a module, or is listed twice.
            UnknownModule: `packages` has no module of that name.
        """
        given: object = modules
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidArgument("modules", f"it must be a list of modules or their names, not {modules!r}")
        from derivations.linux.module import with_modules  # noqa: PLC0415 -- start-up: as above

        return with_modules(self, [self.packages[it] if isinstance(it, str) else it for it in modules])

    @property
    def tests(self) -> Tests:
        """Return the tests of this kernel."""
        return Tests(self)

    def override(self, **changes: Unpack[OverrideKeywords]) -> Kernel:
        """Return this kernel with other arguments of `make_linux`.

        A function receives the old value and returns the new one. Any other `extra_config` is applied
        over the old one: for the options that it names, the old one no longer matters, regardless
        of priority. The old value of `extra_config` is a tuple
        of `Fragment`: `lambda old: [*old, {"KGDB": YES}]` adds one that must not contradict
        them, `lambda old: [it.without("KGDB") for it in old]` removes requests.

        Raises:
            UnknownArgument: `make_linux` has no such argument.
            InvalidArgument: a value is invalid.
            InvalidFragment: `extra_config` is invalid.
        """
        check_names("override", changes)
        return attrs.evolve(self, arguments=_arguments(self.arguments, **changes))

    def override_attrs(self, change: Change) -> Kernel:
        """Return this kernel with the attributes of its derivation that *change* returns.

        Raises:
            InvalidArgument: *change* is not a function.
        """
        if not _is_function(change):
            raise InvalidArgument("override_attrs", f"it must be a function of the derivation, not {change!r}")
        return attrs.evolve(self, changes=(*self.changes, change))

    @property
    def context(self) -> Context:
        """Return the context with its lock and its system: the one given, or else the one in use."""
        return self.arguments.context or current()

    @property
    def toolchain(self) -> Toolchain:
        """Return the toolchain that compiles it: the one given, or the pinned one of that name for the system."""
        return self._toolchain

    @functools.cached_property
    def _toolchain(self) -> Toolchain:  # as `_derivation`
        given = self.arguments.toolchain
        if isinstance(given, Toolchain):
            return given
        context = self.context
        if context.system not in self.arguments.systems:
            raise UnsupportedSystem(self.name, context.system, self.arguments.systems)
        return named_toolchain(given, context.lock(), context.system)

    @functools.cached_property
    def _parts(self) -> Parts:
        return parts(self.arguments, self.toolchain)


@attrs.frozen
class Tests:
    """The tests of a kernel, each a derivation that fails if the kernel fails."""

    _kernel: Kernel

    @property
    def boot(self) -> Derivation:
        """Return the test that boots the kernel and checks the output of its guest."""
        from derivations.linux.boot import uname_test  # noqa: PLC0415 -- start-up: only boot tests need it

        kernel = self._kernel
        return uname_test(kernel.name, kernel.out, kernel.release, kernel.toolchain, kernel.context.lock())

    @property
    def modules(self) -> Derivation:
        """Return the test that mounts a disk with its modules, loads one of them, and reads a file of a root disk."""
        from derivations.linux.boot_test import module_test  # noqa: PLC0415 -- start-up: as above

        return module_test(self._kernel)


def make_linux(**arguments: Unpack[LinuxKeywords]) -> Kernel:
    """Return a kernel.

    Args:
        **arguments: All by name.

            version: The kernel's version, such as `6.12.64`, `6.19-rc4` or `6.1.55-custom`.
            source: A derivation: a tree, or an archive to unpack.
            name: The name of the outputs, `linux` by default.
            description: A sentence for people.
            systems: The systems it can be built for.
            base: The configuration to start from: a target of `make` such as `defconfig`,
                `tinyconfig` or `allnoconfig`, or a configuration file, relative to the calling file. A mapping has
                one of these for each architecture, by Kbuild's ARCH: `{"x86_64": "a.config", "arm64": "defconfig"}`.
            extra_config: Options over the base: a mapping such as `{"KGDB": YES}`, text as in a
                `.config`, a `Fragment`, or a list of these, which must not contradict each other.
            enable_common_config: Whether to request the options that an ordinary machine needs,
                unless they are set otherwise (`derivations.kconfig.fragments`).
            auto_modules: Whether to build everything as a module that can be one and is not requested.
            prefer_builtin: Whether `auto_modules` leaves built in what the base builds in.
            ignore_config_errors: Whether requests that do not hold are only reported.
            exact: Whether *base*, a complete `.config`, is the whole configuration: any change that
                Kconfig would make to it is an error. See `linux_manual_config`.
            strict_base: Whether it is an error, rather than a report, if values in *base*, a file, do not hold.
            hardware: A snapshot of machines, as made by `kernix detect`, or its file: the options
                that these need are requested, unless they are set otherwise.
            only_hardware: Whether to drop modules that neither these machines nor any request needs.
            keep_modules: Modules and options to keep nevertheless, by name or pattern.
            patches: `Patch` values, applied in order.
            extra_version: A suffix of the release, such as `-mine`.
            make_flags: Further arguments of make, each `NAME=value`.
            randstruct_seed: A text that decides the layout of structures with RANDSTRUCT; by default it follows from
                the configuration and the release.
            signing_key: The file with the private key and certificate that modules are signed with, in PEM.
            firmware: Firmware that is linked into the image, a `Firmware`.
            requires: What the configuration must meet, or the build fails before anything is compiled: names of
                requirement sets such as `systemd`, and `RequirementSet` values.
            features: Flags for code that uses the kernel: names mapped to true or false.
            mod_dir_version: The name of the modules directory; computed by default. If the tree
                disagrees, the build fails and reports the right value.
            toolchain: A toolchain, or the name of one that the lock pins: `gcc`, the default, `clang`, or a
                specific version such as `clang-19`.
            context: The lock and the system; by default those in use when it is built.
            compilations: About how many objects are compiled, for progress.

    Raises:
        UnknownArgument: there is no such argument.
        UnknownRequirementSet: there is no such requirement set.
        InvalidArgument: a value is invalid, or `version` or `source` is missing.
        InvalidFragment: `extra_config` is invalid.
        IncompleteConfig, ForeignConfig: *base* is a `.config` that is cut off, or for another architecture.
    """
    check_names("make_linux", arguments)
    for required in ("version", "source"):
        if required not in arguments:
            raise InvalidArgument(required, "make_linux requires it")
    return Kernel(_arguments(None, **arguments))


def _arguments(old: Arguments | None, /, **given: Any) -> Arguments:  # noqa: ANN401 -- each is checked by `Arguments`
    """Return the arguments *given*, over *old*, if any; names of files are relative to the file of the caller's caller."""
    if old is not None:
        given = {name: _changed_value(name, value, getattr(old, name)) for name, value in given.items()}
    if is_file_name(given.get("hardware")):
        given["hardware"] = snapshot(relative_to_caller(given["hardware"], depth=2))
    if is_file_name(given.get("signing_key")):
        given["signing_key"] = local_file(relative_to_caller(given["signing_key"], depth=2), name="signing-key.pem")
    files: list[Path] = []
    base: Any = given.get("base")
    bases: dict[str, Any] = dict(base) if isinstance(base, Mapping) else {"": base}
    for arch, one in bases.items():
        if is_file_name(one):
            files.append(relative_to_caller(one, depth=2))
            bases[arch] = base_file(files[-1])
    if files:
        given["base"] = bases if isinstance(base, Mapping) else bases[""]
    # Called directly rather than through a variable, so that editors know the arguments.
    arguments = Arguments(**given) if old is None else attrs.evolve(old, **given)
    for file in files:
        check_base(file, arguments)
    return arguments


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


def _changed_value(name: str, value: Any, old: Any) -> Any:  # noqa: ANN401 -- an argument of make_linux
    if _is_function(value):
        return value(old)
    return followed_by(value, old, name) if name == "extra_config" else value


def _changed(derivation: Derivation, change: Change) -> Derivation:
    try:
        changes: object = change(derivation)
    except TypeError as error:
        if not arguments_do_not_fit(error):
            raise
        raise InvalidArgument("override_attrs", f"its function must take the derivation ({error})") from None
    if not isinstance(changes, Mapping) or not all(isinstance(name, str) for name in changes):
        raise InvalidArgument("override_attrs", f"its function must return attributes by name, not {changes!r}")
    known = [field.name for field in attrs.fields(Derivation) if field.init]
    for name in changes:
        if name not in known:
            raise UnknownDerivationAttribute(name, suggestion(name, known))
    return attrs.evolve(derivation, **changes)
