"""`kernix export nix`: write a binary cache that Nix reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernix.evaluation import objects as named
from kernix.options import PATH, VerbCommand, evaluation, objects
from kernix.output.messages import print_message
from kernix.output.printable import one_line
from kernix.output.quantities import number, size
from store.errors import UsageError
from store.exports.binary_cache import export_nix
from store.exports.nix_path import STORE_DIRECTORY
from store.exports.outgoing import COMPRESSIONS


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("directory", metavar="DIR", type=PATH)
@objects
@evaluation
@click.option("--compression", type=click.Choice(tuple(COMPRESSIONS)), default="zstd", show_default=True,
              help="How archives are compressed; Nix before 2.4 reads only xz.")  # fmt: skip
@click.option("--store-dir", metavar="PATH", default=STORE_DIRECTORY, show_default=True,
              help="The store directory of the clients.")  # fmt: skip
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    directory: Path,
    objects: tuple[str, ...],
    compression: str,
    store_dir: str,
    options: Options,
) -> None:
    """Add objects that are built, with everything that they refer to, to the binary cache of Nix in DIR.

    DIR is created if it does not exist. Nix reads it with `nix copy --from file://DIR PATH`, or over HTTP from any web
    server, without a key: the paths that this prints are addressed by their content by Nix's own rule.
    """
    if not store_dir.startswith("/") or store_dir != "/" + store_dir.strip("/") or "\n" in store_dir:
        raise UsageError(f"{store_dir!r} is not the absolute path of a store directory")
    paths = named.find(session, options, objects)
    done = export_nix(session.store, paths, directory, compression=compression, store_directory=store_dir)
    new = [it.info.file_size for it in done.values() if it.new]
    there = number(len(done) - len(new), "object")
    print_message(f"exported {number(len(new), 'object')}, {size(sum(new))}; {there} already there")
    for path in dict.fromkeys(paths):
        click.echo(one_line(f"{store_dir}/{done[path].info.path}"))
