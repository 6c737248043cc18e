"""`kernix detect`: find the options that a machine needs."""

from __future__ import annotations

import json
import platform

from typing import TYPE_CHECKING

import click

from kernix.evaluation.definitions import definitions
from kernix.options import PATH, VerbCommand, complete_attributes, evaluation, realisation
from kernix.output.messages import print_message
from kernix.output.quantities import number


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.hardware.snapshot import Snapshot
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


@click.command(cls=VerbCommand)
@click.argument("files", metavar="[FILE…]", nargs=-1, type=PATH)
@click.option("--for", "attribute", metavar="ATTR", shell_complete=complete_attributes,
              help="Find the options of this kernel. [default: linux_debian_6_12]")  # fmt: skip
@click.option(
    "--snapshot",
    "target",
    type=PATH,
    metavar="OUT",
    help="Write a snapshot of the machine to this file; this needs no kernel.",
)
@click.option("--name", metavar="NAME", help="The machine's name in the snapshot. [default: its host name]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
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
    """Print the options that this machine, or the machines of FILEs, need, as a .config fragment.

    A FILE is the output of `lspci`, `lsusb`, `usb-devices`, `lsmod`, `dmesg`, `inxi` or hw-probe, the list of
    modprobed-db, modaliases, or a snapshot; kernix recognises which. `-` is stdin. Several files are combined.
    Each option is listed below the devices that need it. Comments at the end list firmware, the modules that
    an initramfs needs, and devices without a known driver.
    """
    snapshot = _snapshot(files, name)
    if target is not None:
        target.write_bytes(snapshot.to_json() + b"\n")
        machines = number(len(snapshot.machines), "machine or listing", "machines and listings")
        print_message(f"wrote {target}: {number(len(snapshot.facts), 'fact')} from {machines}, {snapshot.digest[:16]}")
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
        print_message(line)


def _snapshot(files: tuple[Path, ...], name: str | None) -> Snapshot:
    if files:
        from kernix.machine.driver_tree import read_files  # noqa: PLC0415 -- start-up: this machine needs no parsers

        return read_files(files).checked()
    from kernix.machine.sysfs import this_machine  # noqa: PLC0415 -- start-up: files need no machine

    return this_machine(name or platform.node() or "this machine").checked()
