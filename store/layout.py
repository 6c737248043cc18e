"""The layout of a store's home directory.

version      the format version, a number: this file makes the directory a store (see `store.home`)
store/       the objects: <32 characters>-<name>
pool/        one hard link for each distinct file of the objects
db.sqlite    what is known about the objects
journal      the same as lines of text, from which db.sqlite can be rebuilt
roots/       permanent roots; roots/auto/ holds those that point to users' own links
temproots/   what each running process uses, one file per process
locks/       gate and turnstile (see `store.osutil.locks`), collector, one file per derivation
builds/      scratch directories, each locked by the process that uses it
trash/       objects that have been removed from the store but not unlinked yet
logs/        build logs
cache/       downloads and other files that may be deleted at any time
manifests/   the listings of large objects, which may be deleted at any time (see `store.manifests`)
profiles/    profiles and their generations (see `store.profiles`)
kept/        object trees of kernels' builds (see `derivations.realise.kept.shelf`)
refuted/     results that a proof refuted, until a build has reported it (see `derivations.realise.proof.refuted`)
failed/      build directories of failed builders, if the user asked to keep them
boot         the boot for which the pool was swept (see `store.scratch`)
reserve      8 MiB that the collector gives up first, so that it works on a full disk
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from pathlib import Path


FORMAT_VERSION = 1


@attrs.frozen
class Layout:
    """The paths below *home*."""

    home: Path

    @property
    def version(self) -> Path:
        """The file that holds the format version."""
        return self.home / "version"

    @property
    def objects(self) -> Path:
        """The directory of the objects."""
        return self.home / "store"

    @property
    def pool(self) -> Path:
        """The directory of the hard-link pool."""
        return self.home / "pool"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.home / "db.sqlite"

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.home / "journal"

    @property
    def roots(self) -> Path:
        """The directory of the permanent roots."""
        return self.home / "roots"

    @property
    def profiles(self) -> Path:
        """The directory of the profiles."""
        return self.home / "profiles"

    @property
    def temproots(self) -> Path:
        """The directory of the temporary roots."""
        return self.home / "temproots"

    @property
    def locks(self) -> Path:
        """The directory of the locks."""
        return self.home / "locks"

    @property
    def builds(self) -> Path:
        """The directory of the scratch directories."""
        return self.home / "builds"

    @property
    def trash(self) -> Path:
        """The directory of objects waiting to be unlinked."""
        return self.home / "trash"

    @property
    def logs(self) -> Path:
        """The directory of build logs."""
        return self.home / "logs"

    @property
    def cache(self) -> Path:
        """The directory of files that may be deleted at any time."""
        return self.home / "cache"

    @property
    def index(self) -> Path:
        """The index of files that have been read."""
        return self.cache / "index.sqlite"

    @property
    def compile_cache(self) -> Path:
        """The directory of what compilers made, one for each toolchain."""
        return self.cache / "ccache"

    @property
    def reserve(self) -> Path:
        """The file that the collector gives up when the disk is full."""
        return self.home / "reserve"

    @property
    def kept(self) -> Path:
        """The directory of kept object trees."""
        return self.home / "kept"

    @property
    def failed(self) -> Path:
        """The directory of build directories that a user asked to keep."""
        return self.home / "failed"

    @property
    def refuted(self) -> Path:
        """The directory of the refutations that no build has reported yet."""
        return self.home / "refuted"

    @property
    def proofs(self) -> Path:
        """The directory of the logs of proofs."""
        return self.logs / "proofs"

    @property
    def manifests(self) -> Path:
        """The directory of the manifests."""
        return self.home / "manifests"

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories that every store has."""
        return (
            self.objects, self.pool, self.roots, self.temproots, self.locks, self.builds, self.trash, self.logs,
            self.cache,
        )  # fmt: skip

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that a store may have beside its directories."""
        names = (
            "version", "version.new", "journal", "journal.new", "boot", "boot.new", "reserve",
            *(f"{name}{end}" for name in ("db.sqlite", "db.new") for end in ("", "-wal", "-shm", "-journal")),
        )  # fmt: skip
        return tuple(self.home / name for name in names)
