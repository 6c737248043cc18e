"""What a kernel's build sees of the compile cache, with stand-ins for GCC and ccache that say how they are called."""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING, Any

import attrs
import pytest

from derivations.derivation import Hints
from derivations.realise.events import Compiled, Warned
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.proof.again import again
from derivations.realise.realise import realise
from derivations.realise.settings import Settings
from derivations.source import local_source
from tests.roots import add_tools


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.derivation import Derivation
    from tests.derivations.realise.conftest import Workplace


GCC = """#!/bin/sh
echo "$0" "$#" "$@" >> /out/out
"""
CCACHE = """#!/bin/sh
echo through ccache >> /out/out
while read -r name _ value; do
    case $name in
        cache_dir) cache=$value ;;
        stats_log) log=$value ;;
        direct_mode | compiler_check | max_size) echo "$name = $value" >> "$cache/configuration" ;;
    esac
done < "$CCACHE_CONFIGPATH"
if [ -e "$cache/known" ]; then echo preprocessed_cache_hit >> "$log"; else echo cache_miss >> "$log"; fi
: > "$cache/known"
exec "$@"
"""
MAKE = "echo '  CC      a.o'; echo 'int a;' > a.c; gcc -c -o a.o a.c"


@pytest.fixture(scope="module")
def toolchain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with a shell, GCC and ccache."""
    root = tmp_path_factory.mktemp("toolchain") / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/lib/ccache").mkdir(parents=True)
    add_tools(root, ("sh", "grep", "cat"))
    for name, text in {"gcc": GCC, "gcc-12": GCC, "gcc-ar": GCC, "ccache": CCACHE}.items():
        (root / "usr/bin" / name).write_text(text)
        (root / "usr/bin" / name).chmod(0o755)
    return root


@pytest.fixture
def place(workplace: Workplace, toolchain: Path) -> Workplace:
    """Return a workplace with that toolchain."""
    return attrs.evolve(workplace, base=local_source(toolchain, name="toolchain"))


def kernel(place: Workplace, script: str, name: str = "linux", **hints: Any) -> Derivation:  # noqa: ANN401 -- hints
    """Return what is built like a kernel, by *script*."""
    return place.shell(name, script, hints=Hints(**{"object_tree": "x86", **hints}))


def built(place: Workplace, it: Derivation, **settings: Any) -> str:  # noqa: ANN401 -- settings
    """Build *it* with the compile cache, and return what it wrote."""
    chosen = {"compile_cache": "ccache", "kept": KeepPolicy(enabled=False), **settings}
    return place.realise(it, **chosen)["out"].read_text()


def cached(place: Workplace) -> list[int | None]:
    """Return how many objects of each kernel came from the cache."""
    return [it.reuse.cached for it in place.listener.events if isinstance(it, Compiled)]


def warnings(place: Workplace) -> list[str]:
    return [it.text for it in place.listener.events if isinstance(it, Warned)]


@pytest.mark.parametrize(
    ("words", "is_cached"),
    [
        pytest.param("-c -D'A=\"b c\"' -o a.o a.c", True, id="C"),
        pytest.param("-c -o a.o a.S", False, id="assembly"),
        pytest.param("-c -o a.o blob.c", False, id="a file is included as it is"),
        pytest.param("-E a.c", False, id="preprocessor alone"),
        pytest.param("-o a a.c", False, id="linked at once"),
        pytest.param("-Werror -c -x c /dev/null -o a.o", False, id="probe"),
        pytest.param("--version", False, id="no file"),
    ],
)
def test_what_goes_through_it(place: Workplace, words: str, is_cached: bool) -> None:
    """C files do; what ccache could not know by its source does not. The compiler gets the same words."""
    script = f"echo 'int a;' > a.c; echo > a.S; echo 'asm(\".incbin\\tx\");' > blob.c; gcc-12 {words}"
    lines = built(place, kernel(place, script)).splitlines()
    plain = place.realise(place.shell("plain", script.replace("gcc-12", "/usr/bin/gcc-12")))["out"].read_text()

    assert ("through ccache" in lines) is is_cached
    assert f"{lines[-1]}\n" == plain


def test_counts_and_configuration(place: Workplace) -> None:
    """The second build of the same finds what the first one left; ccache works by the preprocessor and by the toolchain."""
    for name in ("one", "two"):
        built(place, kernel(place, MAKE, name), compile_cache_size=5_000_000)
    toolchain = realise(place.store, place.base)["out"]
    (cache,) = place.store.layout.compile_cache.iterdir()

    assert (cached(place), cache.name) == ([0, 1], str(toolchain))
    assert {*(cache / "configuration").read_text().splitlines()} == {
        "direct_mode = false",
        f"compiler_check = string:{place.store.info(toolchain).digest.hex()}",
        "max_size = 5000k",
    }
    assert sorted(it.name for it in cache.iterdir()) == ["configuration", "known"]  # the log is gone


def test_it_is_in_no_key(place: Workplace) -> None:
    """What was built with the cache is what is wanted without it, and the other way round."""
    it = kernel(place, MAKE)

    assert built(place, it) == place.realise(it)["out"].read_text()
    assert cached(place) == [0]


@pytest.mark.parametrize(
    ("settings", "hints"), [({"compile_cache": None}, {}), ({}, {"object_tree": None})], ids=["off", "no kernel"]
)
def test_it_is_off(place: Workplace, settings: dict[str, Any], hints: dict[str, Any]) -> None:
    """Without the setting nothing is made; other builds than kernels' have no cache."""
    assert "ccache" not in built(place, kernel(place, MAKE, **hints), **settings)
    assert not place.store.layout.compile_cache.exists()


