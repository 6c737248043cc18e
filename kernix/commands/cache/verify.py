"""`kernix cache verify`: check everything in a cache, and repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from kernix import cache_list
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.quantities import number
from kernix.pushing import push
from store.caches.check import remove_faults, verify_cache
from store.errors import Error


if TYPE_CHECKING:
    from kernix.session import Session


class CacheFaulty(Error):
    """A cache has damaged files."""

    exit_code: ClassVar[int] = 1

    url: str
    count: int

    def __str__(self) -> str:
        return f"{self.url} has {number(self.count, 'faulty file')}"

    @property
    def hint(self) -> str:
        """Name the option that repairs it."""
        return "`--repair` removes them, and pushes again what is in the store"


@click.command()
@click.argument("name", required=False)
@click.option("--repair", is_flag=True, help="Remove what is faulty, and push again what is in the store.")
@click.option("--key", metavar="KEY", help="The key that signs what is pushed again.")
@click.pass_obj
def command(session: Session, /, *, name: str | None, repair: bool, key: str | None) -> None:
    """Read the whole cache NAME, and report what is damaged, missing, or not signed by a trusted key.

    Without NAME, it is the first cache of the list.
    """
    cache = cache_list.chosen(session, name).opened(session)
    faults = verify_cache(cache)
    for fault in faults:
        click.echo(one_line(f"{fault.file}: {fault.reason}"))
    if not faults:
        print_message(f"{cache.url} is intact")
        return
    if not repair:
        raise CacheFaulty(cache.url, len(faults))
    lost = remove_faults(cache, faults)
    print_message(f"removed {number(len(faults), 'faulty file')}")
    store = session.existing_store()
    here = sorted(store.valid(lost)) if store is not None else []
    if here:
        push(session, here, name, key)
    if len(here) < len(lost):
        print_message(f"{number(len(lost) - len(here), 'object')} must be pushed again from elsewhere")
