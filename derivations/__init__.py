"""The describing language: what to build, said in pure Python.

    from derivations import YES, MODULE, Patch, fetch_url, make_linux, optional

Nothing that is named here acts; `derivations.realise` does. Each name is imported when it is first
used: whoever needs one module of this package does not load the others.
"""

import importlib

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from derivations.context import Context, using
    from derivations.derivation import Derivation, Fixed, Hints, Output
    from derivations.fetch import fetch_deb, fetch_git, fetch_url
    from derivations.image.initramfs import make_initramfs
    from derivations.kconfig.values import MODULE, NO, UNSET, YES, Hex, optional
    from derivations.linux.kernel import Kernel, make_linux
    from derivations.linux.patch import Patch
    from derivations.source import local_file, local_source, text_file
    from derivations.union import union
    from derivations.unpack import unpack


_HOMES = {
    "MODULE": "kconfig.values",
    "NO": "kconfig.values",
    "UNSET": "kconfig.values",
    "YES": "kconfig.values",
    "Context": "context",
    "Derivation": "derivation",
    "Fixed": "derivation",
    "Hex": "kconfig.values",
    "Hints": "derivation",
    "Kernel": "linux.kernel",
    "Output": "derivation",
    "Patch": "linux.patch",
    "fetch_deb": "fetch",
    "fetch_git": "fetch",
    "fetch_url": "fetch",
    "local_file": "source",
    "local_source": "source",
    "make_initramfs": "image.initramfs",
    "make_linux": "linux.kernel",
    "optional": "kconfig.values",
    "text_file": "source",
    "union": "union",
    "unpack": "unpack",
    "using": "context",
}

__all__ = [
    "MODULE",
    "NO",
    "UNSET",
    "YES",
    "Context",
    "Derivation",
    "Fixed",
    "Hex",
    "Hints",
    "Kernel",
    "Output",
    "Patch",
    "fetch_deb",
    "fetch_git",
    "fetch_url",
    "local_file",
    "local_source",
    "make_initramfs",
    "make_linux",
    "optional",
    "text_file",
    "union",
    "unpack",
    "using",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- whatever the home module has under this name
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
