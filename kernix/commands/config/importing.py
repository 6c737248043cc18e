"""`kernix config import`: a .config or a fragment as Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.kconfig.python import names_in, to_python
from derivations.kconfig.text import read
from kernix.config_files import name_of, text_of
from kernix.options import PATH


if TYPE_CHECKING:
    from pathlib import Path


@click.command
@click.argument("file", type=PATH)
def command(*, file: Path) -> None:
    """Print FILE, a .config or a fragment of one, as the Python of an `extra_config`; `-` is stdin.

    FILE may be compressed, as /proc/config.gz is. It is read strictly: what Kconfig would drop without a word is an error, all of them told at
    once. Guix' and Buildroot's forms are understood, too.
    """
    fragment = read(text_of(file), name_of(file))
    source = to_python(fragment)
    if names := names_in(source):
        click.echo(f"from derivations import {', '.join(names)}\n\n")
    click.echo(f"extra_config = {source}")
