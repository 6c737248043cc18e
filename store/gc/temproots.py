"""Temporary roots: the objects that running processes use, which the collector must not delete.

Each `TempRoots` owns one file, which it creates, locks (`flock`, exclusive) and fills only inside the
gate (`store.osutil.locks`, shared). Each line is a store path. To use an object, a process must **append
its path, then check that it is registered**, in this order. The collector deletes inside the gate
exclusively, after reading all these files. So either it sees the line and spares the object, or the
object was gone, row included, before the line was written, and the check afterwards finds that out.

A file that is not locked has lost its owner. It still counts for a collection in progress: before it
died, its owner may have registered a new referrer or made a permanent root after the marking.
Therefore a collection deletes such files only at its beginning, and an owner that closes its file
deletes it only if no collection is in progress.
"""

from __future__ import annotations

import os
import threading

from typing import TYPE_CHECKING

from store.osutil.locks import try_flock, try_permanent_lock
from store.path import DIGEST_LENGTH


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from store.osutil.locks import Gate
    from store.path import StorePath


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
        """Hold *paths*, registered or not, until `close` or the end of the process."""
        wanted = set(paths)
        if not self._missing(wanted):
            return
        with self._gate.shared():
            self.hold_inside_gate(wanted)

    def hold_inside_gate(self, paths: Iterable[StorePath]) -> None:
        """Do the same as `hold`, for a caller that is inside the gate."""
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
        """Release everything."""
        with self._mutex:
            if self._file is None:
                return
            path, descriptor, owner = self._file
            if owner == os.getpid():
                with try_permanent_lock(self._collector_lock, shared=True) as idle:
                    if idle:
                        path.unlink(missing_ok=True)
            os.close(descriptor)
            self._file = None
            self._held.clear()

    def _missing(self, paths: set[StorePath]) -> set[StorePath]:
        # A forked child shares its parent's file and lock, which the parent may close: it needs its own.
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
    """The collector's view of all processes' temporary roots. Only inside the gate, exclusively."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[str, int] = {}

    def delete_stale(self) -> None:
        """Delete the files whose owners are gone."""
        for place in self._places():
            descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if try_flock(descriptor):
                    place.unlink()
            finally:
                os.close(descriptor)

    def new(self) -> set[str]:
        """Return the paths added since the last call."""
        added: set[str] = set()
        for place in self._places():
            before = self._read.get(place.name, 0)
            if place.lstat().st_size > before:
                with place.open("rb") as file:
                    file.seek(before)
                    text = file.read()
                self._read[place.name] = before + len(text)
                added.update(_paths(text))
        return added

    def _places(self) -> list[Path]:
        """Return the files of temporary roots; anything else holds nothing."""
        with os.scandir(self._directory) as entries:
            return [self._directory / entry.name for entry in entries if entry.is_file(follow_symlinks=False)]


def _paths(text: bytes) -> Iterable[str]:
    # A process that died on a full disk may leave half a line; it never used that object.
    for line in text.split(b"\n"):
        if len(line) > DIGEST_LENGTH:
            yield line.decode(errors="replace")
