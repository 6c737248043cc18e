"""A kernel: the value that `make_linux` returns, and how it is changed.

A `Kernel` remembers the arguments that it was made of. `override` makes it again with others,
`override_attrs` changes the derivation below; both give new kernels and compose in any order.
Nothing is computed before it is asked for: the version of a kernel is known without its
patches, its configuration or the lock.
"""

from __future__ import annotations

import functools

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from derivations.callers.beside import beside_caller
from derivations.callers.refused import was_refused
from derivations.context import Context, current
from derivations.derivation import Derivation, Output
from derivations.kconfig.language.fragment import over
from derivations.linux.arguments import (
    Arguments,
    InvalidArgument,
    base_file,
    check_base,
    check_names,
    is_file_name,
    snapshot,
)
from derivations.linux.graph import Parts, parts
from derivations.suggest import suggestion
from derivations.toolchain import Toolchain, named_toolchain
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias, Unpack

    from derivations.forms import ListOf
    from derivations.frozen_map import FrozenMap
    from derivations.kconfig.language.fragment import Request
    from derivations.kconfig.language.merge import Merged
    from derivations.linux.keywords import DerivationChanges, LinuxKeywords, OverrideKeywords
    from derivations.linux.packages import Packages

    Change: TypeAlias = Callable[[Derivation], DerivationChanges]
    """What `override_attrs` takes: given the derivation, the attributes of it to change."""


class UnsupportedSystem(Error):
    """A kernel is not made for the system that is asked for."""

    kernel: str
    system: str
    systems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kernel} is made for {', '.join(self.systems)}, not for {self.system}"


class UnknownDerivationAttribute(Error):
    """`override_attrs` names an attribute that derivations do not have."""

    exit_code = 2

    attribute: str
    near: str | None

    def __str__(self) -> str:
        return f"a derivation has no attribute `{self.attribute}` that can be overridden"

    @property
    def hint(self) -> str | None:
        """Name the attributes that are spelled nearly the same."""
        return self.near


