"""`kernix export tar`: write objects, signed, to one file that `kernix pull` reads."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import click

from kernix.evaluation import objects as named
from kernix.keys import signing_key
from kernix.options import PATH, VerbCommand, evaluation, objects
from kernix.output.messages import print_message, warn
from kernix.output.quantities import number, size
from store.caches.cache import Cache
from store.caches.directory import DirectoryTransport
from store.caches.paths import TAR_SUFFIX
from store.caches.push import Push
from store.caches.tar_file import write_tar
from store.errors import UsageError
from store.exports.errors import reported
from store.signing.trusted import Trust


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("archive", metavar="FILE.tar", type=PATH)
@objects
@evaluation
@click.option("--key", metavar="KEY", help="The key that signs.  [default: see `kernix key`]")
@click.pass_obj
def command(session: Session, /, *, archive: Path, objects: tuple[str, ...], options: Options, key: str | None) -> None:
    """Write objects that are built, and everything that they refer to, signed, to one file: a cache to carry.

    A machine without a network that trusts the key fetches them with `kernix pull --from file:///PLACE/FILE.tar ATTR`.
    The same objects and key make the same bytes.
    """
    if archive.suffix != TAR_SUFFIX:
        raise UsageError(
            f"the name of {str(archive)[:200]!r} does not end with {TAR_SUFFIX}", "`kernix pull` knows it by that"
        )
    paths = named.find(session, options, objects)
    secret = signing_key(session, key)
    with session.store.scratch() as scratch:
        cache = Cache(archive.name, DirectoryTransport(scratch / "cache"), Trust())
        done = Push(store=session.store, cache=cache, key=secret, warn=warn).push(paths)
        unfinished = archive.with_name(f".{archive.name}.{os.getpid()}")
        with reported(archive):
            try:
                written = write_tar(scratch / "cache", unfinished)
                unfinished.replace(archive)
            finally:
                unfinished.unlink(missing_ok=True)
    print_message(f"exported {number(len(done), 'object')} to {archive}, {size(written)}")
