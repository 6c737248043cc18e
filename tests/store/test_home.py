"""Which directories are stores, how one is created, and who may access it."""

from __future__ import annotations

import os
import stat
import sys
import tempfile

from pathlib import Path
from subprocess import PIPE, run
from typing import TYPE_CHECKING

import pytest

from store.home import ForeignStore, NotAStore, PlaceTaken, StoreTooNew, UnusableHome, is_store, layout_at, set_up
from store.local import Store
from store.osutil import failpoints
from store.trees.remove import remove_tree
from tests.store.crashing import killing


if TYPE_CHECKING:
    from collections.abc import Callable


ROOT = Path(__file__).parents[2]
NOBODY = 65534

_UNDER = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
from store.gc.collect import Policy, collect
from store.local import Store
from store.gc.roots import add_root
with Store.open(Path(sys.argv[1])) as store:
    added = store.add(Path(sys.argv[3]), "added")
    add_root(store, "deep/er", added)
    collect(store, Policy())
    print(store.path(added))
"""


def _as_nobody(question: Callable[[], bool]) -> bool:
    """Return the result of *question* for an ordinary user."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        answer = False
        try:
            answer = question()
        finally:
            os._exit(0 if answer else 1)
    return os.waitpid(child, 0)[1] == 0


def _refused(home: Path) -> bool:
    """Return whether neither the store nor anything locked in it can be opened."""
    with pytest.raises(ForeignStore):
        Store.open(home)
    for name in ("db.sqlite", "db.sqlite-shm", "locks/gate", "pool/tmp"):
        with pytest.raises(PermissionError):
            os.open(home / name, os.O_RDONLY)
    return True


