"""`kernix detect`: from a machine to the options that it needs."""

from __future__ import annotations

import json
import platform

from typing import TYPE_CHECKING

import click

from kernix.evaluation.definitions import definitions
from kernix.options import PATH, complete_attributes, evaluation, realisation
from kernix.output.messages import say
from kernix.output.quantities import number


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.hardware.snapshot import Snapshot
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command
@click.argument("files", metavar="[FILE…]", nargs=-1, type=PATH)
@click.option("--for", "attribute", metavar="ATTR", shell_complete=complete_attributes,
              help="Find the options of this kernel; by default Debian's 6.12.")  # fmt: skip
@click.option(
    "--snapshot", "target", type=PATH, metavar="OUT", help="Write a snapshot there; no kernel is needed for that."
)
@click.option("--name", help="Call this machine so in a snapshot; by default by its host name.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    files: tuple[Path, ...],
    attribute: str | None,
    target: Path | None,
    name: str | None,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """Print the options that this machine needs, or the machines of FILEs, as a fragment of a .config.

    A FILE holds what `lspci`, `lsusb`, `usb-devices`, `lsmod`, `dmesg`, `inxi` or hw-probe printed, modprobed-db's list,
    modaliases, or a snapshot; its lines tell which. `-` is what comes in by a pipe. Several are put together. In the fragment each
    option stands below what wants it; at its end come, as comments, the firmware, the modules that an
    initramfs needs, and what could not be mapped.
    """
    snapshot = _snapshot(files, name)
    if target is not None:
        target.write_bytes(snapshot.to_json() + b"\n")
        machines = number(len(snapshot.machines), "machine or listing", "machines and listings")
        say(f"wrote {target}: {number(len(snapshot.facts), 'fact')} of {machines}, {snapshot.digest[:16]}")
        if attribute is None and not as_json:
            return
    from kernix.configs.resolved import kernel  # noqa: PLC0415 -- start-up: a snapshot needs no kernel
    from kernix.machine.driver_tree import default_kernel, tree_of  # noqa: PLC0415 -- as above
    from kernix.machine.report import Report  # noqa: PLC0415 -- as above

    with definitions(session, options) as names:
        attribute = attribute or default_kernel(names)
        tree = tree_of(session, attribute, kernel(names, attribute), chosen)
    report = Report.make(attribute, snapshot, tree)
    click.echo(json.dumps(report.to_json(), indent=2) if as_json else report.text, nl=as_json)
    for line in report.remarks:
        say(line)


def _snapshot(files: tuple[Path, ...], name: str | None) -> Snapshot:
    if files:
        from kernix.machine.driver_tree import read_files  # noqa: PLC0415 -- start-up: this machine needs no parsers

        return read_files(files).checked()
    from kernix.machine.sysfs import this_machine  # noqa: PLC0415 -- start-up: files need no machine

    return this_machine(name or platform.node() or "this machine").checked()
