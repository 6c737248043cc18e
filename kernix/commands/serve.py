"""`kernix serve`: serve a cache over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from kernix import cache_list, places
from kernix.options import VerbCommand
from store.caches.directory import DirectoryTransport
from store.errors import Error, UsageError


if TYPE_CHECKING:
    from kernix.session import Session


class ServeNotInstalled(Error):
    """The libraries that `kernix serve` needs are not installed."""

    missing: str

    def __str__(self) -> str:
        return f"`kernix serve` needs the Python package {self.missing}"

    @property
    def hint(self) -> str:
        """Name the command that installs it."""
        return "pip install 'kernix[serve]'"


@click.command(cls=VerbCommand)
@click.option(
    "--listen", "address", metavar="HOST:PORT", default="127.0.0.1:8440", show_default=True, help="Where to listen."
)
@click.option(
    "--cache",
    "cache",
    metavar="CACHE",
    help="A directory, or the name of a cache in one.  [default: the first of the list]",
)
@click.option(
    "--tokens",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The hashes of the tokens.  [default: that of `kernix cache token`]",
)
@click.option("--private", is_flag=True, help="Let nobody read without a token, either.")
@click.option(
    "--largest",
    type=click.IntRange(min=1),
    metavar="MB",
    default=16384,
    show_default=True,
    help="The largest file that is accepted.",
)
@click.pass_obj
def command(
    session: Session, /, *, address: str, cache: str | None, tokens: Path | None, private: bool, largest: int
) -> None:
    """Serve a cache that is in a directory over HTTP: anyone reads, and those with a token write.

    Others add it with `kernix cache add NAME http://HOST:PORT`, and a writer with `http://NAME:TOKEN@HOST:PORT`, where
    `kernix cache token NAME --write` has printed the token. Beyond this machine, put a server with TLS before it.
    """
    try:
        from kernix.serve.app import App  # noqa: PLC0415 -- an extra
        from kernix.serve.catalogue import Catalogue  # noqa: PLC0415 -- as above
        from kernix.serve.files import Files  # noqa: PLC0415 -- as above
        from kernix.serve.listen import listen  # noqa: PLC0415 -- as above
        from kernix.serve.site import Site  # noqa: PLC0415 -- as above
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"anyio", "starlette", "uvicorn"}:
            raise
        raise ServeNotInstalled(package) from None
    from kernix.serve.tokens import TokenFile  # noqa: PLC0415 -- start-up of the help

    file = TokenFile(tokens or session.config_home / places.TOKENS)
    file.read()  # now rather than at the first request
    served = Files(DirectoryTransport(_directory(session, cache)), largest << 20, private)
    listen(App(served, file, Site(Catalogue(served.transport), private)), address)


def _directory(session: Session, text: str | None) -> Path:
    """Return the directory of the cache *text*.

    Raises:
        UsageError: it is not in a directory.
    """
    if text is not None and text.startswith(("/", ".")):
        return Path(text).resolve()
    entry = cache_list.only(session) if text is None else cache_list.find(session, text)
    transport = entry.opened(session).transport
    if not isinstance(transport, DirectoryTransport):
        message = f"the cache {entry.name!r} is not in a directory, but at {urlsplit(entry.url).scheme}://"
        raise UsageError(message, "--cache DIRECTORY serves a directory")
    return transport.directory.resolve()
