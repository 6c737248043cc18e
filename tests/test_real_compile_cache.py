"""The compile cache with a real GCC and ccache: objects are those of a build without it, also where ccache alone would be wrong."""

from __future__ import annotations

import secrets

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.debian.rootfs import root_file_system
from derivations.derivation import Derivation, Hints
from derivations.realise.events import Compiled
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.realise import realise
from derivations.realise.settings import Settings
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from derivations.derivation import Output
    from derivations.realise.events import Event
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

SCRIPT = r"""
mkdir near far /out/out
echo '#define N 1' > far/n.h
if [ -n "$SHADOW" ]; then echo '#define N 2' > near/n.h; fi
printf '#include <n.h>\nconst char *run = "%s";\nint n(void) { return N; }\n' "$RUN" > a.c
printf '\t.incbin\t"data"\n' > b.S
echo "$DATA" > data
gcc -O2 -g -Wall -Inear -Ifar -Wp,-MMD,a.d -c -o a.o a.c
gcc -c -o b.o b.S
mv a.o a.d b.o /out/out
"""


@attrs.frozen
class Bench:
    """Compiles the same two files again and again, for one run of the tests."""

    store: Store
    root: Output
    run: str = attrs.field(factory=lambda: secrets.token_hex(8))

    def compile(self, name: str, cache: str | None, *, shadow: str = "", data: str = "x") -> Mapping[str, bytes]:
        """Return what comes out, and under `hits` the number of objects from the cache."""
        hits: list[int | None] = []

        def listen(event: Event) -> None:
            if isinstance(event, Compiled):
                hits.append(event.reuse.cached)

        it = Derivation(
            name=name,
            system="x86_64-linux",
            builder="/bin/sh",
            args=["-euc", SCRIPT],
            mounts={"/": self.root},
            env={"RUN": self.run, "SHADOW": shadow, "DATA": data, "CACHE": str(cache)},
            hints=Hints(object_tree="x86"),
        )
        settings = Settings(compile_cache=cache, kept=KeepPolicy(enabled=False))
        out = self.store.path(realise(self.store, it, settings, listen)["out"])
        return {**{it.name: it.read_bytes() for it in out.iterdir()}, "hits": str(hits[0]).encode()}


@pytest.fixture
def bench(real: Kernix) -> Iterator[Bench]:
    """Return a bench with the toolchain of kernels."""
    with Store.open(real.home / "kernix") as store:
        yield Bench(store, root_file_system("gcc", real.lock()).out)


def test_cold_and_warm(bench: Bench) -> None:
    """An object from the cache, with its list of what was read, is that of the compiler."""
    plain = bench.compile("plain", None)
    cold = bench.compile("cold", "ccache")
    warm = bench.compile("warm", "ccache")

    assert (plain["hits"], cold["hits"], warm["hits"]) == (b"None", b"0", b"1")
    for name in ("a.o", "a.d", "b.o"):
        assert plain[name] == cold[name] == warm[name]


def test_a_header_that_shadows_another(bench: Bench) -> None:
    """A header that is added earlier on the search path is seen: the direct mode would return the object without it."""
    bench.compile("before", "ccache")
    shadowed, plain = bench.compile("after", "ccache", shadow="1"), bench.compile("after-plain", None, shadow="1")

    assert (shadowed["hits"], b"near/n.h" in shadowed["a.d"]) == (b"0", True)
    assert (shadowed["a.o"], shadowed["a.d"]) == (plain["a.o"], plain["a.d"])


def test_an_included_file(bench: Bench) -> None:
    """A file that assembly includes with `.incbin` is always the present one."""
    one, two = bench.compile("one", "ccache", data="x"), bench.compile("two", "ccache", data="y")

    assert (b"x\n" in one["b.o"], b"y\n" in two["b.o"]) == (True, True)
