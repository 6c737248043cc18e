"""A store's home directory: how one is recognised and created, and who may access it.

A directory is a store if its file `version` says so. That file is the first thing in a new store, and it is
on the disk before anything else is created; missing directories are created whenever a store is opened. So
a crash during creation leaves an empty directory or a store. Only an absent or an empty directory ever
becomes a store, because the collector deletes what it finds in `builds` and `trash`.

    store/                 0755    everybody who can reach the home may read objects
    builds/                0711    a builder may run as its own user and must reach its scratch directory
    all other directories  0700    nobody else can open, and so lock, the files in them
    all files              0600    also the database, because its readers can make its writers wait

The home itself keeps the mode that the user gave it, minus write permission for others. All of this holds
whatever the umask is, and is fixed in stores that were created with other modes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import stat

from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import Error, reason_of
from store.layout import FORMAT_VERSION, Layout
from store.osutil.durable import sync_directory
from store.osutil.failpoints import reach
from store.osutil.space import FULL, RESERVE_SIZE, make_reserve


if TYPE_CHECKING:
    from collections.abc import Iterator


_VERSION = f"{FORMAT_VERSION}\n".encode()
_LONGEST_VERSION = 16  # bytes that are read: more than any version has
_TORN = (b"", _VERSION[:-1])  # what a power failure may leave of it, apart from zeros
_NO_VERSION = b"?"
_PASSING = re.compile(r"lost\+found|version\.new|\.kernix-doctor-.*")
_NOTHING = re.compile(r"")
_SCRATCH = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")
_SHARD = re.compile(r"tmp|doubtful|damaged|[0-9a-f]{2}")
_TEMPROOTS = re.compile(r"[0-9]+-[0-9a-f]{16}")
_SHOWN = 3  # names: enough to recognize a directory by


class StoreTooNew(Error):
    """A newer kernix created this store."""

    home: Path
    found: str

    def __str__(self) -> str:
        return f"the store {self.home} has format {self.found!r}, but this kernix supports {FORMAT_VERSION}"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "use a newer kernix, or another KERNIX_HOME"


class NotAStore(Error):
    """A directory is neither a store nor empty."""

    home: Path
    holds: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(map(repr, self.holds[:_SHOWN]))
        more = f" and {len(self.holds) - _SHOWN} more" if len(self.holds) > _SHOWN else ""
        return f"{self.home} is not a kernix store, and it is not empty: it holds {shown}{more}"

    @property
    def hint(self) -> str:
        """Return how to get a store."""
        if {"store", "db.sqlite"} <= {*self.holds}:
            place = shlex.quote(f"{self.home}/version")
            return f"if it is a store whose file `version` was damaged, run `echo {FORMAT_VERSION} > {place}`"
        return "set KERNIX_HOME to an empty directory, or to one that does not exist yet"


class ForeignStore(Error):
    """A directory belongs to another user."""

    home: Path
    owner: int

    def __str__(self) -> str:
        return f"{self.home} belongs to user {self.owner}, but you are user {os.geteuid()}"

    @property
    def hint(self) -> str:
        """Return the alternatives."""
        return "run kernix as that user, or set KERNIX_HOME to a directory of your own"


class UnusableHome(Error):
    """A place cannot hold a store."""

    home: Path
    reason: str

    def __str__(self) -> str:
        return f"cannot use {self.home} as a store: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the alternative."""
        return "set KERNIX_HOME to a directory of your own"


class PlaceTaken(Error):
    """A directory is where a store has a file, or the other way round."""

    place: Path
    is_directory: bool

    def __str__(self) -> str:
        found, ours = ("a directory", "a file") if self.is_directory else ("not a directory", "a directory")
        return f"{self.place} is {found}, and a store has {ours} of its own there"

    @property
    def hint(self) -> str:
        """Return what to do with it."""
        return "kernix did not make it: move it elsewhere"


def layout_at(home: Path) -> Layout:
    """Return the layout of the store in *home*, which may not exist yet.

    Raises:
        UnusableHome: *home* is a dangling link, perhaps to a disk that is not mounted.
    """
    # os.path, because Path's methods raise for a name that is too long.
    if os.path.islink(home) and not os.path.lexists(os.path.realpath(home)):  # noqa: PTH114
        raise UnusableHome(home, f"it is a symbolic link to {os.path.realpath(home)}, which does not exist")
    return Layout(Path(os.path.realpath(home)))


