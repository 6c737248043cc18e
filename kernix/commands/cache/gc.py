"""`kernix cache gc`: delete from a cache what is no longer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix import cache_list
from kernix.options import Duration
from kernix.output.messages import print_message
from kernix.output.quantities import number, size
from store.caches.collect import CachePolicy, collect_cache


if TYPE_CHECKING:
    from kernix.session import Session


@click.command()
@click.argument("name", required=False)
@click.option("--older-than", type=Duration(), default="30d", show_default=True, metavar="TIME",
              help="Delete objects that were last pushed longer ago than this.")  # fmt: skip
@click.option("--grace", type=Duration(), default="1d", show_default=True, metavar="TIME",
              help="Keep files that were written less than this ago: somebody may be pushing or pulling them.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@click.pass_obj
def command(session: Session, /, *, name: str | None, older_than: float, grace: float, dry_run: bool) -> None:
    """Delete from the cache NAME the objects that nobody pushed lately, unless a root names them.

    Without NAME, it is the first cache of the list.

    Kept are roots (`kernix push --root`), recent objects, and everything that these refer to. The archives of a
    deleted object are deleted by the next run, so that nobody who has just begun to fetch it is disturbed.
    """
    cache = cache_list.chosen(session, name).opened(session)
    done = collect_cache(cache, CachePolicy(retention=older_than, grace=grace), dry_run=dry_run)
    verb = "would delete" if dry_run else "deleted"
    print_message(
        f"{verb} {number(done.objects, 'object')} and {number(done.blobs, 'file')} of archives, {size(done.size)}; "
        f"kept {number(done.kept, 'object')}"
    )
