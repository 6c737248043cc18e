"""The directories of the compile cache: who may use them, and what becomes too much."""

from __future__ import annotations

import os
import time

from typing import TYPE_CHECKING

import pytest

from derivations.realise.compile_cache.caches import CompileCacheRefused, CompileCaches


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


BIG = 1 << 18
DAY = 86_400.0


@pytest.fixture
def caches(tmp_path: Path) -> CompileCaches:
    """Return caches in a place that does not exist yet."""
    return CompileCaches(tmp_path / "ccache")


def fill(caches: CompileCaches, toolchain: str, *ages: float) -> list[Path]:
    """Put a file of 256 KiB for each of *ages* in the cache of *toolchain*, and counters, as ccache would."""
    files = []
    with caches.using(toolchain, alone=False) as cache:
        assert cache is not None
        for number, age in enumerate(ages):
            file = cache / str(number) / f"{number}R"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(os.urandom(BIG))
            os.utime(file, (time.time() - age,) * 2)
            (file.parent / "stats").write_text("1")
            files.append(file)
    return files


def test_builds_share_a_cache(caches: CompileCaches) -> None:
    """Several builds have the cache of a toolchain at once, unless one needs it alone."""
    with caches.using("a", alone=False) as one, caches.using("a", alone=False) as two:
        assert one == two == caches.place / "a"
        with caches.using("a", alone=True) as third, caches.using("b", alone=True) as other:
            assert (third, other) == (None, caches.place / "b")
    with caches.using("a", alone=True) as one, caches.using("a", alone=False) as two:
        assert (one, two) == (caches.place / "a", None)


def test_others_cannot_enter(caches: CompileCaches) -> None:
    """The directory of the caches is closed to others, whatever the umask is."""
    before = os.umask(0)
    try:
        fill(caches, "a")
    finally:
        os.umask(before)

    assert caches.place.stat().st_mode & 0o777 == 0o700


def _open_to_all(place: Path) -> str:
    place.chmod(0o777)
    return "others can enter it"


def _link(place: Path) -> str:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")
    return "it is not a directory"


def _of_another(place: Path) -> str:
    os.chown(place, 1, 1)
    return "it belongs to another user"


@pytest.mark.parametrize("change", [_open_to_all, _link, pytest.param(_of_another, marks=pytest.mark.root)])
def test_what_others_can_change_is_refused(caches: CompileCaches, change: Callable[[Path], str]) -> None:
    """No use is made of a directory that somebody else could have filled, and nothing in it is removed."""
    (file,) = fill(caches, "a", 0.0)
    reason = change(caches.place)

    for use in (caches.size, lambda: caches.shrink(0), lambda: caches.using("a", alone=False).__enter__()):
        with pytest.raises(CompileCacheRefused) as caught:
            use()
        assert caught.value.reason == reason
    assert file.exists()


def test_there_may_be_none(caches: CompileCaches) -> None:
    """Without a cache nothing is made, and nothing can be removed."""
    assert (caches.size(), caches.shrink(0).freed, caches.place.exists()) == (0, 0, False)


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_oldest_go_first(caches: CompileCaches, dry_run: bool) -> None:
    """Of all caches together the files go that were used longest ago, until what is left is small enough."""
    old, new = fill(caches, "a", 9 * DAY, 1 * DAY)
    (middle,) = fill(caches, "b", 5 * DAY)
    found = caches.shrink(BIG, dry_run=dry_run)

    assert (found.freed, found.left) == (2 * BIG, BIG)
    assert [it.exists() for it in (old, middle, new)] == [dry_run, dry_run, True]
    assert caches.size() == (3 * BIG if dry_run else BIG)
    assert (old.parent / "stats").exists()


def test_what_is_unused_for_long(caches: CompileCaches) -> None:
    """With an age, files that were not used for that time go, however few they are."""
    old, new = fill(caches, "a", 9 * DAY, 1 * DAY)
    caches.shrink(1 << 40, 8 * DAY)

    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_toolchain_is_gone(caches: CompileCaches, dry_run: bool) -> None:
    """The cache of a toolchain that is gone serves nobody."""
    fill(caches, "a", 0.0)
    (kept,) = fill(caches, "b", 0.0)
    found = caches.shrink(1 << 40, is_gone=lambda name: name == "a", dry_run=dry_run)

    assert (found.freed, found.left, kept.exists()) == (BIG, BIG, True)
    assert (caches.place / "a").exists() is dry_run


def test_what_a_build_uses_stays(caches: CompileCaches) -> None:
    """A cache that a build is using is left alone, and is counted."""
    (used,), (other,) = fill(caches, "a", 9 * DAY), fill(caches, "b", 0.0)
    with caches.using("a", alone=False):
        found = caches.shrink(0, is_gone=lambda _: True)

    assert (found.freed, found.left) == (BIG, BIG)
    assert (used.exists(), other.exists()) == (True, False)
