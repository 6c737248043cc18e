"""The directory that a builder sees as /build when it starts from a kept tree: layers, or a copy.

Both can be looked at and changed while no builder runs: before the first run of make, and between its two.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import shutil
import stat

from typing import TYPE_CHECKING, Protocol

import attrs

from blake3 import blake3

from derivations.realise.kept.listing import MTIME_NS
from derivations.realise.sandbox.layers import Layers, is_whiteout
from derivations.realise.sandbox.overlay import whiteout


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from derivations.realise.kept.listing import Listing
    from derivations.realise.kept.shelf import KeptTree


class Workspace(Protocol):
    """A build's directory above a kept tree."""

    @property
    def build(self) -> Path | Layers:
        """Return what to mount at /build."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Delete the files *paths*."""

    def put(self, path: str, source: Path, *, executable: bool = False) -> None:
        """Lay down a copy of the file *source* at *path*, as new as can be."""

    def digest(self, path: str) -> bytes | None:
        """Return the digest of the file at *path*; None if there is none."""
        ...

    def made(self) -> dict[str, os.stat_result]:
        """Return what the builder has made or changed: files and links, by path."""
        ...

    def gone(self) -> set[str]:
        """Return the paths of the kept tree that are gone."""
        ...


@attrs.frozen
class Layered:
    """The kept tree as the lower layer; *place* has the upper one."""

    tree: KeptTree
    listing: Listing
    place: Path

    @classmethod
    def make(cls, tree: KeptTree, listing: Listing, place: Path) -> Layered:
        """Return the workspace in the empty directory *place*."""
        for name in ("upper", "work"):
            (place / name).mkdir(mode=0o777)
            (place / name).chmod(0o777)
        return cls(tree, listing, place)

    @property
    def upper(self) -> Path:
        """Return the upper layer."""
        return self.place / "upper"

    @property
    def build(self) -> Layers:
        """Return the layers."""
        return Layers(lower=(self.tree.tree,), upper=self.upper, work=self.place / "work")

    def delete(self, paths: Iterable[str]) -> None:
        """Hide *paths* of the kept tree, and remove them from the upper layer."""
        for path in paths:
            place = self._above(path)
            with contextlib.suppress(FileNotFoundError):
                if is_whiteout(place.lstat()):
                    continue
                place.unlink()
            if path in self.listing.items:
                whiteout(place)

    def put(self, path: str, source: Path, *, executable: bool = False) -> None:
        """Copy *source* to the upper layer."""
        place = self._above(path)
        with contextlib.suppress(FileNotFoundError):
            place.unlink()
        _copy(source, place, executable=executable)

    def digest(self, path: str) -> bytes | None:
        """Return the digest of the file that is seen at *path*."""
        try:
            place = self.upper / path
            return None if is_whiteout(place.lstat()) else blake3(place.read_bytes()).digest()
        except (FileNotFoundError, NotADirectoryError):
            item = self.listing.items.get(path)
            return None if item is None or item.kind not in "fx" or path in self.gone() else item.digest
        except IsADirectoryError:
            return None

    def made(self) -> dict[str, os.stat_result]:
        """Return the files and links in the upper layer."""
        return {
            path: status
            for path, status in walk(self.upper)
            if not stat.S_ISDIR(status.st_mode) and not is_whiteout(status) and status.st_mtime_ns != MTIME_NS
        }

    def gone(self) -> set[str]:
        """Return the whiteouts, and what opaque directories hide."""
        found = {path for path, status in walk(self.upper) if is_whiteout(status)}
        for path, status in walk(self.upper):
            if stat.S_ISDIR(status.st_mode) and _is_opaque(self.upper / path):
                found |= {
                    it for it in self.listing.items if it.startswith(f"{path}/") and not (self.upper / it).exists()
                }
        return found

    def _above(self, path: str) -> Path:
        """Return the place of *path* in the upper layer, whose directories exist now."""
        place = self.upper
        for part in posixpath.dirname(path).split("/"):
            place = place / part
            if part and not place.exists():
                place.mkdir()
                place.chmod(0o777)
                os.utime(place, ns=(MTIME_NS, MTIME_NS))
        return self.upper / path


@attrs.frozen
class Copied:
    """A copy of the kept tree, where there are no overlays; *build* has it."""

    build: Path
    listing: Listing

    @classmethod
    def make(cls, tree: KeptTree, listing: Listing, place: Path) -> Copied:
        """Return the workspace in the empty directory *place*."""
        build = place / "build"
        build.mkdir(mode=0o777)
        build.chmod(0o777)
        for path, item in listing.items.items():
            source, target = tree.tree / path, build / path
            if item.kind == "d":
                target.mkdir()
                target.chmod(0o777)
            elif item.kind == "l":
                target.symlink_to(source.readlink())
                os.utime(target, ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
            else:
                _copy(source, target, executable=item.kind == "x")
                os.utime(target, ns=(MTIME_NS, MTIME_NS))
        return cls(build, listing)

    def delete(self, paths: Iterable[str]) -> None:
        """Remove *paths*."""
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                (self.build / path).unlink()

    def put(self, path: str, source: Path, *, executable: bool = False) -> None:
        """Copy *source* to *path*."""
        place = self.build / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            place.unlink()
        _copy(source, place, executable=executable)

    def digest(self, path: str) -> bytes | None:
        """Return the digest of the file at *path*."""
        try:
            return blake3((self.build / path).read_bytes()).digest()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def made(self) -> dict[str, os.stat_result]:
        """Return what is newer than the kept tree."""
        return {
            path: status
            for path, status in walk(self.build)
            if not stat.S_ISDIR(status.st_mode) and status.st_mtime_ns != MTIME_NS
        }

    def gone(self) -> set[str]:
        """Return what the listing has and the directory has not."""
        return {path for path in self.listing.items if not os.path.lexists(self.build / path)}


def walk(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path, relative to *directory*, and status of everything below it."""
    top = len(os.fspath(directory)) + 1
    stack = [os.fspath(directory)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                yield entry.path[top:], status
                if stat.S_ISDIR(status.st_mode):
                    stack.append(entry.path)


def _copy(source: Path, target: Path, *, executable: bool) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    target.chmod(0o777 if executable else 0o666)


def _is_opaque(directory: Path) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        with contextlib.suppress(OSError):
            if os.getxattr(directory, name, follow_symlinks=False) == b"y":
                return True
    return False


__all__ = ["Copied", "Layered", "Workspace", "walk"]
