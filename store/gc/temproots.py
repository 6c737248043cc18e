"""Temporary roots: what running processes use and the collector must not take.

Each `TempRoots` owns one file, which it creates, locks (`flock`, exclusive) and fills only inside the
gate (`store.system.locks`, shared). A line is a store path. Using an object is: **append its path, then
look whether it is registered**, in this order. The collector deletes inside the gate
exclusively, after it has read all these files: either it sees the line and spares the object, or the
object is gone, row and all, before the line was written, and the look afterwards says so.

A file whose lock can be had belongs to nobody any more. Still it counts for the collection
that is under way: its owner may have registered a new referrer, or made a permanent root, after the
marking and before it died. Therefore a collection deletes such files at its beginning only, and
an owner that closes its file deletes it only if no collection is under way.
"""

from __future__ import annotations

import os
import threading

from typing import TYPE_CHECKING

from store.path import DIGEST_LENGTH
from store.system.locks import attempted, try_flock


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from store.path import StorePath
    from store.system.locks import Gate


class TempRoots:
    """The temporary roots of this process in the directory *directory*."""

    def __init__(self, directory: Path, gate: Gate, collector_lock: Path) -> None:
        self._directory = directory
        self._gate = gate
        self._collector_lock = collector_lock
        self._mutex = threading.Lock()
        self._held: set[StorePath] = set()
        self._file: tuple[Path, int, int] | None = None

    def hold(self, paths: Iterable[StorePath]) -> None:
        """Hold *paths* until `close` or the end of the process, whether they are registered or not."""
        wanted = set(paths)
        if not self._missing(wanted):
            return
        with self._gate.shared():
            self.hold_inside_gate(wanted)

    def hold_inside_gate(self, paths: Iterable[StorePath]) -> None:
        """Do the same; the caller is inside the gate."""
        with self._mutex:
            new = self._missing(set(paths))
            if not new:
                return
            text = "".join(["\n", *(f"{path}\n" for path in sorted(new))]).encode()
            descriptor = self._descriptor()
            while text:
                text = text[os.write(descriptor, text) :]
            self._held |= new

    def close(self) -> None:
        """Hold nothing any more."""
        with self._mutex:
            if self._file is None:
                return
            path, descriptor, owner = self._file
            if owner == os.getpid():
                with attempted(self._collector_lock, shared=True) as idle:
                    if idle:
                        path.unlink(missing_ok=True)
            os.close(descriptor)
            self._file = None
            self._held.clear()

    def _missing(self, paths: set[StorePath]) -> set[StorePath]:
        # A forked child shares the file, and thereby the lock, of its parent, who may close it: it needs its own.
        if self._file is not None and self._file[2] != os.getpid():
            self._file = None
            self._held.clear()
        return paths - self._held

    def _descriptor(self) -> int:
        if self._file is None:
            path = self._directory / f"{os.getpid()}-{os.urandom(8).hex()}"  # pids are not unique across containers
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
            try_flock(descriptor)
            self._file = (path, descriptor, os.getpid())
        return self._file[1]


class TempRootsView:
    """What the collector sees of everybody's temporary roots. Only inside the gate, exclusively."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, int] = {}

    def delete_stale(self) -> None:
        """Delete the files whose owners are gone."""
        for place in self._directory.iterdir():
            descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if try_flock(descriptor):
                    place.unlink()
            finally:
                os.close(descriptor)

    def new(self) -> set[str]:
        """Return the paths that were added since the last call."""
        added: set[str] = set()
        for place in self._directory.iterdir():
            before = self._read.get(place.name, 0)
            if place.lstat().st_size > before:
                with place.open("rb") as file:
                    file.seek(before)
                    text = file.read()
                self._read[place.name] = before + len(text)
                added.update(_paths(text))
        return added


def _paths(text: bytes) -> Iterable[str]:
    # Half a line is left by a process that died on a full disk; it never came to use the object.
    for line in text.split(b"\n"):
        if len(line) > DIGEST_LENGTH:
            yield line.decode(errors="replace")
