"""`kernix gc`: delete what is no longer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

from derivations.realise.compile_cache.caches import CompileCacheRefused, CompileCaches
from derivations.realise.kept.shelf import Shelf, ShelfRefused
from kernix.options import Duration, Size
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from kernix.progress.line import ProgressLine
from store.gc.collect import Policy, collect, plan
from store.gc.forecast import forecast
from store.gc.logs import LogPolicy, remove_logs, superfluous
from store.osutil.writability import StoreReadOnly
from store.parsing import LARGEST
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Collection

    from kernix.session import Session
    from store.local import Store


@click.command
@click.option("-n", "--dry-run", is_flag=True, help="Print what would be deleted, and delete nothing.")
@click.option("--delete-older-than", "older_than", type=Duration(), metavar="TIME",
              help="Delete only what has been unused for this time (such as `14d`).")  # fmt: skip
@click.option(
    "--max-freed",
    type=Size(),
    metavar="SIZE",
    help="Stop after freeing this much (such as `5G`); the longest unused goes first.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Delete unused sources, toolchains, kept object trees and compile caches, too, however recent.",
)
@click.pass_obj
def command(
    session: Session, /, *, dry_run: bool, older_than: float | None, max_freed: int | None, everything: bool
) -> None:
    """Delete store objects that no root, running build or process needs, old logs, object trees and compile caches.

    Sources and toolchains are kept for 30 days after their last use, so that the next
    build need not fetch them again; set `[gc.keep]` in config.toml to change this. Build logs are deleted
    after 90 days, or earlier once they exceed 1 GB together; see `[gc.logs]`. Kept object trees (`kernix kept`)
    are deleted 30 days after their last use, or earlier once they exceed 20 GiB together; see `[kept]`. The compile cache,
    if there is one, loses what belongs to deleted toolchains, and the oldest beyond 5 GiB; see `compile_cache_size`.
    """
    chosen = policy(session, older_than, max_freed, everything=everything)
    if (store := session.existing_store(full_disk=True)) is None:
        print_message(f"there is no store in {session.home} yet, so there is nothing to delete")
        return
    kept = KeptTrees.of(session, older_than, max_freed, everything=everything)
    cached = CompileCache.of(session, store, older_than, max_freed, everything=everything)
    if dry_run:
        chosen = attrs.evolve(chosen, keep_manifests=kept.shrink(dry_run=True))
        doomed = plan(store, chosen, _waiting)
        with ProgressLine() as progress:
            freed = forecast(store, doomed, progress, _waiting)
        for info in doomed:
            click.echo(one_line(store.path(info.path)))
        cached.shrink({it.path for it in doomed}, dry_run=True)
        logs = superfluous(store.layout.logs, log_policy(session))
        if logs:
            print_message(f"{number(len(logs), 'old log')} would be removed, {size(sum(it for _, it in logs))} in all")
        print_message(f"{number(len(doomed), 'object')} would be removed, {size(freed)} freed")
        return
    if store.read_only:
        raise StoreReadOnly(store.layout.home)
    chosen = attrs.evolve(chosen, keep_manifests=kept.shrink(dry_run=False))
    with ProgressLine() as progress:
        done = collect(store, chosen, progress, _waiting)
    cached.shrink(frozenset(), dry_run=False)
    count, freed = remove_logs(store.layout.logs, log_policy(session))
    if count:
        print_message(f"removed {number(count, 'old log')}, freed {size(freed)}")
    click.echo(f"removed {number(done.objects, 'object')}, freed {size(done.freed)}")


@attrs.frozen
class KeptTrees:
    """The kept object trees, and how much may be left of them: so many bytes, and what was used in so many seconds."""

    shelf: Shelf
    max_size: int
    max_age: float | None

    @classmethod
    def of(cls, session: Session, older_than: float | None, max_freed: int | None, *, everything: bool) -> KeptTrees:
        """Return them under the configuration's policy, changed by the options of the command line."""
        allowed, shelf = session.keep_policy, Shelf(session.layout.kept)
        if max_freed is not None:  # of objects
            return cls(shelf, LARGEST, None)
        if older_than is not None:
            return cls(shelf, LARGEST, older_than if everything else max(older_than, allowed.max_age))
        return cls(shelf, 0, None) if everything else cls(shelf, allowed.max_size, allowed.max_age)

    def shrink(self, *, dry_run: bool) -> frozenset[bytes]:
        """Remove what is too much, or only report it; return the digests of the sources of the others."""
        try:
            if dry_run:
                gone = self.shelf.superfluous(self.max_size, self.max_age)
            else:
                gone = self.shelf.shrink(self.max_size, self.max_age, wait=True)
            ids = {it.tree.id for it in gone}
            left = [it for it in self.shelf.kept() if it.id not in ids]
            taken = self.shelf.size()
        except ShelfRefused as error:
            warn(f"{error} ({error.hint})")
            return frozenset()
        count, freed = number(len(gone), "kept object tree"), sum(it.freed for it in gone)
        if gone and dry_run:
            print_message(f"{count} would be removed, {size(freed)} freed")
        elif gone:
            print_message(f"removed {count}, freed {size(freed)}")
        if left:
            print_message(f"{number(len(left), 'kept object tree')} left, {size(taken - freed if dry_run else taken)}")
        return frozenset(bytes.fromhex(it.about.source) for it in left)


