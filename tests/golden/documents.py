"""The golden files: what certain definitions evaluate to, byte for byte.

A changed golden file is a changed store path: everybody builds that again; a changed `provenance.json` is another format
of statements, which have been signed. `python -m
tests.golden.write`, run in the project's directory, writes them again; the diff shows what the change costs.
"""

from __future__ import annotations

import functools
import hashlib
import json

from typing import TYPE_CHECKING

from derivations import drv
from derivations.derivation import Derivation, Fixed, Hints
from derivations.kconfig.language.text import write
from derivations.provenance.statement import statement
from kernels import kernel_set
from store.gc.retention import Retention
from store.path import StorePath
from tests.fakes import fake_lock, path_of


if TYPE_CHECKING:
    from collections.abc import Callable


def example() -> Derivation:
    """Return a derivation that has something in every attribute."""
    source = Derivation(
        name="linux-6.12.64.tar.xz",
        system="builtin",
        builder="builtin:fetch-url",
        env={"urls": '["https://cdn.kernel.org/linux-6.12.64.tar.xz"]'},
        fixed=Fixed("flat", "d1ad94a33681148efe884f4028970d69e332f2b003f0e8be53a1d25de38e49a2"),
        hints=Hints(retention=Retention.SOURCE),
    )
    return Derivation(
        name="linux-6.12.64",
        system="x86_64-linux",
        builder="/bin/sh",
        args=("-c", 'make "$@"\n', "ünïcode \\ \x7f"),
        env={"LC_ALL": "C", "KBUILD_BUILD_USER": "kernix", "A": ""},
        mounts={"/src": source.out, "/": source.out},
        outputs=("out", "modules"),
        hints=Hints(description="Linux", timeout=3600, compilations=3000),
    )


def content(digit: int) -> bytes:
    """Return a made-up tree digest."""
    return bytes([digit]) * 32


def _drv() -> bytes:
    return drv.dumps(example(), path_of)


def _keys() -> bytes:
    derivation = example()
    keys = {
        "key": derivation.key.hex(),
        "input": derivation.inputs[0].derivation.key.hex(),
        "action key": derivation.action_key(lambda _: content(1)).hex(),
        "action key with another input": derivation.action_key(lambda _: content(2)).hex(),
    }
    return _lines(keys)


def _kernels() -> bytes:
    lock = fake_lock()
    keys = {}
    for system in ("aarch64-linux", "x86_64-linux"):
        kernels = kernel_set(lock=lock, system=system)
        for name, kernel in kernels.items():
            if not kernel.is_prebuilt and system in kernel.arguments.systems:
                keys[f"{system} {name}"] = kernel.derivation.key.hex()
                keys[f"{system} {name}.configuration"] = kernel.configuration.derivation.key.hex()
                keys[f"{system} {name}.tests.boot"] = kernel.tests.boot.key.hex()
    return _lines(keys)


def _micro() -> bytes:
    return write(kernel_set(lock=fake_lock()).linux_micro.requests).encode()


def _lines(value: object) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def _provenance() -> bytes:
    derivation = example()
    inputs = {it: content(2) for it in derivation.inputs}
    path = StorePath.make(content(1), derivation.name)
    return statement(derivation.out, path, content(1), inputs, version="1", builder="team-1")


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "example.drv": _drv,
    "example.json": _keys,
    "kernels.json": _kernels,
    "linux_micro.config": _micro,
    "provenance.json": _provenance,
}
"""How each golden file is made."""


@functools.cache
def digest() -> str:
    """Return one digest over all golden files as they are made here."""
    return hashlib.sha256(b"".join(make() for make in DOCUMENTS.values())).hexdigest()
