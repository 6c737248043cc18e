"""`kernix config import`: convert a .config or a fragment to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.kconfig.language.text import read
from derivations.kconfig.language.to_python import names_in, to_python
from derivations.kconfig.language.values import NO
from derivations.kconfig.symbols.missing import outdated
from kernix.configs.files import name_of, text_of
from kernix.options import PATH
from kernix.output.messages import warn
from kernix.output.quantities import number


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.kconfig.language.fragment import Fragment


_SHOWN = 8  # options, one on each line: the rest of the output stays on the screen


@click.command
@click.argument("file", type=PATH)
def command(*, file: Path) -> None:
    """Convert FILE, a .config or a fragment of one, to Python for `extra_config`; `-` is stdin.

    FILE may be compressed, like /proc/config.gz. It is read strictly: whatever Kconfig would silently drop is an
    error, and all errors are reported at once. The forms of Guix and Buildroot are understood, too. Options that
    some version of Linux has renamed or removed are listed.
    """
    fragment = read(text_of(file), name_of(file))
    _warn_of_outdated(fragment)
    source = to_python(fragment)
    if names := names_in(source):
        click.echo(f"from derivations import {', '.join(names)}\n\n")
    click.echo(f"extra_config = {source}")


def _warn_of_outdated(fragment: Fragment) -> None:
    """Warn of options that *fragment* requests and that some version of Linux no longer has."""
    asked = [name for name, clauses in fragment.options.items() if any(it.request.value is not NO for it in clauses)]
    found = [f"{name} is {became}" for name in asked if (became := outdated(name)) is not None]
    for text in found[:_SHOWN]:
        warn(text)
    if (more := len(found) - _SHOWN) > 0:
        count = number(more, "more option is", "more options are")
        warn(f"{count} gone or renamed in some version; `kernix config check` lists them")
