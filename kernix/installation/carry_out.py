"""Carrying out a plan on a boot partition, so that what was bootable is bootable at any moment.

1. Remove what no entry needs.
2. Write every new file aside, under a name that no loader reads, and wait until it is on the disk.
3. Rename the kernels and initramfs, then the entries. From here on a loader shows them, and they are whole.
4. Rename `loader.conf`: the default is switched. Then the menu for GRUB.
5. Remove the old entries, then their files.

If anything fails up to 3, all of it is taken back. A killed run leaves files aside, or whole ones that no entry needs;
the next one removes both. FAT has no journal: before each step that relies on an earlier one, that one is synced.
"""

from __future__ import annotations

import contextlib
import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.image.boot_entry import ENTRIES, FILES, GRUB, LOADER, PROGRAMS, place_of
from kernix.installation.partition import UNFINISHED, BootPartitionUnusable
from store.errors import Error, reason_of
from store.osutil.failpoints import reach
from store.osutil.locks import try_flock
from store.osutil.space import FULL
from store.osutil.syscalls import syncfs


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.image.boot_plan import BootPlan


_CHUNK = 1 << 20  # bytes; any number of some hundred kilobytes would do


class BootPartitionFull(Error):
    """A boot partition became full while it was written to."""

    place: Path

    def __str__(self) -> str:
        return f"no space left on {self.place}; what was begun there has been removed again"

    @property
    def hint(self) -> str:
        """Return what may have happened."""
        return "something else writes there too: make room, and run it again"


class BootPartitionBusy(Error):
    """Another kernix writes to a boot partition."""

    place: Path

    def __str__(self) -> str:
        return f"another kernix is writing to {self.place}"


@contextlib.contextmanager
def alone(place: Path) -> Iterator[None]:
    """Keep another kernix from writing to the partition *place* in the body.

    Raises:
        BootPartitionBusy: one does already.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not try_flock(descriptor):
            raise BootPartitionBusy(place)
        yield
    finally:
        os.close(descriptor)


def carry_out(place: Path, plan: BootPlan) -> None:
    """Do on the partition *place* what *plan* says.

    Raises:
        BootPartitionFull: there is no room.
        BootPartitionUnusable: something cannot be written.
    """
    try:
        _Run(place).carry_out(plan)
    except OSError as error:
        if error.errno in FULL:
            raise BootPartitionFull(place) from None
        raise BootPartitionUnusable(Path(os.fsdecode(error.filename or place)), reason_of(error)) from None


@attrs.define
class _Run:
    """One run, and what it has made so far."""

    place: Path
    aside: list[Path] = attrs.field(factory=list)
    added: list[Path] = attrs.field(factory=list)
    switching: list[Path] = attrs.field(factory=list)
    final: bool = False
    synced: bool = True

    def carry_out(self, plan: BootPlan) -> None:
        """Do what *plan* says; after an error, take back what may be."""
        try:
            self._add(plan)
            self.final = True
            self._remove_old(plan)
        except BaseException:
            self._take_back()
            raise

    def _add(self, plan: BootPlan) -> None:
        for path in plan.stale:
            reach("install: remove stale")
            (self.place / path).unlink(missing_ok=True)
        programs = (str(Path(PROGRAMS).parent), PROGRAMS) if plan.programs else ()
        for directory in (FILES, str(Path(ENTRIES).parent), ENTRIES, *programs):
            self._make_directory(self.place / directory)
        files = [self._write(self.place / FILES / it.name, Path(it.source)) for it in plan.copies]
        entries = [self._write(self.place / ENTRIES / name, text) for name, text in plan.entries.items()]
        entries += [self._write(self.place / PROGRAMS / it.name, Path(it.source)) for it in plan.programs]
        loader = self._write(self.place / LOADER, plan.loader) if plan.loader is not None else None
        grub = self._write(self.place / GRUB, plan.grub) if _differs(self.place / GRUB, plan.grub) else None
        for new in (files, entries):
            for temporary, target in new:
                if not target.exists():
                    self.added.append(target)
                self._rename(temporary, target)
            self._sync()
        for switch in (loader, grub):
            if switch is not None:
                self.switching.append(switch[0])
                self._rename(*switch)
        self._sync()

    def _remove_old(self, plan: BootPlan) -> None:
        for name in plan.old_entries:
            reach("install: remove entry")
            (self.place / place_of(name)).unlink(missing_ok=True)
            self.synced = False
        self._sync()
        for name in plan.old_files:
            reach("install: remove file")
            (self.place / FILES / name).unlink(missing_ok=True)
            self.synced = False
        self._sync()

    def _take_back(self) -> None:
        """Remove what is unfinished and, if no loader has been switched to the new entries, those as well."""
        # An interrupt may come between any two instructions; the files themselves say what was done.
        switched = self.final or any(not it.exists() for it in self.switching)
        for it in [*self.aside, *([] if switched else reversed(self.added))]:
            with contextlib.suppress(OSError):
                it.rmdir() if it.is_dir() else it.unlink(missing_ok=True)

    def _make_directory(self, directory: Path) -> None:
        reach("install: directory")
        with contextlib.suppress(FileExistsError):
            directory.mkdir(0o755)
            self.added.append(directory)

    def _write(self, target: Path, content: Path | str) -> tuple[Path, Path]:
        """Write *content*, a file's or a text, beside *target*; return where it is, and *target*."""
        temporary = target.with_name(f"{UNFINISHED}{os.urandom(8).hex()}")
        self.aside.append(temporary)
        reach("install: write")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(content, str):
                file.write(content.encode())
            else:
                with content.open("rb") as source:
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
            file.flush()
            reach("install: fsync")
            os.fsync(descriptor)
        return temporary, target

    def _sync(self) -> None:
        """Wait until everything that was done so far is on the disk."""
        if self.synced:
            return
        reach("install: sync")
        descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syncfs(descriptor)
        finally:
            os.close(descriptor)
        self.synced = True

    def _rename(self, temporary: Path, target: Path) -> None:
        reach("install: rename")
        temporary.rename(target)
        self.synced = False


def _differs(place: Path, text: str) -> bool:
    try:
        return place.read_bytes() != text.encode()
    except OSError:
        return True