def _under(umask: str, home: Path, source: Path) -> Path:
    """Use a store in a process with *umask*, and return the path of an object added to it."""
    done = run([sys.executable, "-c", _UNDER, home, umask, source], cwd=ROOT, stdout=PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def _snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    return {str(it): (it.lstat().st_mode, it.lstat().st_size) for it in directory.rglob("*")}


def test_an_absent_and_an_empty_directory_become_stores(tmp_path: Path) -> None:
    """A missing home is created with its parents; an empty one, or a new file system's, is used."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "disk/lost+found").mkdir(parents=True)
    for home in (tmp_path / "a/b/c", tmp_path / "empty", tmp_path / "disk"):
        assert not is_store(layout_at(home))
        Store.open(home).close()
        assert is_store(layout_at(home))
        assert (home / "version").read_text() == "1\n"


@pytest.mark.parametrize(
    "held",
    [
        pytest.param({"notes.txt": "mine"}, id="a-file"),
        pytest.param({"builds/x/y": "mine", "trash/z": "mine"}, id="as-in-a-store"),
        pytest.param({"version": "1\n", "src/main.c": "mine", "builds/x": "mine"}, id="a-version-of-ours"),
        pytest.param({"version": "1\n", "builds/x": "mine", "trash/y": "mine"}, id="a-version-of-ours-and-builds"),
        pytest.param({"version": "1\n", "pool/water": "mine"}, id="a-version-of-ours-and-a-pool"),
        pytest.param({"version": "", "src/main.c": "mine", "builds/x": "mine"}, id="an-empty-version"),
        pytest.param({"version": "", "builds/x": "mine"}, id="an-empty-version-and-builds"),
        pytest.param({"version": "2.3.1\n", "Makefile": "mine"}, id="another-version"),
        pytest.param({"version": "2\n", "Makefile": "mine"}, id="a-number"),
        pytest.param({"version": "x\n", "store/x": "mine"}, id="a-store-of-others"),
        pytest.param({"version": "1\n", "store/x": "mine", "sales/y": "mine"}, id="a-shop"),
        pytest.param({"version": "", "pool/water": "mine"}, id="a-pool-of-others"),
        pytest.param({"version/x": "mine"}, id="a-directory-version"),
        pytest.param({".git/HEAD": "mine"}, id="hidden"),
        pytest.param({"reserve": "x" * (8 << 20)}, id="a-reserve"),
        pytest.param({"reserve": "mine"}, id="a-small-reserve"),
        pytest.param({"builds/mine/": ""}, id="an-empty-directory"),
        pytest.param({"builds/mine": "-> /etc"}, id="a-link"),
        pytest.param({"builds": "-> /etc"}, id="a-link-for-a-directory"),
        pytest.param({"locks": "mine"}, id="a-file-for-a-directory"),
    ],
)
def test_a_non_empty_directory_is_refused(tmp_path: Path, held: dict[str, str]) -> None:
    """The error for a directory with a user's files lists them, and nothing in it changes."""
    for name, text in held.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        elif text.startswith("-> "):
            (tmp_path / name).symlink_to(text[3:])
        else:
            (tmp_path / name).write_text(text)
    before = _snapshot(tmp_path)
    with pytest.raises(NotAStore) as caught:
        Store.open(tmp_path)
    assert {name.split("/")[0] for name in held} == {*caught.value.holds}
    assert before == _snapshot(tmp_path)


def test_an_unfinished_store_is_completed(tmp_path: Path) -> None:
    """Empty directories and a reserve, which a kernix killed during creation leaves, do not count as a user's files."""
    for name in ("store", "pool", "roots/auto", "temproots", "locks", "builds"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "reserve").write_bytes(bytes(8 << 20))
    Store.open(tmp_path).close()
    assert is_store(layout_at(tmp_path))


def test_the_error_names_a_few_of_many(tmp_path: Path) -> None:
    """For a directory with many files, the error shows three names, escaped, and the number of others."""
    for name in ("a\x1b[2J", "b", "c", "d", "e"):
        (tmp_path / name).touch()
    with pytest.raises(NotAStore) as caught:
        Store.open(tmp_path)
    assert str(caught.value).endswith("holds 'a\\x1b[2J', 'b', 'c' and 2 more")


@pytest.mark.parametrize("found", ["", "1", "\0\0", "1\0"])
def test_a_torn_version_is_written_again(tmp_path: Path, found: str) -> None:
    """An empty store is repaired if a power failure has damaged the file with the format version."""
    home = tmp_path / "home"
    Store.open(home).close()
    (home / "version").write_text(found)
    (home / "builds" / ("0" * 32)).mkdir()
    Store.open(home).close()
    assert (home / "version").read_text() == "1\n"


def test_a_torn_version_beside_objects(tmp_path: Path) -> None:
    """If there are objects, nothing is guessed: the hint says what to do, and that is enough."""
    home = tmp_path / "home"
    (tmp_path / "file").write_text("content")
    with Store.open(home) as store:
        added = store.add(tmp_path / "file")
    (home / "version").write_text("")
    with pytest.raises(NotAStore) as caught:
        Store.open(home)
    run(["/bin/sh", "-c", caught.value.hint.split("`")[-2]], check=True)
    with Store.open(home) as store:
        assert store.is_valid(added)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A store with a newer format is refused."""
    Store.open(tmp_path / "home").close()
    (tmp_path / "home/version").write_text("2\n")
    with pytest.raises(StoreTooNew) as caught:
        Store.open(tmp_path / "home")
    assert caught.value.found == "2"


def test_unusable_homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a dangling or circular link, a shared directory, the user's own home, and the root are refused."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "not-mounted/kernix")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name in ("file", "file/below", "dangling", "circle", "shared", "user", "x" * 300):
        with pytest.raises(UnusableHome):
            Store.open(tmp_path / name)
    with pytest.raises((UnusableHome, NotAStore)):
        Store.open(Path("/"))
    with pytest.raises(UnusableHome):
        Store.open(Path("/proc/kernix"))
    assert not (tmp_path / "not-mounted").exists()
    assert [] == [*(tmp_path / "shared").iterdir(), *(tmp_path / "user").iterdir()]


@pytest.mark.root
def test_another_users_directory(tmp_path: Path) -> None:
    """Root does not create a store in another user's directory, and other users cannot use root's."""
    (tmp_path / "empty").mkdir()
    os.chown(tmp_path / "empty", NOBODY, NOBODY)
    with pytest.raises(ForeignStore) as caught:
        Store.open(tmp_path / "empty")
    assert caught.value.owner == NOBODY
    assert [] == [*(tmp_path / "empty").iterdir()]
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        with Store.open(Path(top, "home")) as store:
            store.gate.shared().__enter__()
            assert _as_nobody(lambda: _refused(Path(top, "home")))


def test_opening_an_existing_store_creates_none(tmp_path: Path) -> None:
    """open_existing creates nothing if there is no store."""
    assert Store.open_existing(tmp_path / "a/b") is None
    assert Store.open_existing(tmp_path) is None
    assert [] == [*tmp_path.iterdir()]
    Store.open(tmp_path / "home").close()
    found = Store.open_existing(tmp_path / "home")
    assert found is not None
    found.close()


@pytest.mark.parametrize("umask", ["000", "002", "022", "077"])
def test_a_store_is_closed_to_others(tmp_path: Path, umask: str) -> None:
    """Whatever the umask, nobody else can write anywhere, or open a database or a lock; objects are readable."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/file").write_text("x" * 100_000)
    (source / "program").write_text("x")
    (source / "program").chmod(0o700)
    home = tmp_path / "home/of/the/store"
    added = _under(umask, home, source)
    _check_closed(home)
    modes = {str(it.relative_to(added)): stat.S_IMODE(it.stat().st_mode) for it in added.rglob("*")}
    assert {"sub": 0o555, "sub/file": 0o444, "program": 0o555} == modes
    assert stat.S_IMODE(added.stat().st_mode) == 0o555
    for above in (home, *home.parents[:3]):
        assert not above.stat().st_mode & 0o022


