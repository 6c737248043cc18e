"""Entries that are one file: unified kernel images in `EFI/Linux` on a boot partition.

A loader shows them without an entry of the Boot Loader Specification. Their names count tries as those of entries do,
`ID+3.efi`. What they are made from is in them: `.osrel` names the profile and the machine. The name has a digest of the
image as it is before it is signed, so a signed one, which differs each time it is signed, is recognised.
"""

from __future__ import annotations

import re

import attrs

from blake3 import blake3

from derivations.image.boot_entry import DIGEST, Entry, identify
from derivations.image.pe import read_program, unsigned_parts
from store import base32


PROFILE, MACHINE, SIGNER = "KERNIX_PROFILE", "KERNIX_MACHINE", "KERNIX_SIGNED_BY"
"""The fields in `.osrel`: the profile, the machine's id, and the digest of the certificate."""

_OURS = re.compile(f"kernix-.+-([{base32.ALPHABET}]{{16}})", re.ASCII)
_FIELD = re.compile(r'^([A-Z_]+)="?([^"\n]*)"?$', re.MULTILINE)


@attrs.frozen(kw_only=True)
class NewProgram:
    """A unified kernel image to put on a partition.

    Attributes:
        profile: The profile it is made from.
        slot: The slot of its kernel.
        version: The kernel's release.
        digest: The digest of its content without a signature.
        size: Its size in bytes.
        source: The path of the file.
        machine: The machine's id, empty if it has none.
    """

    profile: str
    slot: str
    version: str
    digest: str
    size: int
    source: str
    machine: str = ""

    @property
    def id(self) -> str:
        """Return its name without `.efi`: profile, slot, and the digest."""
        return f"kernix-{self.profile}-{self.slot}-{self.digest}"

    def name(self, tries: int | None) -> str:
        """Return its file's name, with *tries* for boot counting."""
        return f"{self.id}.efi" if tries is None else f"{self.id}+{tries}.efi"


def program_digest(data: bytes) -> str:
    """Return the digest of the EFI program *data*, the same whether it is signed or not.

    Raises:
        InvalidImage: it is none, or it is truncated.
    """
    hasher = blake3()
    for it in unsigned_parts(read_program("the image", data)):
        hasher.update(it)
    return base32.encode(hasher.digest(length=DIGEST))


def is_ours(name: str) -> bool:
    """Return whether the file *name* is one that kernix writes."""
    found = identify(name)
    return found is not None and _OURS.fullmatch(found[0]) is not None


def parse_program(name: str, data: bytes, made: float = 0.0) -> Entry | None:
    """Return the entry of the unified kernel image *name*, one of kernix', None if it is not what its name says.

    Raises:
        InvalidImage: it is no program, or it is truncated.
    """
    found = identify(name)
    ours = _OURS.fullmatch(found[0]) if found is not None else None
    if found is None or ours is None or program_digest(data) != ours[1]:
        return None
    program = read_program(name, data)
    texts = {it: (program.section(it) or b"").decode(errors="replace") for it in (".osrel", ".cmdline", ".uname")}
    fields = dict(_FIELD.findall(texts[".osrel"]))
    return Entry(
        name=name,
        id=found[0],
        left=found[1],
        done=found[2],
        profile=fields.get(PROFILE),
        title=fields.get("PRETTY_NAME", ""),
        version=texts[".uname"],
        machine=fields.get(MACHINE, ""),
        options=texts[".cmdline"],
        made=made,
    )


def other_program(name: str, made: float = 0.0) -> Entry | None:
    """Return the entry of the program *name*, of which only the name is known; None if it is not one of a program."""
    found = identify(name)
    if found is None:
        return None
    return Entry(name=name, id=found[0], left=found[1], done=found[2], made=made)
