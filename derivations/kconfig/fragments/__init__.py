"""The fragments that come with kernix: what is asked for together, each group with where it is from.

Every request here has the priority of a default, so what a user asks for plainly holds over it
without a word, and no two fragments contradict each other. A request that is not optional holds
on the architecture's defconfig with nothing but its own fragment: what it depends on is asked
for beside it.
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
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a fragment; Any lets the annotations above stand
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return importlib.import_module(f"{__name__}.groups.{name}").FRAGMENT
