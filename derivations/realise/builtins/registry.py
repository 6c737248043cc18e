"""The functions behind the `builtin:` builders; a module is loaded on first use."""

from __future__ import annotations

import importlib

from typing import TYPE_CHECKING, cast

from derivations.derivation import BUILTIN
from derivations.suggest import suggestion
from store.errors import Error


if TYPE_CHECKING:
    from derivations.realise.job import Builtin


_PACKAGE = "derivations.realise.builtins"
_BUILTINS = {
    "boot-test": "boot_test:boot_test",
    "check-config": "check_config:check_config",
    "deb": "deb:deb",
    "driver-map": "driver_map:driver_map",
    "fetch-url": "fetch:fetch_url",
    "fetch-deb": "fetch:fetch_deb",
    "fetch-git": "git:fetch_git",
    "fetch-git-patches": "git_patches:fetch_git_patches",
    "hardware-fragment": "hardware_fragment:hardware_fragment",
    "initramfs": "initramfs:initramfs",
    "join-initramfs": "initramfs:join_initramfs",
    "kbuild-map": "kbuild_map:kbuild_map",
    "kconfig-slice": "kconfig_slice:kconfig_slice",
    "local": "local:local",
    "module-closure": "module_closure:module_closure",
    "module-requests": "module_requests:module_requests",
    "module-sources": "module_sources:module_sources",
    "patch": "patch:patch",
    "trim-fragment": "trim_fragment:trim_fragment",
    "uki": "uki:uki",
    "union": "union:union",
    "unpack": "unpack:unpack",
    "write-text": "local:write_text",
}


TAKE_VIEWS = frozenset({"builtin:driver-map", "builtin:kbuild-map", "builtin:kconfig-slice", "builtin:module-sources"})
"""The builtins that read the tree at `/tree` as `Job.tree`, so that it need not be a directory on the disk."""

TAKE_PARTS = frozenset({"builtin:kconfig-slice"})
"""The builtins whose output is a part of the tree, and depends only on its paths and on the contents of that part."""

COUNT_BYTES = frozenset(
    f"{BUILTIN}{it}"
    for it in ("fetch-deb", "fetch-git", "fetch-git-patches", "fetch-url", "initramfs", "join-initramfs")
)
"""The builtins that report how many bytes they have read or written; others count files."""


class UnknownBuiltin(Error):
    """A derivation has a builder that this kernix does not know."""

    builder: str

    def __str__(self) -> str:
        return f"unknown builder {self.builder!r}"

    @property
    def hint(self) -> str:
        """Suggest a similar name, or a newer version."""
        return suggestion(self.builder.removeprefix(BUILTIN), _BUILTINS) or "a newer kernix may have it"


def find(builder: str) -> Builtin:
    """Return the function behind *builder*.

    Raises:
        UnknownBuiltin: it does not exist.
    """
    place = _BUILTINS.get(builder.removeprefix(BUILTIN)) if builder.startswith(BUILTIN) else None
    if place is None:
        raise UnknownBuiltin(builder)
    module, _, function = place.partition(":")
    return cast("Builtin", getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function))
