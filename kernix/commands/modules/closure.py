"""`kernix modules closure`: list modules with everything that they need, in the order in which they are loaded."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import click

from derivations.derivation import Output
from derivations.modules.encryption import luks_encryption
from derivations.modules.request import InvalidModuleRequest, Request
from kernix.building import realise
from kernix.evaluation.attributes import target
from kernix.evaluation.definitions import definitions
from kernix.machine.driver_tree import read_files
from kernix.options import PATH, VerbCommand, attribute, complete_attributes, evaluation, realisation
from kernix.output.messages import warn
from kernix.output.quantities import number, size
from kernix.output.table import rows


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.modules.closure import Closure
    from derivations.modules.firmware import Found
    from kernix.evaluation.inputs import Options
    from kernix.options import Chosen
    from kernix.session import Session


_LUKS_HEADER = 4 << 20  # bytes: the largest one


@click.command(cls=VerbCommand)
@attribute
@click.argument("modules", metavar="[MODULE]…", nargs=-1)
@click.option(
    "--filesystem",
    "filesystems",
    multiple=True,
    metavar="TYPE",
    help="Include what mounting this type of file system needs. May be repeated.",
)
@click.option(
    "--encryption",
    multiple=True,
    metavar="CIPHER",
    help="Include what this cipher, or this line of `dmsetup table`, needs. May be repeated.",
)
@click.option(
    "--luks",
    "headers",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Include what the LUKS device or header in FILE needs. May be repeated.",
)
@click.option(
    "--machine",
    "machines",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Include the drivers of the machine of this snapshot or listing. May be repeated.",
)
@click.option(
    "--firmware",
    metavar="ATTR",
    shell_complete=complete_attributes,
    help="Look for firmware in the output of ATTR, and warn of what it lacks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the closure as JSON.")
@evaluation
@realisation
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    attribute: str,
    modules: tuple[str, ...],
    filesystems: tuple[str, ...],
    encryption: tuple[str, ...],
    headers: tuple[Path, ...],
    machines: tuple[Path, ...],
    firmware: str | None,
    as_json: bool,
    options: Options,
    chosen: Chosen,
) -> None:
    """List MODULEs of ATTR with everything that they need, in the order in which they are loaded.

    A MODULE is a name such as virtio_net, a pattern such as virtio_*, a directory such as drivers/nvme, or the alias of a
    device. Each line has the size of the file, the module, and why it is in the list: it is named, a module depends on
    it, or the kernel asks for it at run time. ATTR is a kernel, or a tree of its modules. `module_closure` makes a
    tree with these files.
    """
    from derivations.realise.module_tree import ModuleTree, firmware_tree  # noqa: PLC0415 -- start-up: `--help` needs none

    luks = [text for it in headers for text in luks_encryption(_start(it))]
    request = Request(
        modules=modules,
        filesystems=filesystems,
        encryption=(*encryption, *luks),
        hardware=read_files(machines).checked() if machines else None,
    )
    if not any(request.to_json().values()):
        raise InvalidModuleRequest("MODULE", "nothing is requested")
    with definitions(session, options) as names:
        found = target(names, attribute)
        own = getattr(found.value, "modules", None)
        tree = own if isinstance(own, Output) else found.output
        given = None if firmware is None else target(names, firmware).output
    wanted = [it for it in (tree, found.output if tree is own else None, given) if it is not None]
    paths = {output: session.store.path(path) for output, path in realise(session, wanted, **chosen).items()}
    config = paths[found.output] / "config"
    closure = ModuleTree.open(paths[tree], attribute).close(request, config if config.is_file() else None)
    loaded = None if given is None else firmware_tree(paths[given])[1].of(closure)
    for missing in loaded.missing if loaded is not None else ():
        warn(str(missing))
    click.echo(json.dumps(_document(closure, loaded), indent=2) if as_json else _text(closure, loaded))


def _start(file: Path) -> bytes:
    """Return the first bytes of *file*, enough for any LUKS header."""
    with file.open("rb") as opened:
        return opened.read(_LUKS_HEADER)


def _text(closure: Closure, found: Found | None) -> str:
    lines = rows([(size(it.size), it.name, str(it.reason)) for it in closure.modules])
    total = f"{number(len(closure.modules), 'module')} of Linux {closure.release}, {size(closure.size)}"
    lines += ["", total] if lines else [total]
    if closure.builtin:
        lines.append(f"built in: {', '.join(it.name for it in closure.builtin)}")
    named = {it for files in closure.firmware_by_module().values() for it in files} | {*closure.firmware}
    if named:
        here = "" if found is None else f", {number(len(found.paths), 'file')} found"
        lines.append(f"firmware: {number(len(named), 'name')}{here}")
    return "\n".join(lines)


def _document(closure: Closure, found: Found | None) -> dict[str, Any]:
    document = closure.to_json()
    if found is not None:
        document["firmware_files"] = list(found.paths)
        document["missing_firmware"] = {it.module: list(it.files) for it in found.missing}
    return document
