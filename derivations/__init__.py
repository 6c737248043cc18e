"""The language of definitions: what to build, described in pure Python.

    from derivations import YES, MODULE, Patch, fetch_url, make_linux, optional

Nothing named here has side effects; `derivations.realise` builds. Each name is imported when it is first
used, so a program that needs one module of this package does not load the others.
"""

import importlib
import sys
import types

from typing import TYPE_CHECKING, Any

from derivations.shadowing import shadowed


if TYPE_CHECKING:
    from derivations.context import Context, using
    from derivations.derivation import Derivation, Fixed, Hints, Output
    from derivations.fetch import fetch_deb, fetch_git, fetch_git_patches, fetch_url
    from derivations.hardware.snapshot import Snapshot
    from derivations.image.disk import make_module_disk, make_root_disk
    from derivations.image.initramfs import early_microcode, join_initramfs, make_initramfs, make_module_initramfs
    from derivations.image.uki import make_uki
    from derivations.kconfig.language.fragment import Fragment
    from derivations.kconfig.language.text import fragment_file
    from derivations.kconfig.language.values import (
        MODULE,
        NO,
        UNSET,
        YES,
        Asked,
        Hex,
        default,
        force,
        optional,
        when_arch,
        when_at_least,
        when_between,
        when_older,
    )
    from derivations.kconfig.requirements.requirement_set import RequirementSet, requires
    from derivations.kconfig.rules.rule import Rule
    from derivations.linux.boot_test import boot_test
    from derivations.linux.dkms import dkms_package
    from derivations.linux.firmware import Firmware
    from derivations.linux.firmware_tree import debian_firmware
    from derivations.linux.kernel import Kernel, make_linux
    from derivations.linux.keywords import DerivationChanges
    from derivations.linux.linux_libre import (
        DEFAULT_EXTRA_LINUX_OPTIONS,
        alist_delete,
        linux_libre_deblob_scripts,
        linux_libre_source,
        make_linux_libre,
        make_linux_libre_from,
    )
    from derivations.linux.manual_config import linux_manual_config, linux_packages_custom
    from derivations.linux.module import make_linux_module
    from derivations.linux.module_closure import module_closure
    from derivations.linux.patch import Patch
    from derivations.linux.prebuilt import debian_kernel
    from derivations.linux.request_test import request_test
    from derivations.source import local_file, local_source, text_file
    from derivations.union import union
    from derivations.unpack import unpack


__part_of__ = "kernix"

# A script that begins with `from derivations import …` gets this error before anything else fails.
if (_hidden := shadowed(("store", "kernels"))) is not None:
    raise _hidden

_HOMES = {
    "Asked": "kconfig.language.values",
    "Context": "context",
    "DEFAULT_EXTRA_LINUX_OPTIONS": "linux.linux_libre",
    "Derivation": "derivation",
    "DerivationChanges": "linux.keywords",
    "Firmware": "linux.firmware",
    "Fixed": "derivation",
    "Fragment": "kconfig.language.fragment",
    "Hex": "kconfig.language.values",
    "Hints": "derivation",
    "Kernel": "linux.kernel",
    "MODULE": "kconfig.language.values",
    "NO": "kconfig.language.values",
    "Output": "derivation",
    "Patch": "linux.patch",
    "RequirementSet": "kconfig.requirements.requirement_set",
    "Rule": "kconfig.rules.rule",
    "Snapshot": "hardware.snapshot",
    "UNSET": "kconfig.language.values",
    "YES": "kconfig.language.values",
    "alist_delete": "linux.linux_libre",
    "boot_test": "linux.boot_test",
    "debian_firmware": "linux.firmware_tree",
    "debian_kernel": "linux.prebuilt",
    "default": "kconfig.language.values",
    "dkms_package": "linux.dkms",
    "early_microcode": "image.initramfs",
    "fetch_deb": "fetch",
    "fetch_git": "fetch",
    "fetch_git_patches": "fetch",
    "fetch_url": "fetch",
    "force": "kconfig.language.values",
    "fragment_file": "kconfig.language.text",
    "join_initramfs": "image.initramfs",
    "linux_libre_deblob_scripts": "linux.linux_libre",
    "linux_libre_source": "linux.linux_libre",
    "linux_manual_config": "linux.manual_config",
    "linux_packages_custom": "linux.manual_config",
    "local_file": "source",
    "local_source": "source",
    "make_initramfs": "image.initramfs",
    "make_linux": "linux.kernel",
    "make_linux_libre": "linux.linux_libre",
    "make_linux_libre_from": "linux.linux_libre",
    "make_linux_module": "linux.module",
    "make_module_disk": "image.disk",
    "make_module_initramfs": "image.initramfs",
    "make_root_disk": "image.disk",
    "make_uki": "image.uki",
    "module_closure": "linux.module_closure",
    "optional": "kconfig.language.values",
    "requires": "kconfig.requirements.requirement_set",
    "request_test": "linux.request_test",
    "text_file": "source",
    "union": "union",
    "unpack": "unpack",
    "using": "context",
    "when_arch": "kconfig.language.values",
    "when_at_least": "kconfig.language.values",
    "when_between": "kconfig.language.values",
    "when_older": "kconfig.language.values",
}

__all__ = [
    "DEFAULT_EXTRA_LINUX_OPTIONS",
    "MODULE",
    "NO",
    "UNSET",
    "YES",
    "Asked",
    "Context",
    "Derivation",
    "DerivationChanges",
    "Firmware",
    "Fixed",
    "Fragment",
    "Hex",
    "Hints",
    "Kernel",
    "Output",
    "Patch",
    "RequirementSet",
    "Rule",
    "Snapshot",
    "alist_delete",
    "boot_test",
    "debian_firmware",
    "debian_kernel",
    "default",
    "dkms_package",
    "early_microcode",
    "fetch_deb",
    "fetch_git",
    "fetch_git_patches",
    "fetch_url",
    "force",
    "fragment_file",
    "join_initramfs",
    "linux_libre_deblob_scripts",
    "linux_libre_source",
    "linux_manual_config",
    "linux_packages_custom",
    "local_file",
    "local_source",
    "make_initramfs",
    "make_linux",
    "make_linux_libre",
    "make_linux_libre_from",
    "make_linux_module",
    "make_module_disk",
    "make_module_initramfs",
    "make_root_disk",
    "make_uki",
    "module_closure",
    "optional",
    "request_test",
    "requires",
    "text_file",
    "union",
    "unpack",
    "using",
    "when_arch",
    "when_at_least",
    "when_between",
    "when_older",
]


if not TYPE_CHECKING:  # otherwise type checkers would accept misspelled names

    def __getattr__(name: str) -> Any:  # noqa: ANN401 -- any value of the home module
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


class _Package(types.ModuleType):
    """Keep a function, such as `union`, when importing the module of the same name would replace it."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, types.ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
