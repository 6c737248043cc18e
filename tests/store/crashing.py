"""Kill a process at each step of a scenario: run as `python -m tests.store.crashing SCENARIO DIRECTORY [UID]`.

For n = 1, 2, … a store is prepared in DIRECTORY/n, and a forked child plays the scenario in it until it
kills itself at the n-th failpoint. The failpoint is printed, one per line. The first child that finishes
unharmed is the last one.
"""

from __future__ import annotations

import encodings.utf_8_sig  # noqa: F401 -- loaded before another user cannot
import os
import signal
import sys

from pathlib import Path
from typing import TYPE_CHECKING

from store import profiles
from store.gc.collect import Policy, collect
from store.gc.roots import add_root, link_result
from store.local import Store
from store.osutil import failpoints
from store.path import StorePath
from store.rebuild import rebuild
from store.registration import Entry
from store.repair import repair
from store.trees.adopt import adopt
from store.trees.remove import remove_tree
from store.verify import verify


if TYPE_CHECKING:
    from collections.abc import Callable


ALL = Policy(keep={}, keep_derivers=False)
KEY = b"k" * 32


def entry(store: Store, scratch: Path, name: str, *references: StorePath) -> Entry:
    """Return an entry for a small tree, in *scratch*."""
    place = scratch / name
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "file").write_text(f"{name}{references}")
    (place / "same").write_text("the same in all")
    content = adopt(place, store.pool)
    path = StorePath.make(content.digest, name, references)
    return Entry(path=path, place=place, content=content, references=frozenset(references))


def commit(store: Store, name: str, *references: StorePath) -> StorePath:
    """Register a small tree."""
    with store.scratch() as scratch:
        made = entry(store, scratch, name, *references)
        store.commit([made])
    return made.path


def prepare(home: Path) -> None:
    """Create a store with a root and its closure, two dead objects, a leftover, and a source beside it."""
    with Store.open(home) as store:
        program = commit(store, "program", commit(store, "library"))
        add_root(store, "program", program)
        store.record([(KEY, "out", program)])
        commit(store, "dead-program", commit(store, "dead"))
        leftover = store.path(commit(store, "leftover"))
        store.database.execute("delete from objects where path = ?", (leftover.name,))
        (leftover / "sub").chmod(0o755)
        (leftover / "sub" / "file").unlink()
    source = home.with_name(f"{home.name}-source")
    source.mkdir()
    (source / "file").write_text("added")


def register(home: Path) -> None:
    """Add the source, register three objects of which one exists in part, and a result."""
    with Store.open(home) as store:
        source = store.add(home.with_name(f"{home.name}-source"), "source")
        with store.scratch() as scratch:
            first = entry(store, scratch, "first", source)
            second = entry(store, scratch, "second", first.path)
            store.commit([second, first, entry(store, scratch, "leftover")])
        store.record([(KEY, "dev", second.path)])


def gather(home: Path) -> None:
    """Collect."""
    with Store.open(home) as store:
        collect(store, ALL, chunk=1)


def link(home: Path) -> None:
    """Make result links, the second over the first."""
    with Store.open(home) as store:
        for path in sorted(store.valid([info.path for info in store.database.all_infos()]))[:2]:
            link_result(store, home.with_name(f"{home.name}-result"), path)


def change_profile(home: Path) -> None:
    """Make two generations of a profile, go back, and delete the second."""
    with Store.open(home) as store, profiles.changing(store.layout, "system"):
        for path in sorted(store.valid([info.path for info in store.database.all_infos()]))[:2]:
            made = profiles.add_generation(store, "system", path)
            profiles.switch(store, "system", made.number)
        profiles.roll_back(store, "system")
        profiles.delete_generations(store.layout, "system", [made.number])


def rebuild_database(home: Path) -> None:
    """Rebuild the database."""
    rebuild(home)


def damage(home: Path) -> None:
    """Damage a store as made by `prepare`: rot a file, delete an object, change a mode."""
    with Store.open(home) as store:
        paths = {path.name: store.path(path) for path in (info.path for info in store.database.all_infos())}
        rot(paths["library"] / "sub" / "file")
        rot(paths["dead"] / "sub" / "file")
        remove_tree(store.path(commit(store, "gone")))
        commit(store, "whole")
        (store.path(commit(store, "writable")) / "sub").chmod(0o755)
        rotten = commit(store, "only-in-the-pool")
        remove_tree(store.path(rotten))
        for entry in store.pool.entries():
            place = store.layout.pool / entry.name
            if place.stat().st_nlink == 1:
                rot(place)


def rot(path: Path) -> None:
    """Flip a bit of *path* as a disk might: its times and mode stay the same."""
    status = path.stat()
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def mend(home: Path) -> None:
    """Repair the damage."""
    with Store.open(home) as store:
        repair(store, verify(store, contents=True))


SCENARIOS: dict[str, Callable[[Path], None]] = {
    "register": register,
    "collect": gather,
    "link": link,
    "profile": change_profile,
    "rebuild": rebuild_database,
    "repair": mend,
}


def main(scenario: str, directory: Path) -> None:
    """Kill a child at each step of *scenario*."""
    number = 0
    while True:
        number += 1
        home = directory / str(number)
        prepare(home)
        if scenario == "repair":
            damage(home)
        child = os.fork()
        if child == 0:
            failpoints.install(killing(number))
            SCENARIOS[scenario](home)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


def killing(number: int) -> Callable[[str], None]:
    """Return a hook that prints the *number*-th step, counted from 1, and kills the process there."""
    left = iter(range(number - 1, -1, -1))

    def hook(name: str) -> None:
        if next(left) == 0:
            os.write(1, f"{name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    if len(sys.argv) > 3:
        os.setgroups([])
        os.setgid(int(sys.argv[3]))
        os.setuid(int(sys.argv[3]))
    main(sys.argv[1], Path(sys.argv[2]))
