"""`kernix boot`: boot a kernel in a virtual machine and let it say what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.derivation import Derivation
from derivations.linux.boot import SENTINEL
from kernix.attributes import NotBuildable, target
from kernix.definitions import definitions
from kernix.options import attribute, evaluation, realisation
from kernix.realising import realise
from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


class GuestSilent(Error):
    """The console of a boot test does not say what booted."""

    console: Path

    def __str__(self) -> str:
        return f"the guest did not say what it is in {self.console}"


@click.command
@attribute
@evaluation
@realisation
@click.option("--console", is_flag=True, help="Print all that the console showed.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, console: bool, options: Options, chosen: Chosen) -> None:
    """Boot the kernel ATTR in a virtual machine and print the guest's own `uname -a`.

    The boot is a derivation, ATTR.tests.boot: what has booted once is not booted again.
    """
    with definitions(session, options) as names:
        test = getattr(getattr(target(names, attribute).value, "tests", None), "boot", None)
    if not isinstance(test, Derivation):
        message = f"`{attribute}` is not a kernel, so it cannot be booted"
        raise NotBuildable(message)
    session.named[test.key] = f"{attribute}.tests.boot"
    paths = realise(session, [test.out], **chosen)
    place = session.store.path(paths[test.out]) / "console.log"
    text = place.read_text(errors="replace")
    click.echo(text if console else said(text, place), nl=not console)


def said(text: str, place: Path) -> str:
    """Return what the guest said it is in *text*, the console kept at *place*.

    Raises:
        GuestSilent: it said nothing.
    """
    mark = f"{SENTINEL} uname="
    for line in text.splitlines():
        if line.startswith(mark):
            return line.removeprefix(mark)
    raise GuestSilent(place)
