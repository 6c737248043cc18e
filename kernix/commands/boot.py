"""`kernix boot`: boot a kernel in a virtual machine and print its `uname -a`."""

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


class NoGuestOutput(Error):
    """The console of a boot test has no `uname -a` of the guest."""

    console: Path

    def __str__(self) -> str:
        return f"the guest did not print its `uname -a`; its console is in {self.console}"


class ConsoleUnavailable(Error):
    """A kernel lacks options that its guest needs for its output."""

    attribute: str
    options: tuple[str, ...]
    anyway: str

    def __str__(self) -> str:
        options = ", ".join(self.options)
        return f"`{self.attribute}` would boot without printing its `uname -a`: its configuration does not build in {options}"

    @property
    def hint(self) -> str:
        """Say how to get a kernel that does, and how to boot this one anyway."""
        wanted = ", ".join(f'"{it}": YES' for it in self.options)
        return (
            f".override(extra_config={{{wanted}}}) makes a kernel that prints it; `{self.anyway}` boots this one anyway"
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
        # What a compiled kernel lacks shows in its boot, sooner than Kconfig could say it.
        if isinstance(kernel, Kernel) and not kernel.is_prebuilt and not present(session, [test.out]):
            _check(session, attribute, kernel, chosen)
    session.named[test.key] = f"{attribute}.tests.boot"
    paths = realise(session, [test.out], **chosen)
    place = session.store.path(paths[test.out]) / "console.log"
    text = place.read_text(errors="replace")
    click.echo(text if console else uname_of(text, place), nl=not console)


def _check(session: Session, attribute: str, kernel: Kernel, chosen: Chosen) -> None:
    """Check that the guest of *kernel*, called *attribute*, will have output, before anything is compiled.

    An option that the kernel's Kconfig does not have may have been renamed, so it is ignored.

    Raises:
        CannotBeHeard: it will not.
    """
    table = kernel.resolved.output("values")
    values = Values.read(session.store.path(realise(session, [table], **chosen)[table]))
    needed = needed_options(kernel.toolchain)
    if missing := tuple(it for it in needed if it in values and values[it].value != "y"):
        words = click.get_current_context().params
        raise ConsoleUnavailable(attribute, missing, command_for("build", f"{attribute}.tests.boot", words))


def uname_of(text: str, place: Path) -> str:
    """Return the guest's `uname -a` from *text*, the console in the file *place*.

    Raises:
        GuestSilent: there is none.
    """
    mark = f"{SENTINEL} uname="
    for line in text.splitlines():
        if line.startswith(mark):
            return line.removeprefix(mark)
    raise NoGuestOutput(place)
