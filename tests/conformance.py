"""Random configurations, and the results of the kernel's own `make olddefconfig` to compare ours with.

    KERNIX_CONFORMANCE=1000 python -m pytest tests/test_real_conformance.py --real-home DIRECTORY

compares that many, divided among trees and architectures, instead of the few of `make check`.
"""

from __future__ import annotations

import random

from typing import TYPE_CHECKING

from derivations.derivation import Derivation
from derivations.linux.script import SHELL
from derivations.union import UnionLayout, union
from store.gc.retention import Retention


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from derivations.derivation import Output
    from derivations.kconfig.symbols.model import Model, Symbol
    from derivations.kconfig.symbols.values_table import Values
    from derivations.toolchain import Toolchain


_OLDDEFCONFIG = """
set -eu
cd /build
: > .config
make -s -C /src O=/build "$@" olddefconfig
mkdir /out/out
for file in /inputs/*; do
    cat "$file" > .config
    make -s -C /src O=/build "$@" olddefconfig
    cat .config > "/out/out/${file##*/}"
done
"""

_TARGETS = """
set -eu
cd /build
mkdir /out/out
for it in $TARGETS; do
    : > .config
    make -s -C /src O=/build ARCH="${it%:*}" "${it#*:}"
    cat .config > "/out/out/$it"
done
"""

_ANYTHING = ("y", "m", "n", "17", "0x10", '"text"', '""', "text", "", "-1", "ff", '"17"', "99999999999999999999")


def olddefconfig(texts: Mapping[str, str], tree: Output, toolchain: Toolchain) -> Derivation:
    """Return the results of `make olddefconfig` in *tree* for each of *texts*, as files of the same names."""
    inputs = union("configurations", [], UnionLayout(files=texts), retention=Retention.RESULT)
    return Derivation(
        name="olddefconfig",
        system=toolchain.system,
        builder=SHELL,
        args=("-c", _OLDDEFCONFIG, "olddefconfig", *toolchain.make_flags),
        env={"LC_ALL": "C"},
        mounts={"/": toolchain.root, "/inputs": inputs.out, "/src": tree},
    )


def targets(names: Sequence[str], tree: Output, toolchain: Toolchain) -> Derivation:
    """Return the results of the makefile of *tree* for *names*, each `ARCH:target`, as files of these names."""
    return Derivation(
        name="configurations",
        system=toolchain.system,
        builder=SHELL,
        args=("-c", _TARGETS, "targets"),
        env={"LC_ALL": "C", "TARGETS": " ".join(names)},
        mounts={"/": toolchain.root, "/src": tree},
    )


def random_config(seed: str, base: str, model: Model, values: Values) -> str:
    """Return *base*, whose options have *values*, with some lines removed and others added.

    60 % of the added options can be set, and a third have a value that probably does not fit their type.
    """
    chance = random.Random(seed)  # noqa: S311 -- the same every time
    visible = [name for name in model if values[name].visible]
    kept = [line for line in base.splitlines() if chance.random() > chance.choice((0, 0.05, 0.3))]
    added = []
    for _ in range(chance.randint(1, 60)):
        name = chance.choice(visible if chance.random() < 0.6 else model.names)
        if chance.random() < 0.05:
            name += chance.choice(("_", "X", "_MODULE"))
        symbol = model.get(name)
        sound = symbol is not None and chance.random() < 0.67
        added.append(_line(name, _sound(symbol, chance) if sound and symbol is not None else chance.choice(_ANYTHING)))
    if chance.random() < 0.2:
        added.append("CONFIG_MODULES=n" if chance.random() < 0.5 else "# CONFIG_MODULES is not set")
    chance.shuffle(added)
    return "".join(f"{line}\n" for line in kept + added)


def _line(name: str, value: str) -> str:
    return f"# CONFIG_{name} is not set" if value == "n" else f"CONFIG_{name}={value}"


def _sound(symbol: Symbol, chance: random.Random) -> str:
    match symbol.type:
        case "bool":
            return chance.choice("yn")
        case "tristate":
            return chance.choice("ymn")
        case "int":
            return str(chance.choice((0, 1, 2, 17, 64, 100, 4096, 1_000_000)))
        case "hex":
            return hex(chance.choice((0, 1, 0x1000, 0x1000000, 0xFFFFFFFF)))
        case _:
            return chance.choice(('""', '"a b"', r'"with \"quotes\" and \\"'))
