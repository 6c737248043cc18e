"""`kernix initramfs`: look into an initramfs."""

from __future__ import annotations

import json
import stat

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derivations.image.read import InvalidArchive, archives
from kernix.evaluation import objects as named
from kernix.options import VerbCommand, evaluation
from kernix.output.quantities import number, size
from kernix.output.table import rows
from store.errors import reason_of


if TYPE_CHECKING:
    from collections.abc import Sequence

    from derivations.image.read import Archive, Member
    from kernix.evaluation.inputs import Options
    from kernix.session import Session


@click.group(subcommand_metavar="VERB …")
def command() -> None:
    """Look into an initramfs, of kernix or of a distribution."""


@command.command("show", cls=VerbCommand)
@click.argument("place", metavar="FILE|ATTR")
@evaluation
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known, as JSON.")
@click.pass_obj
def show(session: Session, /, *, place: str, as_json: bool, options: Options) -> None:
    """List what is in the initramfs FILE, or in that which was built for ATTR.

    An initramfs is one archive or several, one behind the other: the first may be early microcode. Each may be
    compressed in any way that a kernel can unpack.
    """
    file = Path(place)
    if not file.exists() and not file.is_symlink():
        file = session.store.path(named.find(session, options, [place])[0])
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidArchive(place, reason_of(error)) from None
    found = list(archives(data, place))
    if as_json:
        click.echo(json.dumps([_facts(it) for it in found], indent=2))
        return
    for number_of, archive in enumerate(found):
        if number_of:
            click.echo()
        click.echo(_heading(archive))
        for line in rows([_row(it) for it in archive.members]):
            click.echo(line)


def _heading(archive: Archive) -> str:
    how = f"compressed with {archive.compression}" if archive.compression else "not compressed"
    unpacked = size(sum(it.size for it in archive.members))
    return f"at byte {archive.offset:,}, {size(archive.packed)}, {how}: {number(len(archive.members), 'entry', 'entries')}, {unpacked}"


def _row(member: Member) -> Sequence[str]:
    is_device = stat.S_ISCHR(member.mode) or stat.S_ISBLK(member.mode)
    amount = "{}, {}".format(*member.device) if is_device else str(member.size) if stat.S_ISREG(member.mode) else ""
    target = f" -> {member.target}" if member.target is not None else ""
    return stat.filemode(member.mode), f"{member.uid}:{member.gid}", amount, f"{member.path}{target}"


def _facts(archive: Archive) -> dict[str, Any]:
    return {
        "offset": archive.offset,
        "compression": archive.compression,
        "packed": archive.packed,
        "entries": [
            {
                "path": it.path,
                "mode": it.mode,
                "uid": it.uid,
                "gid": it.gid,
                "mtime": it.mtime,
                "size": it.size,
                **({"target": it.target} if it.target is not None else {}),
                **({"device": it.device} if it.device != (0, 0) else {}),
            }
            for it in archive.members
        ],
    }