@attrs.frozen
class CompileCache:
    """What compilers made for kernels, and how much may be left of it: so many bytes, and what was used in so many seconds."""

    caches: CompileCaches
    store: Store
    max_size: int
    max_age: float | None

    @classmethod
    def of(
        cls, session: Session, store: Store, older_than: float | None, max_freed: int | None, *, everything: bool
    ) -> CompileCache:
        """Return it under the configuration's policy, changed by the options of the command line."""
        caches = CompileCaches(session.layout.compile_cache)
        if max_freed is not None or older_than is not None:
            return cls(caches, store, LARGEST, older_than if everything and max_freed is None else None)
        return cls(caches, store, 0 if everything else session.settings().compile_cache_size, None)

    def shrink(self, doomed: Collection[StorePath], *, dry_run: bool) -> None:
        """Remove what is too much, and what belongs to toolchains that are gone or *doomed*, or only report it."""

        def is_gone(name: str) -> bool:
            try:
                path = StorePath.parse(name)
            except InvalidStorePath:
                return True
            return path in doomed or not self.store.is_valid(path)

        try:
            found = self.caches.shrink(self.max_size, self.max_age, is_gone=is_gone, dry_run=dry_run)
        except CompileCacheRefused as error:
            warn(f"{error} ({error.hint})")
            return
        if found.freed:
            does = "would be removed from the compile cache" if dry_run else "removed from the compile cache"
            print_message(f"{size(found.freed)} {does}, {size(found.left)} left")
        elif found.left:
            print_message(f"{size(found.left)} in the compile cache")


def _waiting() -> None:
    print_message("waiting for another collection, or a verification, to finish")


def log_policy(session: Session) -> LogPolicy:
    """Return the configuration's policy for logs."""
    return LogPolicy(**(session.configuration.logs if session.configuration is not None else {}))


def policy(session: Session, older_than: float | None, max_freed: int | None, *, everything: bool) -> Policy:
    """Return the configuration's policy for objects, overridden by the options of the command line."""
    values: dict[str, Any] = dict(session.configuration.collection) if session.configuration is not None else {}
    if older_than is not None:
        values["older_than"] = int(older_than)
    if max_freed is not None:
        values["max_freed"] = max_freed
    if everything:
        values["keep"] = {}
    elif "keep" in values:
        values["keep"] = {**Policy().keep, **values["keep"]}
    return Policy(**values)
