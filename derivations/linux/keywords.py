"""The types of the arguments of `make_linux` and of the functions based on it, as users may write them.

`make_linux` documents them; `derivations.linux.arguments` validates and normalises them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict


if TYPE_CHECKING:
    import os

    from collections.abc import Callable, Mapping
    from typing import TypeAlias, TypeVar

    from derivations.context import Context
    from derivations.derivation import Derivation, Fixed, Hints, Output
    from derivations.forms import Integer, ListOf
    from derivations.frozen_map import FrozenMap
    from derivations.hardware.snapshot import Snapshot
    from derivations.kconfig.language.fragment import ExtraConfig, Fragment
    from derivations.kconfig.requirements.requirement_set import RequirementSet
    from derivations.linux.firmware import Firmware
    from derivations.linux.patch import Patch
    from derivations.toolchain import Toolchain

    New = TypeVar("New")
    Old = TypeVar("Old")

    File: TypeAlias = str | os.PathLike[str]
    Built: TypeAlias = Derivation | Output
    Changed: TypeAlias = New | Callable[[Old], New]
    """An argument of `override` that is *New* for `make_linux`: a *New*, or a function of the old value."""


class _Required(TypedDict):
    version: str
    source: Built


class _Common(_Required, total=False):
    """The arguments that do not concern the configuration."""

    name: str
    description: str
    systems: ListOf[str]
    ignore_config_errors: bool
    patches: ListOf[Patch]
    extra_version: str
    make_flags: ListOf[str]
    randstruct_seed: str | None
    signing_key: File | Built | None
    requires: ListOf[str | RequirementSet]
    features: Mapping[str, bool]
    mod_dir_version: str | None
    toolchain: Toolchain | str
    context: Context | None
    compilations: Integer | None


class LinuxKeywords(_Common, total=False):
    """The arguments of `make_linux`."""

    base: File | Built | Mapping[str, File | Built]
    extra_config: ExtraConfig
    enable_common_config: bool
    auto_modules: bool
    prefer_builtin: bool
    exact: bool
    strict_base: bool
    hardware: Snapshot | File | None
    only_hardware: bool
    keep_modules: ListOf[str]
    firmware: Firmware | None


class ManualKeywords(_Common):
    """The arguments of `linux_manual_config` and `linux_packages_custom`."""

    config_file: File | Built


class OverrideKeywords(TypedDict, total=False):
    """The arguments of `Kernel.override`: those of `make_linux`, or functions of the values in `Arguments`."""

    version: Changed[str, str]
    source: Changed[Built, Output]
    name: Changed[str, str]
    description: Changed[str, str]
    systems: Changed[ListOf[str], tuple[str, ...]]
    ignore_config_errors: Changed[bool, bool]
    patches: Changed[ListOf[Patch], tuple[Patch, ...]]
    extra_version: Changed[str, str]
    make_flags: Changed[ListOf[str], tuple[str, ...]]
    randstruct_seed: Changed[str | None, str | None]
    signing_key: Changed[File | Built | None, Output | None]
    requires: Changed[ListOf[str | RequirementSet], tuple[RequirementSet, ...]]
    features: Changed[Mapping[str, bool], FrozenMap[bool]]
    mod_dir_version: Changed[str | None, str | None]
    toolchain: Changed[Toolchain | str, Toolchain | str]
    context: Changed[Context | None, Context | None]
    compilations: Changed[Integer | None, int | None]
    base: Changed[File | Built | Mapping[str, File | Built], str | Output | FrozenMap[str | Output]]
    extra_config: Changed[ExtraConfig, tuple[Fragment, ...]]
    enable_common_config: Changed[bool, bool]
    auto_modules: Changed[bool, bool]
    prefer_builtin: Changed[bool, bool]
    exact: Changed[bool, bool]
    strict_base: Changed[bool, bool]
    hardware: Changed[Snapshot | File | None, Snapshot | None]
    only_hardware: Changed[bool, bool]
    keep_modules: Changed[ListOf[str], tuple[str, ...]]
    firmware: Changed[Firmware | None, Firmware | None]


class DerivationChanges(TypedDict, total=False):
    """The result of the function passed to `Kernel.override_attrs`: the attributes of the derivation to change."""

    name: str
    system: str
    builder: str
    args: ListOf[str]
    env: Mapping[str, str]
    mounts: Mapping[str, Output]
    outputs: ListOf[str]
    fixed: Fixed | None
    hints: Hints