@attrs.frozen(slots=False, eq=False)
class Kernel:
    """A Linux kernel that can be built, and made differently.

    Attributes:
        arguments: What it was made of.
        changes: What `override_attrs` changes below, first to last.
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
        """Return what it is called: name, version and extra version."""
        return f"{self.arguments.name}-{self.arguments.version}{self.arguments.extra_version}"

    @property
    def version(self) -> str:
        """Return its version as it was given."""
        return self.arguments.version

    @property
    def description(self) -> str:
        """Return a sentence about it, the names of its patches included."""
        patches = ", ".join(patch.name for patch in self.arguments.patches)
        text = self.arguments.description or f"Linux {self.version}"
        return f"{text} (with {patches})" if patches else text

    @property
    def features(self) -> FrozenMap[bool]:
        """Return what others may want to know that it can do."""
        return self.arguments.features

    @property
    def release(self) -> str:
        """Return what `uname -r` says on it."""
        return self._parts.release

    @property
    def requests(self) -> FrozenMap[Request]:
        """Return every option that is asked for."""
        return self._parts.wanted.requests

    @property
    def wanted(self) -> Merged:
        """Return every option that is asked for, what is shadowed, and where each comes from."""
        return self._parts.wanted

    @property
    def source(self) -> Output:
        """Return the source as it is fetched."""
        return self.arguments.source

    @property
    def tree(self) -> Output:
        """Return the unpacked and patched source."""
        return self._parts.tree

    @property
    def config_tree(self) -> Output:
        """Return what Kconfig reads of the tree."""
        return self._parts.configuration.tree

    @property
    def resolver(self) -> Derivation:
        """Return the tree's own Kconfig as a program, and its model."""
        return self._parts.configuration.resolver

    @property
    def base_config(self) -> Output:
        """Return the configuration that requests are put over."""
        return self._parts.configuration.base

    @property
    def hardware_options(self) -> Output | None:
        """Return what to set for its machines, a file (`derivations.hardware.fit`); None if it is for none."""
        return self._parts.hardware

    @property
    def dropped_options(self) -> Output | None:
        """Return what switches off the modules that its machines do without, a file; None if it keeps all."""
        return self._parts.trim

    @property
    def resolved(self) -> Derivation:
        """Return what Kconfig makes of it all: the `.config`, and `values`, what every option is."""
        return self._parts.configuration.resolved

    @property
    def configuration(self) -> Output:
        """Return the final `.config`, compared with what was asked for."""
        return self._parts.configuration.checked.out

    @property
    def derivation(self) -> Derivation:
        """Return what builds it."""
        return self._derivation

    @functools.cached_property
    def _derivation(self) -> Derivation:
        # Beside the property: pyright takes no cached property for one, and no such kernel for what modules need.
        derivation = self._parts.build
        for change in self.changes:
            derivation = _changed(derivation, change)
        return derivation

    @property
    def out(self) -> Output:
        """Return the image, System.map, config, and device trees where there are any."""
        return self.derivation.output("out")

    @property
    def modules(self) -> Output:
        """Return `lib/modules/<release>`."""
        return self.derivation.output("modules")

    @property
    def dev(self) -> Output:
        """Return what external modules are built against."""
        return self.derivation.output("dev")

    @property
    def debug(self) -> Output:
        """Return vmlinux with its symbols."""
        return self.derivation.output("debug")

    @functools.cached_property
    def packages(self) -> Packages[Kernel]:
        """Return the modules from outside of the tree that are known for it."""
        from derivations.linux.packages import packages  # noqa: PLC0415 -- start-up: only who builds modules needs them

        return packages(self)

    def with_modules(self, modules: ListOf[Derivation | str]) -> Derivation:
        """Return its modules and *modules*, of `make_linux_module` or names of `packages`, in one tree.

        Raises:
            InvalidArgument: one of them is not a module, or is listed twice.
            UnknownModule: `packages` has no module of that name.
        """
        given: object = modules
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidArgument("modules", f"it is a list of modules or their names, not {modules!r}")
        from derivations.linux.module import with_modules  # noqa: PLC0415 -- start-up: as above

        return with_modules(self, [self.packages[it] if isinstance(it, str) else it for it in modules])

    @property
    def tests(self) -> Tests:
        """Return the tests of this kernel."""
        return Tests(self)

    def override(self, **changes: Unpack[OverrideKeywords]) -> Kernel:
        """Return this kernel made with other arguments of `make_linux`.

        A function receives the old value, and what it returns replaces that. Otherwise
        `extra_config` is put over the old one: for the options that it names, nothing else in the
        old one counts any more, of whatever priority. The old value of `extra_config` is a tuple
        of `Fragment`: `lambda old: [*old, {"KGDB": YES}]` adds one that must not contradict
        them, `lambda old: [it.without("KGDB") for it in old]` takes requests out.

        Raises:
            UnknownArgument: `make_linux` has no such argument.
            InvalidArgument: a value that cannot be.
            InvalidFragment: options that cannot be asked for.
        """
        check_names("override", changes)
        return attrs.evolve(self, arguments=_arguments(self.arguments, **changes))

    def override_attrs(self, change: Change) -> Kernel:
        """Return this kernel with the attributes of its derivation that *change* returns.

        Raises:
            InvalidArgument: *change* is no function.
        """
        if not _is_function(change):
            raise InvalidArgument("override_attrs", f"it takes a function of the derivation, not {change!r}")
        return attrs.evolve(self, changes=(*self.changes, change))

    @property
    def context(self) -> Context:
        """Return the lock and the system it is made for: those it was given, else those in use."""
        return self.arguments.context or current()

    @property
    def toolchain(self) -> Toolchain:
        """Return what compiles it: the one that was given, or the pinned one of that name for the system."""
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
    """The tests of a kernel, each a derivation that fails if the kernel does."""

    _kernel: Kernel

    @property
    def boot(self) -> Derivation:
        """Return the test that boots the kernel and hears of it from inside."""
        from derivations.linux.boot import boot_test  # noqa: PLC0415 -- start-up: only who boots a kernel needs it

        kernel = self._kernel
        return boot_test(kernel.name, kernel.out, kernel.release, kernel.toolchain, kernel.context.lock())


