"""Kill a push at each step: run as `python -m tests.store.caches.pushing DIRECTORY`.

For n = 1, 2, … a forked child pushes two versions of an object, the second with a reference, to a cache in DIRECTORY/n,
until it kills itself at the n-th failpoint, whose name is printed.
"""

from __future__ import annotations

import os
import signal
import sys

from pathlib import Path

from store.caches.cache import Cache
from store.caches.directory import DirectoryTransport
from store.caches.push import Push
from store.local import Store
from store.osutil import failpoints
from store.path import StorePath
from store.registration import Entry
from store.signing.keys import SecretKey
from store.signing.trusted import Trust
from store.trees.adopt import adopt


KEY = SecretKey("test-1", bytes(range(32)))
TRUST = Trust(objects=(KEY.public,), results=(KEY.public,))


def prepare(home: Path) -> list[StorePath]:
    """Create a store with two versions of an object, the second of which refers to a third object."""
    with Store.open(home) as store:
        library = _make(store, "library", "library")
        return [_make(store, "linux-1", "x" * 5000), _make(store, "linux-2", "x" * 5000 + str(library), library)]


def _make(store: Store, name: str, text: str, *references: StorePath) -> StorePath:
    with store.scratch() as scratch:
        root = scratch / "object"
        root.mkdir()
        (root / "file").write_text(text)
        content = adopt(root, store.pool)
        path = StorePath.make(content.digest, name, references)
        key = name.encode().ljust(32)
        store.commit(
            [
                Entry(
                    path=path,
                    place=root,
                    content=content,
                    references=frozenset(references),
                    realisations=((key, "out"),),
                )
            ]
        )
        return path


def main(directory: Path) -> None:
    """Play the scenario until a child finishes unharmed."""
    home = directory / "home"
    paths = prepare(home)
    number = 0
    status: int = signal.SIGKILL
    while status == signal.SIGKILL:
        number += 1
        child = os.fork()
        if not child:
            _push(home, directory / str(number), paths, number)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1
        if status not in {0, signal.SIGKILL}:
            sys.exit("the scenario failed")


def _push(home: Path, place: Path, paths: list[StorePath], number: int) -> None:
    reached = 0

    def hook(name: str) -> None:
        nonlocal reached
        if not name.startswith(("push", "cache")):
            return
        reached += 1
        if reached == number:
            print(name, flush=True)  # noqa: T201 -- what the test reads
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.install(hook)
    with Store.open(home) as store:
        Push(store=store, cache=Cache("c", DirectoryTransport(place), TRUST), key=KEY, threads=1).push(paths)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