def is_store(layout: Layout) -> bool:
    """Return whether *layout* is a store; if not, a store can be created there, as far as that is known yet.

    Raises:
        NotAStore: it is something else.
        StoreTooNew: it has an unknown format.
        ForeignStore: it belongs to another user.
        UnusableHome: it is not a directory, or cannot be read.
    """
    home = layout.home
    mine = True
    try:
        status = home.stat()
        mine = status.st_uid == os.geteuid()
        if not stat.S_ISDIR(status.st_mode):
            raise UnusableHome(home, "it is not a directory")
        found = _is_marked(layout)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise (UnusableHome(home, reason_of(error)) if mine else ForeignStore(home, status.st_uid)) from None
    if not mine and (os.geteuid() != 0 or not found):  # root may use any store, but creates only its own
        raise ForeignStore(home, status.st_uid)
    return found


def set_up(layout: Layout) -> None:
    """Make sure that *layout* exists, has this format, and is closed to others.

    Raises:
        NotAStore, StoreTooNew, ForeignStore, UnusableHome: as for `is_store`, or it cannot be created.
        PlaceTaken: something else is where a part of it belongs.
    """
    if not is_store(layout):
        check_may_become_store(layout.home)
        with _explained(layout.home):
            _make_home(layout.home)
            _write_version(layout)
    _close(layout.home, 0o755)
    made = [_complete(layout.home, place, mode) for place, mode in _directories(layout)]
    for place in (layout.failed, layout.manifests):
        _close(place, 0o700)
    for place in layout.files:
        # Opening the database reports what is wrong with it and its log, and a rebuild sets them aside.
        of_database = place.name.startswith(layout.database.name)
        _close(place, 0o600, is_directory=None if of_database else False)
    if any(made):
        reach("make: reserve")
        make_reserve(layout.reserve)


def _is_marked(layout: Layout) -> bool:
    """Return whether the directory *layout* is marked as a store; False if it is empty."""
    found = _version(layout)
    if found is None:
        if not any(_unfinished(layout)):
            return False
        if _version(layout) is not None:  # another process has made it a store meanwhile
            return True
        raise NotAStore(layout.home, _names(layout.home))
    if found == _VERSION and (_looks_like_store(layout) or (not [*_strangers(layout)] and _has_nothing(layout))):
        return True
    if found.strip(b"\0") in _TORN and not [*_strangers(layout)] and _has_nothing(layout):
        return False
    if _looks_like_store(layout) and re.fullmatch(rb"[0-9]+\n", found) and found != _VERSION:
        raise StoreTooNew(layout.home, found.decode().strip())
    raise NotAStore(layout.home, _names(layout.home))


def _version(layout: Layout) -> bytes | None:
    """Return the beginning of the file `version`, or None if it is missing."""
    try:
        if not stat.S_ISREG(layout.version.lstat().st_mode):
            return _NO_VERSION
        with layout.version.open("rb") as file:
            return file.read(_LONGEST_VERSION)
    except FileNotFoundError:
        return None


def _unfinished(layout: Layout) -> Iterator[Path]:
    """Yield the files in the home, except those of a kernix that was killed while creating a store."""
    ours = {*(place for place, _ in _directories(layout)), layout.pool / "tmp"}
    for place in layout.home.iterdir():
        if place in ours and place.is_dir() and not place.is_symlink():
            yield from (it for it in place.rglob("*") if it not in ours or it.is_symlink())
        elif not _PASSING.fullmatch(place.name) and not (place == layout.reserve and _is_reserve(place)):
            yield place


def _is_reserve(place: Path) -> bool:
    """Return whether *place* is a reserve: a file of nothing but zeros."""
    status = place.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size not in {0, RESERVE_SIZE}:
        return False
    return not place.read_bytes().strip(b"\0")


