"""`kernix gc`: delete what is no longer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kernix.options import Duration, Size
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from kernix.progress.line import ProgressLine
from store.gc.collect import Policy, collect, plan
from store.gc.forecast import forecast
from store.gc.logs import LogPolicy, remove_logs, superfluous


if TYPE_CHECKING:
    from kernix.session import Session


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
@click.option("--all", "everything", is_flag=True, help="Delete unused sources and toolchains, too, however recent.")
@click.pass_obj
def command(
    session: Session, /, *, dry_run: bool, older_than: float | None, max_freed: int | None, everything: bool
) -> None:
    """Delete store objects that no root, running build or process needs, and old logs.

    Sources and toolchains are kept for 30 days after their last use, so that the next
    build need not fetch them again; set `[gc.keep]` in config.toml to change this. Build logs are deleted
    after 90 days, or earlier once they exceed 1 GB together; see `[gc.logs]`.
    """
    chosen = policy(session, older_than, max_freed, everything=everything)
    if (store := session.existing_store(full_disk=True)) is None:
        print_message(f"there is no store in {session.home} yet, so there is nothing to delete")
        return
    if dry_run:
        doomed = plan(store, chosen, _waiting)
        with ProgressLine() as progress:
            freed = forecast(store, doomed, progress, _waiting)
        for info in doomed:
            click.echo(one_line(store.path(info.path)))
        logs = superfluous(store.layout.logs, log_policy(session))
        if logs:
            print_message(f"{number(len(logs), 'old log')} would be removed, {size(sum(it for _, it in logs))} in all")
        print_message(f"{number(len(doomed), 'object')} would be removed, {size(freed)} freed")
        return
    with ProgressLine() as progress:
        done = collect(store, chosen, progress, _waiting)
    count, freed = remove_logs(store.layout.logs, log_policy(session))
    if count:
        print_message(f"removed {number(count, 'old log')}, freed {size(freed)}")
    click.echo(f"removed {number(done.objects, 'object')}, freed {size(done.freed)}")


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
