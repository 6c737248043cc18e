"""Binary caches in a directory, and what a real Nix makes of them."""

from __future__ import annotations

import functools
import http.server
import os
import signal
import subprocess
import threading

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import base32
from store.exports.binary_cache import NotACache, OtherStoreDirectory, export_nix
from store.exports.errors import CannotExport, DestinationFull
from store.exports.narinfo import NarInfo, fields
from store.exports.nix_path import nix_path
from store.exports.outgoing import COMPRESSIONS
from store.local import Store
from store.osutil import failpoints
from store.path import StorePath
from store.registration import Entry, ObjectDamaged
from store.trees.adopt import adopt
from tests.store.crashing import killing
from tests.store.exports.nix import Nix
from tests.store.exports.test_nar import EXAMPLE
from tests.trees import read, write


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.store.conftest import Make


INFO = Path(__file__).with_name("example.narinfo")


@pytest.fixture
def nix(tmp_path: Path) -> Nix:
    """Return a client with an empty store."""
    return Nix(tmp_path / "nix")


@pytest.fixture
def tree(store: Store, tmp_path: Path) -> StorePath:
    """Return an object with all that an object may have."""
    return store.add(write(EXAMPLE, tmp_path / "tree"), "tree-1.0")


@pytest.fixture
def user(store: Store, tree: StorePath) -> StorePath:
    """Return an object that refers to `tree` by a link, as profiles do, in a text, and in a name."""
    with store.scratch() as scratch:
        place = scratch / "user"
        (place / tree.digest).mkdir(parents=True)
        (place / "current").symlink_to(f"../{tree}/dir")
        (place / "text").write_text(f"it is {tree}, or {tree}\n")
        content = adopt(place, store.pool)
        path = StorePath.make(content.digest, "user", [tree])
        store.commit([Entry(path=path, place=place, content=content, references=frozenset({tree}))])
    return path


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_nix_takes_it(store: Store, tree: StorePath, nix: Nix, tmp_path: Path, compression: str) -> None:
    """A Nix that trusts no key takes an object, has the same bytes, and finds nothing wrong with them."""
    cache = tmp_path / "cache"
    made = export_nix(store, [tree], cache, compression=compression)[tree]
    path = f"/nix/store/{made.info.path}"

    copied = nix.copy(f"file://{cache}", path)

    assert copied.returncode == 0, copied.stderr
    assert read(nix.place(path)) == read(store.path(tree)) == EXAMPLE
    verified = nix.verify()
    assert (verified.returncode, "error" in verified.stderr) == (0, False), verified.stderr


def test_closure(store: Store, user: StorePath, tree: StorePath, nix: Nix, tmp_path: Path) -> None:
    """References come along, and lead to the paths that they have there."""
    done = export_nix(store, [user], tmp_path / "cache")
    there, goal = (f"/nix/store/{done[it].info.path}" for it in (user, tree))

    copied = nix.copy(f"file://{tmp_path / 'cache'}", there)

    assert copied.returncode == 0, copied.stderr
    assert nix.references(there) == [goal]
    name = goal.rpartition("/")[2]
    assert str(nix.place(there).joinpath("current").readlink()) == f"../{name}/dir"
    assert (nix.place(there) / "current/run").read_text() == "#!/bin/sh\n"
    assert (nix.place(there) / "text").read_text() == f"it is {name}, or {name}\n"
    assert (nix.place(there) / name[:32]).is_dir()
    assert "error" not in nix.verify().stderr


def test_over_http(store: Store, tree: StorePath, nix: Nix, tmp_path: Path, served: str) -> None:
    """Any web server will do."""
    made = export_nix(store, [tree], tmp_path / "cache")[tree]
    copied = nix.copy(served, f"/nix/store/{made.info.path}")
    assert copied.returncode == 0, copied.stderr
    assert read(nix.place(f"/nix/store/{made.info.path}")) == EXAMPLE


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a web server for the directory `cache`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 -- the base's name

    (tmp_path / "cache").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "cache"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_golden(store: Store, tmp_path: Path) -> None:
    """The description of a small tree has not changed, and neither has its path."""
    tree = {b"dir": EXAMPLE[b"dir"], b"a": EXAMPLE[b"a"]}  # type: ignore[index]
    path = store.add(write(tree, tmp_path / "it"), "example-1.0")
    made = export_nix(store, [path], tmp_path / "cache", compression="none")[path]
    assert (tmp_path / "cache" / f"{made.info.path.digest}.narinfo").read_text() == INFO.read_text()
    assert (tmp_path / "cache/nix-cache-info").read_text() == "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n"


def test_known_path() -> None:
    """The path of a small file's archive is the one that `nix-store --add` of Nix 2.8 prints for it."""
    assert str(nix_path(base32.decode(KNOWN_HASH), "hello")) == KNOWN_PATH


KNOWN_HASH = "00zns3gj9hwz2a4b0i07y7nmxybq59lh24bl3xsxblcl6333mjil"
KNOWN_PATH = "lq7lf2dg0c05ibn8r201m1cgdcj5i60a-hello"