def _strangers(layout: Layout) -> Iterator[str]:
    """Yield the names in the home that kernix never uses."""
    optional = (layout.failed, layout.kept, layout.manifests, layout.profiles, layout.refuted)
    ours = {place.name for place in (*layout.directories, *optional, *layout.files)}
    return (name for name in _names(layout.home) if name not in ours and not _PASSING.fullmatch(name))


def _looks_like_store(layout: Layout) -> bool:
    """Return whether a directory with our `version` also has other parts of a store: the file name is common."""
    return layout.objects.is_dir() and any(it.exists() for it in (layout.locks, layout.database, layout.journal))


def _has_nothing(layout: Layout) -> bool:
    """Return whether a store has no objects, and only files of its own where the collector deletes."""
    own = {
        layout.objects: _NOTHING, layout.pool: _SHARD, layout.temproots: _TEMPROOTS, layout.builds: _SCRATCH,
        layout.trash: _SCRATCH,
    }  # fmt: skip
    return all(pattern.fullmatch(name) for it, pattern in own.items() if it.is_dir() for name in _names(it))


def _names(directory: Path) -> tuple[str, ...]:
    return tuple(sorted(os.listdir(directory)))  # noqa: PTH208 -- names


def check_may_become_store(home: Path) -> None:
    """Refuse a directory that other programs or users share, even if it is empty.

    Raises:
        UnusableHome: *home* is such a directory.
    """
    if home == Path("/") or home == Path(os.path.realpath(os.path.expanduser("~"))):  # noqa: PTH111 -- no error without
        raise UnusableHome(home, "a store needs a directory of its own")
    with contextlib.suppress(OSError):
        if home.stat().st_mode & stat.S_ISVTX:
            raise UnusableHome(home, "it is shared between users; use a directory of your own inside it")


def _make_home(home: Path) -> None:
    """Create *home* and its parents, durably."""
    for place in reversed([home, *home.parents]):
        with contextlib.suppress(FileExistsError):
            place.mkdir(0o755)
            with contextlib.suppress(PermissionError):  # a directory may be writable but not readable
                sync_directory(place.parent)
            reach("make: home")


def _write_version(layout: Layout) -> None:
    """Write the file `version` atomically and durably; another process may do so at the same time."""
    temporary = layout.version.with_name("version.new")
    # Not truncated: it may be another process' file, about to be renamed, with the same content.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        reach("make: write version")
        os.write(descriptor, _VERSION)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    reach("make: rename version")
    try:
        temporary.rename(layout.version)
    except FileNotFoundError:
        if _version(layout) != _VERSION:
            raise
    sync_directory(layout.home)


def _directories(layout: Layout) -> Iterator[tuple[Path, int]]:
    """Yield the directories of a store and their modes."""
    modes = {layout.objects: 0o755, layout.builds: 0o711}
    for place in layout.directories:
        yield place, modes.get(place, 0o700)
    yield layout.roots / "auto", 0o700


def _complete(home: Path, place: Path, mode: int) -> bool:
    """Create the directory *place* if it is missing, and return whether it was; close it to others."""
    made = False
    if not os.path.lexists(place):
        reach("make: directory")
        with _explained(home), contextlib.suppress(FileExistsError):
            place.mkdir(mode)
            made = True
    if made:
        place.chmod(mode)  # the umask may have removed bits
    else:
        _close(place, mode)
    return made


def _close(place: Path, mode: int, *, is_directory: bool | None = True) -> None:
    """Remove from *place*, if it exists, the permissions that *mode* lacks; a read-only disk is fine.

    Raises:
        PlaceTaken: it is a directory, or not, unlike *is_directory*, if that is not None.
    """
    try:
        status = place.stat()
        if is_directory not in {None, stat.S_ISDIR(status.st_mode)}:
            raise PlaceTaken(place, is_directory=not is_directory)
        had = stat.S_IMODE(status.st_mode)
        if had & 0o777 & ~mode and os.geteuid() in {0, status.st_uid}:
            place.chmod(had & ~(0o777 & ~mode))
    except FileNotFoundError:  # SQLite's extra files disappear with their last user
        return
    except OSError as error:
        if error.errno not in {errno.EROFS, errno.ELOOP}:  # opening the file will report the latter
            raise


@contextlib.contextmanager
def _explained(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise
        raise UnusableHome(home, reason_of(error)) from None
