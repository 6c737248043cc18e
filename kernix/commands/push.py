"""`kernix push`: write objects to a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.cache_list import check_cache_name
from kernix.evaluation import objects as named
from kernix.options import VerbCommand, evaluation, objects
from kernix.pushing import push


if TYPE_CHECKING:
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@objects
@evaluation
@click.option(
    "--to",
    metavar="CACHE",
    help="The name or URL of the cache, or oci://HOST/NAME:TAG.  [default: the first of the list]",
)
@click.option("--key", metavar="KEY", help="The key that signs.  [default: see `kernix key`]")
@click.option("--root", metavar="NAME", help="Keep these objects in the cache under NAME, instead of those before.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    objects: tuple[str, ...],
    options: Options,
    to: str | None,
    key: str | None,
    root: str | None,
) -> None:
    """Write objects that are built, and everything that they refer to, to a cache, signed.

    Others who trust the key then fetch them instead of building. What the cache has already is not written again.
    """
    if root is not None:
        check_cache_name(root)
    push(session, named.find(session, options, objects), to, key, root)
