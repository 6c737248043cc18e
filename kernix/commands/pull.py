"""`kernix pull`: fetch objects from caches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernix import cache_list, registries
from kernix.evaluation.definitions import targets
from kernix.options import VerbCommand, evaluation
from kernix.output.messages import print_message, warn
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from store.caches.paths import INFOS, TAR_SUFFIX
from store.caches.pull import Caches
from store.errors import Error
from store.path import InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kernix.evaluation.inputs import Options
    from kernix.session import Session
    from store.caches.cache import Cache
    from store.caches.info import Info
    from store.caches.result import Result


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
@click.argument("objects", metavar="PATH|ATTR|REFERENCE|FILE.tar…", nargs=-1, required=True)
@evaluation
@click.option("--from", "source", metavar="CACHE", help="The name or URL of the cache.  [default: all of the list]")
@click.pass_obj
def command(session: Session, /, *, objects: tuple[str, ...], options: Options, source: str | None) -> None:
    """Fetch objects, and everything that they refer to, from the caches, and print where they are.

    Nothing is built: what no trusted cache has is an error. An artifact that `kernix push --to oci://HOST/NAME:TAG` made is
    fetched by that reference. Its objects are checked against their paths, and not believed to be results of builds.
    Of a file that `kernix export tar` made, everything is fetched.
    """
    wholes = {text: registries.pull(session, text) for text in objects if registries.is_reference(text)}
    wholes |= {text: _from_tar(session, file) for text in objects if (file := _tar_file(text)) is not None}
    others = [text for text in objects if text not in wholes]
    paths = _from_caches(session, others, options, source) if others else {}
    for text in objects:
        for path in wholes[text] if text in wholes else [paths[text]]:
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
    pulling = _Pulling(session, caches)
    paths = {text: path for text in objects if (path := _path_in(text)) is not None}
    attributes = [text for text in objects if text not in paths]
    results = []
    for target in targets(session, options, attributes) if attributes else ():
        result = pulling.caches.result(target.output.derivation.key, target.output.name)
        if result is None:
            raise NoResult(target.attribute)
        paths[target.attribute] = result.path
        results.append(result)
    pulling.pull(paths.values(), results)
    return paths


def _from_tar(session: Session, file: Path) -> list[StorePath]:
    """Fetch all that the cache in the tar *file* has, and return those objects that no other one refers to."""
    cache = cache_list.find(session, file.as_uri()).opened(session)
    cache.open()
    pulling = _Pulling(session, [cache])
    infos = [info for it in cache.transport.list(INFOS) if (info := _info(cache, it.path)) is not None]
    named = (pulling.caches.result(key, output) for it in infos for key, output in it.results)
    paths = {it.path for it in infos}
    pulling.pull(paths, [it for it in named if it is not None and it.path in paths])
    referred = {reference for it in infos for reference in it.references if reference != it.path}
    return sorted(paths - referred)


def _info(cache: Cache, place: str) -> Info | None:
    path = _path_in(place)
    return None if path is None else cache.info(path)


def _tar_file(text: str) -> Path | None:
    """Return the file that *text* names if it may be a cache in a tar file."""
    file = Path(text)
    return file.absolute() if file.suffix == TAR_SUFFIX and file.is_file() else None


class _Pulling:
    """Fetches objects from *caches* into the session's store, and reports how many."""

    def __init__(self, session: Session, caches: Sequence[Cache]) -> None:
        self._store = session.store
        self._heard: list[int] = []
        self.caches = Caches(store=session.store, caches=caches, heard=self._heard.append, warn=warn)

    def pull(self, paths: Iterable[StorePath], results: Iterable[Result]) -> None:
        """Fetch *paths* and all that they refer to, and record *results* of them."""
        wanted = [*paths]
        arrived = self.caches.pull(wanted)
        self._store.hold_all(wanted)
        self._store.record([(it.key, it.output, it.path) for it in results])
        print_message(f"fetched {number(len(arrived), 'object')}, {size(sum(self._heard))}")


def _path_in(text: str) -> StorePath | None:
    """Return the store path that *text* ends in, whichever store it is in; None if it looks like an attribute."""
    try:
        return StorePath.parse(text.rstrip("/").rpartition("/")[2])
    except InvalidStorePath:
        return None
