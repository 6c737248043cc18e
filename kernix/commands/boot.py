"""`kernix boot`: boot a kernel in a virtual machine and let it say what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from derivations.derivation import Derivation
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.boot import SENTINEL, needed_options
from derivations.linux.kernel import Kernel
from kernix.building import present, realise
from kernix.evaluation.attributes import NotBuildable, target
from kernix.evaluation.definitions import definitions
from kernix.options import VerbCommand, attribute, evaluation, realisation
from kernix.output.hints import command_for
from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path

    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


class GuestSilent(Error):
    """The console of a boot test does not say what booted."""

    console: Path

    def __str__(self) -> str:
        return f"the guest did not say what it is in {self.console}"


class CannotBeHeard(Error):
    """A kernel has not what its guest needs to say what it is."""

    attribute: str
    options: tuple[str, ...]
    anyway: str

    def __str__(self) -> str:
        return f"`{self.attribute}` would boot without a word: its configuration does not build in {', '.join(self.options)}"

    @property
    def hint(self) -> str:
        """Tell how to get a kernel that can be booted, and how to try this one."""
        wanted = ", ".join(f'"{it}": YES' for it in self.options)
        return (
            f".override(extra_config={{{wanted}}}) makes one that can be heard; "
            f"`{self.anyway}` tries this one all the same"
        )


@click.command(cls=VerbCommand)
@attribute
@evaluation
@realisation
@click.option("--console", is_flag=True, help="Print the whole console output.")
@click.pass_obj
def command(session: Session, /, *, attribute: str, console: bool, options: Options, chosen: Chosen) -> None:
    """Boot the kernel ATTR in a virtual machine and print the guest's own `uname -a`.

    The boot is a derivation, ATTR.tests.boot, so a kernel that has booted is not booted again.
    """
    with definitions(session, options) as names:
        kernel = target(names, attribute).value
        test = getattr(getattr(kernel, "tests", None), "boot", None)
        if not isinstance(test, Derivation):
            message = f"`{attribute}` is not a kernel, so it cannot be booted"
            raise NotBuildable(message)
        if isinstance(kernel, Kernel) and not present(session, [test.out]):
            _check(session, attribute, kernel, chosen)
    session.named[test.key] = f"{attribute}.tests.boot"
    paths = realise(session, [test.out], **chosen)
    place = session.store.path(paths[test.out]) / "console.log"
    text = place.read_text(errors="replace")
    click.echo(text if console else said(text, place), nl=not console)


def _check(session: Session, attribute: str, kernel: Kernel, chosen: Chosen) -> None:
    """Look whether the guest of *kernel*, called *attribute*, can be heard, before anything is compiled.

    An option that the kernel's Kconfig does not have may have been renamed, so that nothing is concluded from it.

    Raises:
        CannotBeHeard: it cannot.
    """
    table = kernel.resolved.output("values")
    values = Values.read(session.store.path(realise(session, [table], **chosen)[table]))
    needed = needed_options(kernel.toolchain)
    if missing := tuple(it for it in needed if it in values and values[it].value != "y"):
        words = click.get_current_context().params
        raise CannotBeHeard(attribute, missing, command_for("build", f"{attribute}.tests.boot", words))


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