def _check_closed(home: Path) -> None:
    modes = {place.name: stat.S_IMODE(place.stat().st_mode) for place in home.iterdir()}
    assert {0o755, 0o711} == {modes.pop("store"), modes.pop("builds")}
    assert [] == [(name, oct(mode)) for name, mode in modes.items() if mode & 0o077]
    assert [] == [it for it in home.rglob("*") if not it.is_symlink() and it.stat().st_mode & 0o022]


def test_a_lax_store_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    """A store with laxer modes is closed when opened: its database, its locks and SQLite's other files, too."""
    home = tmp_path / "home"
    with Store.open(home) as store:
        for place in [home, *home.rglob("*")]:
            place.chmod(0o777 if place.is_dir() else 0o666)
        assert (home / "db.sqlite-shm").exists()
        Store.open(home).close()
        assert store.valid([]) == set()
    assert not home.stat().st_mode & 0o022
    for name in ("db.sqlite", "pool", "locks", "cache", "trash", "temproots", "roots", "logs"):
        assert not (home / name).stat().st_mode & 0o077, name


def test_opening_never_adds_permissions(tmp_path: Path) -> None:
    """Permissions are only removed, never added: a home that its user has closed stays closed."""
    home = tmp_path / "home"
    Store.open(home).close()
    home.chmod(0o700)
    Store.open(home).close()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_killed_at_each_step(tmp_path: Path) -> None:
    """Killed at any step of its creation, a store can be created again, and is complete then."""
    reached = []
    for number in range(100):
        home = tmp_path / str(number) / "home"
        child = os.fork()
        if child == 0:
            failpoints.install(killing(number + 1))
            Store.open(home).close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_store(layout_at(home))
        Store.open(home).close()
        assert (home / "version").read_text() == "1\n"
        assert not [it for it in home.iterdir() if it.name.endswith(".new")]
        assert all(place.is_dir() for place in layout_at(home).directories)
        if not os.WIFSIGNALED(status):
            break
        reached.append(number)
    assert len(reached) > 12


def test_many_create_one_store_at_once(tmp_path: Path) -> None:
    """Processes that start in the same directory at the same time all get the store."""
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                set_up(layout_at(tmp_path / "home"))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [0] * 8 == [os.waitpid(child, 0)[1] for child in children]


FILES = (
    "version.new",
    "journal",
    "journal.new",
    "boot",
    "boot.new",
    "reserve",
    "db.new",
)
"""Without those of the database, which opening it reports (`tests.store.test_damage`)."""
DIRECTORIES = (
    "store", "pool", "roots", "roots/auto", "temproots", "locks", "builds", "trash", "logs", "cache", "manifests", "failed",
)  # fmt: skip


@pytest.mark.parametrize("name", [*FILES, *DIRECTORIES])
def test_something_else_in_a_place_of_the_store(tmp_path: Path, name: str) -> None:
    """A directory where a store has a file, or the reverse, is named before anything is done; nothing of it is touched."""
    home = tmp_path / "home"
    with Store.open(home):
        pass
    place = home / name
    if place.is_dir():
        remove_tree(place)
    place.unlink(missing_ok=True)
    if name in FILES:
        place.mkdir()
        (place / "mine").write_text("mine")
    else:
        place.write_text("mine")
    place.chmod(0o755)
    with pytest.raises(PlaceTaken) as caught:
        Store.open(home)

    assert (caught.value.place, caught.value.is_directory) == (place, name in FILES)
    assert (place / "mine" if name in FILES else place).read_text() == "mine"
    assert place.stat().st_mode & 0o777 == 0o755


def test_a_directory_may_be_elsewhere(tmp_path: Path) -> None:
    """A link to a directory serves as one."""
    with Store.open(tmp_path / "home") as store:
        store.layout.logs.rename(tmp_path / "logs")
    (tmp_path / "home/logs").symlink_to(tmp_path / "logs")
    with Store.open(tmp_path / "home") as store:
        assert store.layout.logs.is_dir()
