"""What `kernix gc` and `kernix kept` do with the compile cache."""

from __future__ import annotations

import os
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.compile_cache.caches import CompileCaches


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


BIG = 1 << 18
GONE = f"{'a' * 32}-gcc-root"


@pytest.fixture
def files(kernix: CommandLine) -> dict[str, Path]:
    """Return a file of the cache of a toolchain that exists, 9 days old, a new one, and one of a toolchain that is gone."""
    toolchain = Path(kernix("add", kernix.write("gcc-root", "x")).lines[0]).name
    found = {}
    for name, cache, days in (("old", toolchain, 9), ("new", toolchain, 1), ("gone", GONE, 1)):
        with CompileCaches(kernix.home / "cache/ccache").using(cache, alone=False) as place:
            assert place is not None
            found[name] = place / f"{name}R"
        found[name].write_bytes(os.urandom(BIG))
        os.utime(found[name], (time.time() - days * 86_400,) * 2)
    return found


@pytest.mark.parametrize(
    ("options", "left", "size"),
    [
        pytest.param([], ["new", "old"], "524.3 kB left", id="default"),
        pytest.param(["--all"], [], "0 B left", id="all"),
        pytest.param(["--delete-older-than", "1s"], ["new", "old"], "524.3 kB left", id="older"),
        pytest.param(["--all", "--delete-older-than", "5d"], ["new"], "262.1 kB left", id="all-older"),
        pytest.param(["--max-freed", "1"], ["new", "old"], "524.3 kB left", id="max-freed"),
    ],
)
def test_gc(kernix: CommandLine, files: dict[str, Path], options: list[str], left: list[str], size: str) -> None:
    """What belongs to no toolchain goes, and what the options say; `--dry-run` reports the same."""
    freed = f"{(3 - len(left)) * BIG / 1000:.1f} kB"
    before = kernix("gc", *options, "--dry-run")

    assert f"{freed} would be removed from the compile cache, {size}\n" in before.err
    assert all(it.exists() for it in files.values())
    after = kernix("gc", *options)
    assert f"{freed} removed from the compile cache, {size}\n" in after.err
    assert sorted(name for name, it in files.items() if it.exists()) == left


def test_the_configured_size(kernix: CommandLine, files: dict[str, Path]) -> None:
    """`compile_cache_size` counts, also while the cache is switched off; a second run reports what is left."""
    kernix.configure('compile_cache_size = "300k"\n')
    kernix("gc")

    assert [name for name, it in files.items() if it.exists()] == ["new"]
    assert "262.1 kB in the compile cache\n" in kernix("gc").err
    assert "compile cache: 262.1 kB of at most 307.2 kB\n" in kernix("kept").err


def test_a_foreign_cache(kernix: CommandLine, files: dict[str, Path]) -> None:
    """A cache that others can enter is an error of `kept`, and a warning of `gc`, which leaves it alone."""
    (kernix.home / "cache/ccache").chmod(0o755)

    assert kernix("kept").code == 1
    ran = kernix("gc")
    assert (ran.code, "others can enter it" in ran.err) == (0, True)
    assert all(it.exists() for it in files.values())


def test_there_is_none(kernix: CommandLine) -> None:
    """Without a cache nothing is said about one."""
    kernix("add", kernix.write("file", "x"))

    assert "compile cache" not in kernix("gc").err + kernix("kept").err
