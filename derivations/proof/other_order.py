"""A library that hands out directories in another order, compiled by the toolchain of the build that it is for."""

from __future__ import annotations

from pathlib import Path

from derivations.derivation import Derivation, Hints
from derivations.source import text_file
from store.gc.retention import Retention


_SOURCE = Path(__file__).with_name("scripts") / "order.c"


def other_order(derivation: Derivation) -> Derivation | None:
    """Return the library for the programs that *derivation* runs; None if they have no root file system of their own."""
    root = derivation.mounts.get("/")
    if root is None:
        return None
    source = text_file("order.c", _SOURCE.read_text(encoding="utf-8"))
    return Derivation(
        name="other-directory-order",
        system=derivation.system,
        builder="/bin/sh",
        args=("-euc", "cc -O2 -shared -fPIC -o /out/out /order.c -ldl -lpthread"),
        mounts={"/": root, "/order.c": source.out},
        hints=Hints(description="a library that changes the order of directories", retention=Retention.TOOLCHAIN),
    )
