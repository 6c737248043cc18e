"""The answer of a build is recorded unless Python code of the user's takes part."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.source import text_file
from kernix import links
from kernix.answers.cache import answer
from kernix.answers.record import recorder
from kernix.evaluation.inputs import Options
from kernix.session import Session
from store.gc.roots import remove_indirect
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernix.conftest import CommandLine


HELLO = text_file("hello", "hello")
WORDS = ("build", "hello")


def _session() -> Session:
    return Session(environment=dict(os.environ), words=WORDS)


@attrs.frozen
class Kept:
    """A recorded build of `hello`: its link, and how to restore the link."""

    kernix: CommandLine
    link: Path
    make: Callable[[], None]

    @property
    def answer(self) -> str | None:
        """Return the answer."""
        return answer(WORDS, os.environ)


@pytest.fixture
def kept(kernix: CommandLine, lock: Path) -> Kept:
    """Return a build of `hello` whose result link is in a directory with two names."""
    assert lock.exists()
    source = kernix.write("hello", "hello")
    (kernix.work / "real").mkdir()
    (kernix.work / "name").symlink_to("real")
    link = Path("name/result")
    with Store.open(kernix.home) as store:
        path = store.add(source)
        store.record([(HELLO.key, "out", path)])

    def make() -> None:
        with Store.open(kernix.home) as store:
            links.make(store, {link: HELLO.out}, {HELLO.out: path})

    make()
    if (noticed := recorder(_session(), Options(), loaded=[])) is not None:
        noticed.record("printed", {HELLO.out: store.path(path)}, {link: HELLO.out})
    return Kept(kernix, link, make)


def test_a_recorded_build_is_answered(kept: Kept) -> None:
    """A recorded build is answered as long as nothing has changed."""
    assert ["printed"] * 2 == [kept.answer, kept.answer]


def test_a_missing_link_or_root_invalidates_the_answer(kept: Kept) -> None:
    """Both the link and its entry among the roots must exist."""
    kept.link.unlink()
    found = [kept.answer]
    kept.make()
    found.append(kept.answer)
    with Store.open(kept.kernix.home) as store:
        remove_indirect(store, kept.link)
    found.append(kept.answer)
    assert [None, "printed", None] == found


def test_a_directory_link_to_another_target_invalidates_the_answer(kept: Kept) -> None:
    """A link in another directory would have to be made."""
    (kept.kernix.work / "other").mkdir()
    (kept.kernix.work / "name").unlink()
    (kept.kernix.work / "name").symlink_to("other")
    assert kept.answer is None


def test_a_moved_home_invalidates_the_answer(kept: Kept) -> None:
    """The printed paths are those of the old home."""
    moved = kept.kernix.top / "moved"
    kept.kernix.home.rename(moved)
    kept.kernix.home.symlink_to(moved)
    assert kept.answer is None


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(Options(file=Path("mine.py")), id="file"),
        pytest.param(Options(overlays=("debug", "./mine.py")), id="overlay"),
    ],
)
def test_nothing_is_kept_with_a_users_file(options: Options, lock: Path) -> None:
    """A user's file may read anything, so nothing is recorded."""
    assert lock.exists()
    assert (None, True) == (
        recorder(_session(), options, loaded=[]),
        recorder(_session(), Options(overlays=("debug",)), loaded=[]) is not None,
    )


def test_nothing_is_kept_with_a_users_overlay(kernix: CommandLine, lock: Path) -> None:
    """An overlay in the user's directory counts like one that is named."""
    assert lock.exists()
    (kernix.config / "overlays").mkdir()
    (kernix.config / "overlays/mine.py").touch()
    assert recorder(_session(), Options(), loaded=[]) is None


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda work: (work / "kernix.lock").mkdir(), id="directory-as-lock"),
        pytest.param(lambda work: os.mkfifo(work / "kernix.lock"), id="pipe-as-lock"),
    ],
)
def test_nothing_is_kept_with_an_unreadable_lock(kernix: CommandLine, prepare: Callable[[Path], None]) -> None:
    """Evaluation reports what is wrong."""
    prepare(kernix.work)
    assert recorder(_session(), Options(), loaded=[]) is None


@pytest.mark.usefixtures("lock", "kernix")
def test_nothing_is_kept_after_earlier_imports() -> None:
    """A process that has imported definitions may have them from older files."""
    ways = [recorder(_session(), Options(), loaded=it) for it in (["store"], ["derivations"])]
    assert [True, False] == [it is not None for it in ways]


def test_a_failed_write_keeps_nothing(kept: Kept) -> None:
    """A home where no directory for answers can be made is not an error."""
    folder = kept.kernix.home / "cache/answers"
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()
    folder.touch()
    noticed = recorder(_session(), Options(), loaded=[])
    assert noticed is not None
    noticed.record("printed", {}, {})
    assert kept.answer is None