def test_description_round_trip() -> None:
    """A description is read back as it was written; another path's, or a damaged one, is refused."""
    text = INFO.read_text()
    path = StorePath.parse(fields(text)["StorePath"].rpartition("/")[2])
    assert str(NarInfo.of(fields(text), path, ())) == text
    for damaged in (text.replace("URL:", "Url:"), text.replace("FileSize: ", "FileSize: -"), text.replace("nar/", "")):
        with pytest.raises(ValueError):  # noqa: PT011 -- its words are for nobody
            NarInfo.of(fields(damaged + "x: y\n"), path, ())


def test_again(store: Store, user: StorePath, tree: StorePath, tmp_path: Path) -> None:
    """What a cache has is not written again, unless its archive is lost or cut off."""
    cache = tmp_path / "cache"
    done = export_nix(store, [tree], cache)
    done = export_nix(store, [user], cache)
    assert {path: it.new for path, it in done.items()} == {tree: False, user: True}
    before = {place: place.stat().st_mtime_ns for place in cache.rglob("*") if place.is_file()}
    assert not any(it.new for it in export_nix(store, [user], cache).values())
    assert before == {place: place.stat().st_mtime_ns for place in cache.rglob("*") if place.is_file()}
    os.truncate(cache / done[tree].info.url, 10)
    assert export_nix(store, [user], cache)[tree].new


def test_beside_another_cache(store: Store, tree: StorePath, make: Make, tmp_path: Path) -> None:
    """A directory with a cache for the same store directory keeps what it has."""
    cache = tmp_path / "cache"
    first = export_nix(store, [make("other", "text")], cache)
    second = export_nix(store, [tree], cache)
    assert {it.name for it in cache.glob("*.narinfo")} == {
        f"{it.info.path.digest}.narinfo" for it in [*first.values(), *second.values()]
    }


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda it: it.write_text("text"), CannotExport),
        (lambda it: (it.mkdir(), (it / "file").touch()), NotACache),
        (lambda it: (it.mkdir(), (it / "nix-cache-info").write_text("StoreDir: /gnu/store\n")), OtherStoreDirectory),
        (lambda it: (it.mkdir(), (it / "nix-cache-info").write_bytes(b"\xff\0garbage")), OtherStoreDirectory),
        (lambda it: (it.mkdir(), (it / "nix-cache-info").mkdir()), CannotExport),
        (lambda it: (it.mkdir(), (it / "nar").write_text("a file")), CannotExport),
        (lambda it: it.symlink_to("/proc/none"), CannotExport),
    ],
    ids=["a file", "other files", "another store directory", "garbage", "a directory", "nar is a file", "a bad link"],
)  # fmt: skip
def test_bad_directory(store: Store, tree: StorePath, tmp_path: Path, prepare, error: type[Exception]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A directory that holds something else is refused, and left as it is."""
    place = tmp_path / "cache"
    prepare(place)
    before = sorted(place.rglob("*"))
    with pytest.raises(error):
        export_nix(store, [tree], place)
    assert sorted(place.rglob("*")) == before


@pytest.mark.root
def test_full_disk(store: Store, make: Make, tmp_path: Path) -> None:
    """A full disk is reported; what is there is whole, and the export can be repeated."""
    small, large = make("small", "text"), store.add(_noise(tmp_path / "noise", 4 << 20), "noise")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        export_nix(store, [small], disk / "cache")
        with pytest.raises(DestinationFull):
            export_nix(store, [large], disk / "cache")
        _check_whole(disk / "cache", 1)
        assert not [it for it in (disk / "cache/nar").iterdir() if it.name.startswith(".")]
    finally:
        subprocess.run(["/bin/umount", "-l", disk], check=True)


def _noise(place: Path, size: int) -> Path:
    place.write_bytes(os.urandom(size))
    return place


def test_damaged_object(store: Store, tree: StorePath, tmp_path: Path) -> None:
    """A damaged object is not exported."""
    place = store.path(tree) / "a"
    place.parent.chmod(0o755)
    place.unlink()
    place.write_text("eight,..")
    with pytest.raises(ObjectDamaged):
        export_nix(store, [tree], tmp_path / "cache")
    assert [*(tmp_path / "cache").glob("*.narinfo")] == []


STEPS = {
    "export: cache", "export: archive", "export: archive in place", "export: description", "export: done",
}  # fmt: skip


def test_killed_anywhere(store: Store, user: StorePath, home: Path, tmp_path: Path) -> None:
    """Killed at any step, an export leaves no description without its archive and references; the next one ends it."""
    del store
    reached = []
    for number in range(1, 100):
        cache = tmp_path / str(number)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writer, 1)
            with Store.open(home) as opened:
                failpoints.install(killing(number))
                export_nix(opened, [user], cache)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            reached += said.read().split("\n")[:-1]
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            break
        _check_whole(cache, None)
        with Store.open(home) as opened:
            export_nix(opened, [user], cache)
        _check_whole(cache, 2)
        assert not [it for it in (cache / "nar").iterdir() if it.name.startswith(".")]
    assert set(reached) >= STEPS


def _check_whole(cache: Path, count: int | None) -> None:
    """Check that each description in *cache* has its archive and its references; there are *count*, if that is given."""
    found = [fields(it.read_text()) for it in cache.glob("*.narinfo")]
    assert count in (None, len(found))
    digests = {it.name.removesuffix(".narinfo") for it in cache.glob("*.narinfo")}
    for info in found:
        assert (cache / info["URL"]).stat().st_size == int(info["FileSize"])
        assert {it[:32] for it in info["References"].split()} <= digests