def test_a_shared_directory_is_refused(place: Workplace) -> None:
    """What others could have filled is not used, which is reported; the build goes on without."""
    caches = place.store.layout.compile_cache
    caches.mkdir()
    caches.chmod(0o777)

    assert "through ccache" not in built(place, kernel(place, MAKE))
    assert ([*caches.iterdir()], len(warnings(place))) == ([], 1)
    assert "others can enter it" in warnings(place)[0]


@pytest.mark.parametrize("lack", ["ccache", "gcc", "clang"])
def test_a_toolchain_without(place: Workplace, toolchain: Path, tmp_path: Path, lack: str) -> None:
    """A toolchain without ccache, without GCC, or with Clang has no cache, which is reported."""
    root = tmp_path / "other"
    shutil.copytree(toolchain, root, symlinks=True)
    if lack == "clang":
        (root / "usr/bin/clang").write_text(GCC)
    else:
        (root / "usr/bin" / lack).unlink()
    (root / "usr/bin/gcc-12").unlink(missing_ok=True)
    other = attrs.evolve(place, base=local_source(root, name="other"))
    script = "echo x > /out/out" if lack == "gcc" else MAKE

    assert "through ccache" not in built(other, kernel(other, script))
    assert warnings(other) == ["nothing goes through ccache: other does not have both ccache and GCC"]


def test_checks_do_not_use_it(place: Workplace) -> None:
    """A build that is compared with another one is compiled."""
    it = kernel(place, MAKE)  # which writes whether it is compiled through the cache
    settings = Settings(compile_cache="ccache", kept=KeepPolicy(enabled=False))
    (found,) = again(place.store, it, settings=settings)

    assert "through ccache" in built(place, it)
    assert not found.equal


def test_a_builder_cannot_configure_it(place: Workplace) -> None:
    """What ccache is to do is not the builder's to change, in the cache or elsewhere."""
    built(
        place,
        kernel(
            place,
            'echo "$CCACHE_CONFIGPATH" > /out/out; ! echo >> "$CCACHE_CONFIGPATH"; ! echo > "${CCACHE_CONFIGPATH%/*}/gcc"',
        ),
    )
    assert built(place, kernel(place, 'echo "$CCACHE_CONFIGPATH" > /out/out', "two")) == "/usr/lib/ccache/ccache.conf\n"
