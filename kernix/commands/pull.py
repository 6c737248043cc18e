"""`kernix pull`: fetch objects from caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix import cache_list, registries
from kernix.evaluation.definitions import targets
from kernix.options import VerbCommand, evaluation
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from store.caches.pull import Caches
from store.errors import Error
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernix.evaluation.inputs import Options
    from kernix.session import Session


class NoResult(Error):
    """No cache has a result that is believed."""

    attribute: str

    def __str__(self) -> str:
        return f"no cache has `{self.attribute}`, signed by a key that is trusted for results"

    @property
    def hint(self) -> str:
        """Name the command that builds it."""
        return f"`kernix build {self.attribute}` builds it"


@click.command(cls=VerbCommand)
@click.argument("objects", metavar="PATH|ATTR|REFERENCE…", nargs=-1, required=True)
@evaluation
@click.option("--from", "source", metavar="CACHE", help="The name or URL of the cache.  [default: all of the list]")
@click.pass_obj
def command(session: Session, /, *, objects: tuple[str, ...], options: Options, source: str | None) -> None:
    """Fetch objects, and everything that they refer to, from the caches, and print where they are.

    Nothing is built: what no trusted cache has is an error. An artifact that `kernix push --to oci://HOST/NAME:TAG` made is
    fetched by that reference. Its objects are checked against their paths, and not believed to be results of builds.
    """
    artifacts = {text: registries.pull(session, text) for text in objects if registries.is_reference(text)}
    others = [text for text in objects if text not in artifacts]
    paths = _from_caches(session, others, options, source) if others else {}
    for text in objects:
        for path in artifacts[text] if text in artifacts else [paths[text]]:
            click.echo(one_line(session.store.path(path)))


def _from_caches(
    session: Session, objects: Sequence[str], options: Options, source: str | None
) -> dict[str, StorePath]:
    """Fetch *objects* from the cache *source*, or all that the user has, and return their paths."""
    caches = (
        [cache_list.find(session, source).opened(session)]
        if source is not None
        else cache_list.open_caches(session, offline=False)
    )
    heard: list[int] = []
    pulling = Caches(store=session.store, caches=caches, heard=heard.append, warn=warn)
    paths = {text: path for text in objects if (path := _path_in(text)) is not None}
    attributes = [text for text in objects if text not in paths]
    results = []
    for target in targets(session, options, attributes) if attributes else ():
        result = pulling.result(target.output.derivation.key, target.output.name)
        if result is None:
            raise NoResult(target.attribute)
        paths[target.attribute] = result.path
        results.append((result.key, result.output, result.path))
    arrived = pulling.pull(paths.values())
    session.store.hold_all(paths.values())
    session.store.record(results)
    print_message(f"fetched {number(len(arrived), 'object')}, {size(sum(heard))}")
    return paths


def _path_in(text: str) -> StorePath | None:
    """Return the store path that *text* ends in, whichever store it is in; None if it looks like an attribute."""
    try:
        return StorePath.parse(text.rstrip("/").rpartition("/")[2])
    except InvalidStorePath:
        return None
