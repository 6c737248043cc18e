"""`kernix run`: run a command on a kernel, in a virtual machine with this machine's files."""

from __future__ import annotations

import functools
import os

from pathlib import Path
from typing import TYPE_CHECKING

import click

from derivations.kconfig.symbols import dotconfig
from derivations.linux.kernel import Kernel
from derivations.machine.means import DISKS, NETWORK, Means, means, require
from derivations.machine.qemu import Disk
from derivations.realise.guest.streams import is_terminal
from kernix.building import realise
from kernix.evaluation.attributes import NotBuildable, target
from kernix.evaluation.definitions import definitions
from kernix.machine.guest import GuestOptions, check_system, run_guest
from kernix.options import PATH, Duration, Size, VerbCommand, attribute, evaluation, realisation
from kernix.output.messages import warn
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.kconfig.language.values import Value
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


_HERE = click.Path(path_type=Path, exists=True)
_DEBUGGER = 1234  # the port that QEMU's own documentation uses


@click.command(cls=VerbCommand)
@attribute
@click.argument("words", metavar="[-- CMD…]", nargs=-1, type=click.UNPROCESSED)
@evaluation
@functools.partial(realisation, without=("timeout",))
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Use DIR as the root instead of this machine's /.",
)
@click.option(
    "--rw",
    "writable",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="PATH",
    multiple=True,
    help="Let the guest change the directory PATH. May be repeated.",
)
@click.option("--memory", type=Size(), default="1G", show_default=True, help="The guest's memory.")
@click.option(
    "--cpus",
    type=click.IntRange(1, 255),
    default=1,
    show_default=True,
    metavar="N",
    help="The number of its processors.",
)
@click.option("--append", metavar="TEXT", default="", help="Add TEXT to the kernel's command line.")
@click.option(
    "--disk",
    "disks",
    type=_HERE,
    metavar="FILE",
    multiple=True,
    help="Attach the disk FILE, raw or qcow2, as /dev/vda and so on. May be repeated.",
)
@click.option("--net", "network", is_flag=True, help="Give it access to this machine's network.")
@click.option("--timeout", type=Duration(), help="End it after this time (such as `10m`), with exit code 124.")
@click.option("--gdb", is_flag=True, help=f"Wait for a debugger on port {_DEBUGGER} before the kernel starts.")
@click.option("--shell", is_flag=True, help="Open a shell.")
@click.option("--console", type=PATH, metavar="FILE", help="Write the console of the guest to FILE.")
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str,
    words: tuple[str, ...],
    root: Path | None,
    writable: tuple[Path, ...],
    memory: int,
    cpus: int,
    append: str,
    disks: tuple[Path, ...],
    network: bool,
    timeout: float | None,
    gdb: bool,
    shell: bool,
    console: Path | None,
    options: Options,
    chosen: Chosen,
) -> None:
    """Run CMD on the kernel ATTR in a virtual machine, and exit with its code.

    The guest sees this machine's files. What it changes is discarded with it, but for --rw and --disk. CMD runs as
    root in the current directory, with our own input, output and errors; Ctrl-C reaches it, a second one ends the guest.
    """  # fmt: skip
    if shell == bool(words):
        message = "there is a command and --shell" if shell else "there is no command to run"
        raise UsageError(message, "`kernix run ATTR -- CMD` runs CMD, `kernix run --shell ATTR` opens a shell")
    with definitions(session, options) as names:
        kernel = target(names, attribute).value
        if not isinstance(kernel, Kernel):
            message = f"`{attribute}` is not a kernel, so nothing can be run on it"
            raise NotBuildable(message)
        check_system(kernel)
        configuration = _configuration(session, kernel, chosen)
        found = means(attribute, configuration)
        _check_processors(attribute, configuration, cpus)
        check = functools.partial(require, attribute, configuration)
        if found.lacks and (root or writable):
            check("cannot show files of this machine to its guests", found.lacks)
        if network:
            check("has no network card of QEMU's", NETWORK)
        if disks:
            check("has no disks of QEMU's", DISKS)
        wishes = GuestOptions(
            argv=words or _shell(found, root),
            root=root,
            writable=tuple(it.resolve() for it in writable),
            memory=memory,
            cpus=cpus,
            append=append,
            disks=tuple(Disk(path=str(it.resolve()), read_only=not os.access(it, os.W_OK)) for it in disks),
            network=network,
            timeout=timeout,
            gdb=_DEBUGGER if gdb else None,
            terminal=is_terminal() and found.terminal,
        )
        result = run_guest(session, attribute, kernel, found, wishes, chosen=chosen)
    if console is not None:
        console.write_text(result.console.text, encoding="utf-8")
    if failure := result.console.failure:
        warn("\n".join(("the guest's kernel reported a failure while the command ran:", *failure)))
    click.get_current_context().exit(result.code)


def _configuration(session: Session, kernel: Kernel, chosen: Chosen) -> dict[str, Value]:
    """Return the configuration of *kernel*: what it lacks is reported before anything is compiled."""
    path = realise(session, [kernel.configuration], **chosen)[kernel.configuration]
    return dotconfig.parse(session.store.path(path).read_text(encoding="utf-8"))


def _check_processors(attribute: str, configuration: Mapping[str, Value], cpus: int) -> None:
    most = configuration.get("NR_CPUS", 1)
    if isinstance(most, int) and cpus > most:
        message = f"`{attribute}` uses at most {most} processors, not {cpus}"
        raise UsageError(message, f'.override(extra_config={{"NR_CPUS": {cpus}}}) makes a kernel that uses more')


def _shell(found: Means, root: Path | None) -> tuple[str, ...]:
    """Return the best shell of the guest."""
    if found.lacks:
        return ("/bin/sh", "-i")
    return ("/bin/bash", "-i") if ((root or Path("/")) / "bin/bash").exists() else ("/bin/sh", "-i")
