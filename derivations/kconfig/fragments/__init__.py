"""The bundled fragments: requests that belong together, with the source of each group.

Every request here has default priority, so a user's plain request silently overrides it, and no two
fragments conflict, but for `vm_guest`: it has no modules, so it builds in what `filesystems` and `containers` have as one. A request that is not optional holds on the architecture's defconfig with nothing
but its own fragment, which also requests its dependencies.
"""

from __future__ import annotations

import importlib

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from derivations.kconfig.language.fragment import Fragment

    common: Fragment
    containers: Fragment
    debugging: Fragment
    efi: Fragment
    emulation: Fragment
    filesystems: Fragment
    firmware: Fragment
    hardening: Fragment
    virtio_guest: Fragment
    vm_guest: Fragment

__all__ = [
    "common",
    "containers",
    "debugging",
    "efi",
    "emulation",
    "filesystems",
    "firmware",
    "hardening",
    "virtio_guest",
    "vm_guest",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a fragment; Any lets the annotations above stand
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return importlib.import_module(f"{__name__}.groups.{name}").FRAGMENT
