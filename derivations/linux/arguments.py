"""The arguments of `make_linux`, validated and normalised."""

from __future__ import annotations

import os
import re

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from derivations.context import USUAL_SYSTEM, Context
from derivations.derivation import Derivation, Output
from derivations.frozen_map import FrozenMap
from derivations.kconfig.language.condition import check_architecture
from derivations.kconfig.language.fragment import Fragment, as_fragments
from derivations.kconfig.language.text import bytes_of, decoded
from derivations.linux.patch import Patch
from derivations.source import local_file, text_file
from derivations.suggest import suggestion
from derivations.systems import machine
from derivations.toolchain import TOOLCHAINS, Toolchain, check_toolchain
from derivations.version import Version
from store.errors import Error
from store.path import InvalidStorePath, check_name, fitting_name


if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from derivations.hardware.snapshot import Snapshot
    from derivations.kconfig.requirements.requirement_set import RequirementSet
    from derivations.linux.firmware import Firmware

_TARGET = re.compile(r"(?!-)[A-Za-z0-9_-]*config")
_FLAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^\n\0]*")
_NATIVE = re.compile(r"(?:-m(?:arch|tune|cpu)|-?target-cpu)[= ]native\b")
_SEED = re.compile(r"[ -~]{1,256}")
_GLOB = re.compile(r"[A-Za-z0-9_*?\[\]-]+", re.ASCII)
_RESERVED = frozenset(
    {"ARCH", "CROSS_COMPILE", "INSTALL_MOD_PATH", "INSTALL_PATH", "KBUILD_OUTPUT", "LOCALVERSION", "M", "O"}
)
_RELEASE = re.compile(r"[0-9A-Za-z.+_-]{0,64}", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ELSEWHERE = {
    # nixpkgs' buildLinux and linuxManualConfig; the first is what its manual writes for preferBuiltin
    "kernel_prefer_builtin": "prefer_builtin",
    "configfile": "base",
    "extra_make_flags": "make_flags",
    "extra_meta": "description",
    "extra_structured_config": "extra_config",
    "kernel_arch": "systems",
    "kernel_patches": "patches",
    "pname": "name",
    "src": "source",
    "stdenv": "toolchain",
    "structured_extra_config": "extra_config",
    # Guix' make-linux-libre and customize-linux
    "configs": "extra_config",
    "configuration_file": "base",
    "defconfig": "base",
    "extra_options": "extra_config",
    "supported_systems": "systems",
}
"""Our arguments by their names in other systems."""
_MAX_NAME_LENGTH = 80  # derivations made from a kernel append its version and a purpose


class UnknownArgument(Error):
    """A kernel function has no such argument."""

    exit_code = 2

    function: str
    argument: str
    near: str | None

    def __str__(self) -> str:
        return f"{self.function} has no argument `{self.argument}`"

    @property
    def hint(self) -> str | None:
        """Suggest arguments with a similar spelling."""
        return self.near


class InvalidArgument(Error):
    """An argument of a kernel function has an invalid value."""

    argument: str
    reason: str

    def __str__(self) -> str:
        return f"{self.argument}: {self.reason}"


def _is(kind: Any, what: str) -> Callable[[object, attrs.Attribute[Any], object], None]:  # noqa: ANN401 -- a type, or types
    """Return a validator that accepts values of *kind*, and says that anything else is not *what*."""

    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            raise InvalidArgument(field.name, f"{value!r} is not {what}")

    return check


def _version(value: Any) -> str:  # noqa: ANN401 -- a converter takes what the user wrote
    Version.parse(value)
    return str(value).replace("~", "-")  # Debian's 6.19~rc4, which cannot be part of a store path


def _name(value: Any) -> str:  # noqa: ANN401 -- as above
    if not isinstance(value, str):
        raise InvalidArgument("name", f"{value!r} is not a string")
    if len(value) > _MAX_NAME_LENGTH:
        raise InvalidArgument("name", f"it is longer than {_MAX_NAME_LENGTH} characters")
    try:
        return check_name(value)
    except InvalidStorePath as error:
        raise InvalidArgument("name", f"{value!r} is not a valid name: {error.reason}") from None


def _patches(value: Any) -> tuple[Patch, ...]:  # noqa: ANN401 -- as above
    if not isinstance(value, list | tuple):
        raise InvalidArgument("patches", f"it must be a list such as [Patch(name, file)], not {value!r}")
    if wrong := [it for it in value if not isinstance(it, Patch)]:
        raise InvalidArgument("patches", f"{wrong[0]!r} is not a patch; write Patch(name, file)")
    names = [it.name for it in value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidArgument("patches", f"{', '.join(twice)} {'are' if twice[1:] else 'is'} listed twice")
    return tuple(value)


def _source(value: Any) -> Output:  # noqa: ANN401 -- as above
    if isinstance(value, Derivation):
        return value.out
    if not isinstance(value, Output):
        raise InvalidArgument(
            "source", f"{value!r} is not a derivation; use fetch_url, fetch_git, local_source or another one"
        )
    return value


def _flags(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- as above
    if not isinstance(value, list | tuple):
        raise InvalidArgument("make_flags", f"it must be a list such as ['KCFLAGS=-O3'], not {value!r}")
    for flag in value:
        if not isinstance(flag, str) or not _FLAG.fullmatch(flag) or not flag.isprintable():
            raise InvalidArgument("make_flags", f"{flag!r} is not of the form NAME=value")
        name = flag.partition("=")[0]
        if name == "LLVM":
            raise InvalidArgument("make_flags", 'LLVM is set by kernix: write toolchain="clang"')
        if name in _RESERVED:
            raise InvalidArgument("make_flags", f"{name} is set by kernix")
    refuse_native(value)
    return tuple(value)


def refuse_native(flags: Iterable[str]) -> None:
    """Raise `InvalidArgument` if one of *flags* compiles for whatever processor this machine has."""
    for flag in flags:
        if (match := _NATIVE.search(flag)) is not None:
            raise InvalidArgument(
                "make_flags",
                f"{flag!r} compiles for the processor of the machine that builds, so the result would differ from machine to "
                f"machine; name the processor instead of {match[0].rpartition('native')[0]}native, such as x86-64-v3",
            )


def _randstruct_seed(value: Any) -> str:  # noqa: ANN401 -- as above
    if not isinstance(value, str) or not _SEED.fullmatch(value):
        raise InvalidArgument("randstruct_seed", f"{value!r} is not a text of 1 to 256 printable ASCII characters")
    return value


def _signing_key(value: Any) -> Output:  # noqa: ANN401 -- as above
    if isinstance(value, Derivation):
        return value.out
    if not isinstance(value, Output):
        raise InvalidArgument("signing_key", f"{value!r} is neither a file nor a derivation")
    return value


def _base(value: Any) -> str | Output | FrozenMap[str | Output]:  # noqa: ANN401 -- as above
    if isinstance(value, Mapping):
        if not value:
            raise InvalidArgument("base", "it has no architecture")
        return FrozenMap({check_architecture(arch): _one_base(it) for arch, it in value.items()})
    return _one_base(value)


def _one_base(value: Any) -> str | Output:  # noqa: ANN401 -- as above
    if isinstance(value, Derivation):
        return value.out
    if isinstance(value, str) and not _TARGET.fullmatch(value):
        raise InvalidArgument(
            "base", f"{value!r} is neither a configuration target such as `defconfig` nor an existing file"
        )
    if not isinstance(value, str | Output):
        raise InvalidArgument("base", f"{value!r} is neither a configuration target nor a file")
    return value


def _hardware(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    from derivations.hardware.snapshot import Snapshot  # noqa: PLC0415 -- start-up: few kernels are for one machine

    if not isinstance(value, Snapshot):
        raise InvalidArgument(
            "hardware", f"{value!r} is neither a hardware snapshot, as `kernix detect` makes, nor a file"
        )
    value.checked()


def _keep_modules(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- as above
    if not isinstance(value, list | tuple):
        raise InvalidArgument("keep_modules", f"it must be a list such as ['zram', 'USB_SERIAL*'], not {value!r}")
    if wrong := [it for it in value if not isinstance(it, str) or not _GLOB.fullmatch(it)]:
        raise InvalidArgument(
            "keep_modules", f"{wrong[0]!r} is neither a module nor an option, nor a pattern of such names"
        )
    return tuple(value)


def _toolchain(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, str):
        check_toolchain(value)
    elif not isinstance(value, Toolchain):
        raise InvalidArgument("toolchain", f"{value!r} is neither a toolchain nor the name of one")


def _extra_config(value: Any) -> tuple[Fragment, ...]:  # noqa: ANN401 -- as above
    return as_fragments(value, "extra_config")


def _extra_version(value: Any) -> str:  # noqa: ANN401 -- as above
    if not isinstance(value, str) or not _RELEASE.fullmatch(value):
        raise InvalidArgument("extra_version", f"{value!r} cannot be part of a kernel release")
    return value


def _mod_dir_version(value: Any) -> str:  # noqa: ANN401 -- as above
    if not isinstance(value, str) or not _RELEASE.fullmatch(value) or not value[:1].isdigit():
        raise InvalidArgument("mod_dir_version", f"{value!r} is not a kernel release")
    return value


def _features(value: Any) -> FrozenMap[bool]:  # noqa: ANN401 -- as above
    if not isinstance(value, Mapping) or not all(isinstance(it, str) for it in value):
        raise InvalidArgument("features", f"it must be a mapping from names to True or False, not {value!r}")
    if wrong := [it for it in value.values() if not isinstance(it, bool)]:
        raise InvalidArgument("features", f"{wrong[0]!r} is neither True nor False")
    return FrozenMap(value)


def _systems(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- as above
    if not isinstance(value, list | tuple) or not value or not all(isinstance(it, str) for it in value):
        raise InvalidArgument("systems", f"it must be a list such as ['x86_64-linux'], not {value!r}")
    for system in value:
        machine(system)
    return tuple(sorted(set(value)))


def _firmware(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    from derivations.linux.firmware import Firmware  # noqa: PLC0415 -- start-up: few kernels have firmware

    if not isinstance(value, Firmware):
        raise InvalidArgument("firmware", f"{value!r} is not a Firmware; write Firmware([file, …], tree)")


def _requires(value: Any) -> tuple[RequirementSet, ...]:  # noqa: ANN401 -- as above
    if not isinstance(value, list | tuple):
        raise InvalidArgument("requires", f"it must be a list such as ['systemd'], not {value!r}")
    if not value:
        return ()
    from derivations.kconfig.requirements.requirement_set import RequirementSet, requires  # noqa: PLC0415 -- start-up: few kernels declare sets

    found = [requires(it) if isinstance(it, str) else it for it in value]
    if wrong := [it for it in found if not isinstance(it, RequirementSet)]:
        raise InvalidArgument("requires", f"{wrong[0]!r} is neither a requirement set nor the name of one")
    return tuple({it.name: it for it in found}[name] for name in sorted({it.name for it in found}))


@attrs.frozen(kw_only=True)
class Arguments:
    """The arguments of `make_linux`, which documents them."""

    version: str = attrs.field(converter=_version)
    source: Output = attrs.field(converter=_source)
    name: str = attrs.field(default="linux", converter=_name)
    description: str = attrs.field(default="", validator=_is(str, "a string"))
    systems: tuple[str, ...] = attrs.field(default=(USUAL_SYSTEM,), converter=_systems)
    base: str | Output | FrozenMap[str | Output] = attrs.field(default="defconfig", converter=_base)
    extra_config: tuple[Fragment, ...] = attrs.field(default=(), converter=_extra_config)
    enable_common_config: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    auto_modules: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    prefer_builtin: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    ignore_config_errors: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    exact: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    strict_base: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    hardware: Snapshot | None = attrs.field(default=None, validator=_hardware)
    only_hardware: bool = attrs.field(default=False, validator=_is(bool, "True or False"))
    keep_modules: tuple[str, ...] = attrs.field(default=(), converter=_keep_modules)
    patches: tuple[Patch, ...] = attrs.field(default=(), converter=_patches)
    extra_version: str = attrs.field(default="", converter=_extra_version)
    make_flags: tuple[str, ...] = attrs.field(default=(), converter=_flags)
    randstruct_seed: str | None = attrs.field(default=None, converter=attrs.converters.optional(_randstruct_seed))
    signing_key: Output | None = attrs.field(default=None, converter=attrs.converters.optional(_signing_key))
    firmware: Firmware | None = attrs.field(default=None, validator=_firmware)
    requires: tuple[RequirementSet, ...] = attrs.field(default=(), converter=_requires)
    features: FrozenMap[bool] = attrs.field(factory=FrozenMap, converter=_features)
    mod_dir_version: str | None = attrs.field(default=None, converter=attrs.converters.optional(_mod_dir_version))
    toolchain: Toolchain | str = attrs.field(default=TOOLCHAINS[0], validator=_toolchain)
    context: Context | None = attrs.field(default=None, validator=_is(Context | None, "a Context"))
    compilations: int | None = attrs.field(default=None, validator=_is(int | None, "an integer"))

    def on(self, arch: str) -> Arguments:
        """Return the arguments for *arch*, Kbuild's ARCH: with one base, if there is one for each architecture.

        Raises:
            InvalidArgument: there is none for this one.
        """
        if not isinstance(self.base, FrozenMap):
            return self
        if arch not in self.base:
            raise InvalidArgument("base", f"it has a configuration for {', '.join(self.base)}, not for {arch}")
        return attrs.evolve(self, base=self.base[arch])

    def __attrs_post_init__(self) -> None:
        if self.exact and isinstance(self.base, str):
            raise InvalidArgument("exact", f"it requires a complete .config as base, not the target {self.base!r}")
        if self.strict_base and isinstance(self.base, str):
            raise InvalidArgument("strict_base", f"it requires a file as base, not the target {self.base!r}")
        if self.only_hardware and self.hardware is None:
            raise InvalidArgument("only_hardware", "it requires `hardware`: a snapshot of the machines, or its file")
        if self.only_hardware and self.strict_base:
            raise InvalidArgument(
                "only_hardware", "it drops modules that the base requests, so the base cannot be strict"
            )
        if self.keep_modules and not self.only_hardware:
            raise InvalidArgument("keep_modules", "it requires `only_hardware=True`; otherwise all modules are kept")


NAMES = tuple(field.name for field in attrs.fields(Arguments))


def check_names(function: str, given: Iterable[str], known: Collection[str] = NAMES) -> None:
    """Raise `UnknownArgument` for the first of *given* that is not one of the *known* arguments of *function*."""
    for name in given:
        if name not in known:
            raise UnknownArgument(function, name, _meant(name, known))


def _meant(name: str, known: Collection[str]) -> str | None:
    snake = _HUMP.sub("_", name).lower()
    same = [it for it in (snake, _ELSEWHERE.get(snake)) if it in known]
    return f"did you mean `{same[0]}`?" if same else suggestion(snake, known)


def base_file(file: Path) -> Derivation:
    """Return the configuration *file* as a derivation, decompressed if it is compressed.

    Raises:
        NoSource: there is no such file.
        InvalidFragment: it is damaged.
    """
    from derivations.kconfig.language.compressed import is_compressed  # noqa: PLC0415 -- start-up: few kernels start from a file

    found = local_file(file, name=fitting_name(file.name))
    data = bytes_of(file)
    return text_file(fitting_name(file.stem), decoded(data, file.name)) if is_compressed(data) else found


def check_base(file: Path, arguments: Arguments) -> None:
    """Check the configuration *file* that is the base of *arguments*.

    Raises:
        IncompleteConfig: it is a `.config` that is cut off.
        ForeignConfig: it is a `.config` for another architecture.
        MinimalConfig, ConfigOfOtherVersion: the configuration must be exact, but the file is not a complete `.config`,
            or is for another version.
    """
    from derivations.kconfig.language.grammar import remark_on  # noqa: PLC0415 -- start-up: few kernels start from a file
    from derivations.kconfig.language.header import (  # noqa: PLC0415 -- as above
        check_architecture as check_target,
    )
    from derivations.kconfig.language.header import (  # noqa: PLC0415 -- as above
        check_complete,
        check_version,
        check_whole,
    )

    text = decoded(bytes_of(file), file.name)
    remark_on(text, file.name)
    check_complete(text, file.name)
    check_target(text, file.name, [machine(system).arch for system in arguments.systems])
    if arguments.exact:
        check_whole(text, file.name)
        check_version(text, file.name, arguments.version)


def snapshot(file: Path) -> Snapshot:
    """Return the snapshot of machines in *file*.

    Raises:
        NoSource: there is no such file.
        InvalidSnapshot: it does not contain a snapshot.
    """
    from derivations.hardware.snapshot import Snapshot  # noqa: PLC0415 -- start-up: few kernels are for one machine

    return Snapshot.from_json(bytes_of(file), file.name)


def is_file_name(base: object) -> bool:
    """Return whether *base* names a file rather than a target of `make`."""
    return (
        isinstance(base, Path)
        or (isinstance(base, str) and ("/" in base or "." in base))
        or isinstance(base, os.PathLike)
    )
