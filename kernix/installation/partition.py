"""What is on a boot partition.

Nothing there is believed: a file counts as the kernel that its name says only if its content has that digest, because
a crash or a broken stick may have left less. What a run left unfinished is recognised by its name, and removed.
"""

from __future__ import annotations

import contextlib
import os
import stat

from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from derivations.image.boot_entry import ENTRIES, FILES, LOADER, PROGRAMS, file_name, is_file_name, parse_entry
from derivations.image.boot_plan import BootState
from derivations.image.boot_program import is_ours, other_program, parse_program
from derivations.image.pe import InvalidImage
from store.errors import Error, reason_of


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from derivations.image.boot_entry import Entry


UNFINISHED = ".kernix-"
"""What the names of files begin with that are not complete yet."""

_SIGNS = ("EFI", "efi", "loader", "grub", "grub2")
_CHUNK = 1 << 20  # bytes; any number of some hundred kilobytes would do
_LONGEST_TEXT = 1 << 20  # bytes: no entry is longer


class NotABootPartition(Error):
    """A directory is not one that a boot loader reads."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.place} is no boot partition: {self.reason}"

    @property
    def hint(self) -> str:
        """Return how to have one."""
        return "mount it first, and name the directory where it is mounted, such as /boot/efi, /efi or /boot"


class BootPartitionUnusable(Error):
    """A boot partition cannot be read or written."""

    place: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot write to {self.place}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the usual cause."""
        return "boot partitions usually belong to root: run it as root, or name a directory of your own"


def check_partition(place: Path) -> Path:
    """Return the real path of the boot partition *place*.

    Raises:
        NotABootPartition: it is none.
        BootPartitionUnusable: it cannot be written.
    """
    real = Path(os.path.realpath(place))
    try:
        if not stat.S_ISDIR(real.stat().st_mode):
            raise NotABootPartition(place, "it is not a directory")
        names = {it.name for it in real.iterdir()}
    except FileNotFoundError:
        raise NotABootPartition(place, "it does not exist") from None
    except OSError as error:
        raise BootPartitionUnusable(place, reason_of(error)) from None
    if not names.intersection(_SIGNS):
        raise NotABootPartition(place, f"it has no {', '.join(_SIGNS[:-1])} or {_SIGNS[-1]}")
    if not os.access(real, os.W_OK | os.X_OK):
        raise BootPartitionUnusable(place, "it is not writable")
    return real


def read_state(place: Path, booted: Callable[[Iterable[Entry]], frozenset[str]]) -> BootState:
    """Return what is on the partition *place*; *booted* says which entries the machine may run.

    Raises:
        BootPartitionUnusable: something there cannot be read.
    """
    try:
        programs, torn = _programs(place / PROGRAMS)
        entries = tuple(sorted([*_entries(place / ENTRIES), *programs], key=lambda it: it.name))
        needed = {name for it in entries for name in it.files}
        files, leftovers = _files(place, needed)
        loader = _text(place / LOADER) if (place / LOADER).exists() else ""
        room = os.statvfs(place)
    except OSError as error:
        raise BootPartitionUnusable(place, reason_of(error)) from None
    return BootState(
        place=str(place),
        entries=entries,
        files=files,
        leftovers={**leftovers, **torn},
        loader=loader,
        free=room.f_bavail * room.f_frsize,
        block=room.f_frsize,
        booted=booted(entries),
    )


def digest_of(path: Path) -> bytes:
    """Return the BLAKE3 digest of the file *path*."""
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.digest()


def _entries(directory: Path) -> list[Entry]:
    if not directory.is_dir():
        return []
    files = [it for it in directory.iterdir() if it.is_file()]
    found = (parse_entry(it.name, _text(it), it.stat().st_mtime) for it in files if it.suffix == ".conf")
    return [it for it in found if it is not None]


def _programs(directory: Path) -> tuple[list[Entry], dict[str, int]]:
    """Return the unified kernel images in *directory*, and those of kernix that are damaged, by path, with sizes."""
    found: list[Entry] = []
    torn: dict[str, int] = {}
    for it in sorted(directory.iterdir()) if directory.is_dir() else ():
        if it.suffix.lower() != ".efi" or not it.is_file():
            continue
        made, size = it.stat().st_mtime, it.stat().st_size
        entry = None
        with contextlib.suppress(InvalidImage):
            entry = parse_program(it.name, it.read_bytes(), made) if is_ours(it.name) else other_program(it.name, made)
        if entry is not None:
            found.append(entry)
        elif is_ours(it.name):
            torn[f"{PROGRAMS}/{it.name}"] = size
    return found, torn


def _files(place: Path, needed: set[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the whole files in `kernix` by name, and what is unfinished anywhere by path, with sizes."""
    whole: dict[str, int] = {}
    leftovers: dict[str, int] = {}
    for directory in (FILES, ENTRIES, str(Path(LOADER).parent), PROGRAMS):
        if not (place / directory).is_dir():
            continue
        for it in sorted((place / directory).iterdir()):
            if not it.is_file():
                continue
            size = it.stat().st_size
            if it.name.startswith(UNFINISHED):
                leftovers[f"{directory}/{it.name}"] = size
            elif directory == FILES and is_file_name(it.name):
                if file_name(digest_of(it), it.name.rpartition("-")[2]) == it.name:
                    whole[it.name] = size
                elif it.name not in needed:
                    leftovers[f"{directory}/{it.name}"] = size
    return whole, leftovers


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST_TEXT).decode(errors="replace")