def make_linux(**arguments: Unpack[LinuxKeywords]) -> Kernel:
    """Return a kernel.

    Args:
        **arguments: All by name.

            version: The kernel's version, such as `6.12.64`, `6.19-rc4` or `6.1.55-custom`.
            source: A derivation: an archive that is unpacked, or a tree.
            name: What the outputs are called, `linux` by default.
            description: A sentence for people.
            systems: The systems it can be built for.
            base: What the configuration begins with: a target of `make` such as `defconfig`,
                `tinyconfig` or `allnoconfig`, or a configuration file beside the caller's.
            extra_config: Options over the base: a mapping such as `{"KGDB": YES}`, text as in a
                `.config`, a `Fragment`, or a list of these, which must not contradict each other.
            enable_common_config: Whether the options that an ordinary machine needs are asked for
                too, where nothing else is asked (`derivations.kconfig.fragments`).
            auto_modules: Whether whatever can be a module, and is not asked for, becomes one.
            prefer_builtin: Whether of these, what the base builds in stays built in.
            ignore_config_errors: Whether requests that do not hold are only told.
            exact: Whether *base*, then a whole `.config`, is all there is to it: what Kconfig would
                change of it is an error. See `linux_manual_config`.
            strict_base: Whether what *base*, then a file, asks for and does not get is an error. It is said anyway.
            hardware: A snapshot of machines, as `kernix detect` makes, or the file that it is in: what
                these need is asked for too, where nothing else is asked.
            only_hardware: Whether modules that neither these machines nor any request needs are dropped.
            keep_modules: Modules and options that stay then, by their names or patterns of these.
            patches: `Patch` values, applied in order.
            extra_version: What is put behind the release, such as `-mine`.
            make_flags: Further arguments of make, each `NAME=value`.
            features: What others may want to know that the kernel can do; by name, true or false.
            mod_dir_version: What the modules directory is called; computed by default. The build
                stops with the right value when the tree says another.
            toolchain: What compiles it, or the name of what the lock pins: `gcc`, the default, `clang`, or a
                certain one such as `clang-19`.
            context: The lock and the system it is for; by default those in use when it is built.
            compilations: About how many objects are compiled, for progress.

    Raises:
        UnknownArgument: there is no such argument.
        InvalidArgument: a value that cannot be, or `version` or `source` is missing.
        InvalidFragment: options that cannot be asked for.
        IncompleteConfig, ForeignConfig: *base* is a `.config` that is cut off, or for another architecture.
    """
    check_names("make_linux", arguments)
    for required in ("version", "source"):
        if required not in arguments:
            raise InvalidArgument(required, "make_linux needs it")
    return Kernel(_arguments(None, **arguments))


def _arguments(old: Arguments | None, /, **given: Any) -> Arguments:  # noqa: ANN401 -- each is checked by `Arguments`
    """Return arguments as *given*, over *old* if there are any; files are named as they lie beside the caller's caller."""
    if old is not None:
        given = {name: _changed_value(name, value, getattr(old, name)) for name, value in given.items()}
    if is_file_name(given.get("hardware")):
        given["hardware"] = snapshot(beside_caller(given["hardware"], depth=2))
    file = None
    if is_file_name(given.get("base")):
        file = beside_caller(given["base"], depth=2)
        given["base"] = base_file(file)
    # Called like this, and not by way of a variable: that shows editors which arguments there are.
    arguments = Arguments(**given) if old is None else attrs.evolve(old, **given)
    if file is not None:
        check_base(file, arguments)
    return arguments


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


def _changed_value(name: str, value: Any, old: Any) -> Any:  # noqa: ANN401 -- an argument of make_linux
    if _is_function(value):
        return value(old)
    return over(value, old, name) if name == "extra_config" else value


def _changed(derivation: Derivation, change: Change) -> Derivation:
    try:
        changes: object = change(derivation)
    except TypeError as error:
        if not was_refused(error):
            raise
        raise InvalidArgument("override_attrs", f"its function takes the derivation ({error})") from None
    if not isinstance(changes, Mapping) or not all(isinstance(name, str) for name in changes):
        raise InvalidArgument("override_attrs", f"its function returns attributes by name, not {changes!r}")
    known = [field.name for field in attrs.fields(Derivation) if field.init]
    for name in changes:
        if name not in known:
            raise UnknownDerivationAttribute(name, suggestion(name, known))
    return attrs.evolve(derivation, **changes)
