"""From the slots of a profile to unified kernel images, made in a directory that the caller removes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.image.boot_program import MACHINE, PROFILE, SIGNER, NewProgram, program_digest
from derivations.image.pe import read_program
from derivations.image.profile import INITRD, KERNEL
from derivations.image.unified import UnifiedParts, unified_image


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from derivations.image.profile import Slot
    from kernix.installation.signing import Signer
    from store.layout import Layout


def wanted_programs(
    layout: Layout,
    profile: str,
    slots: Iterable[Slot],
    *,
    stub: Path,
    options: str,
    machine: str,
    signer: Signer | None,
    directory: Path,
) -> list[NewProgram]:
    """Return the images of *slots*, with *stub* and the command line *options*, made in *directory* and signed by *signer*.

    Raises:
        InvalidImage: a kernel is no EFI program, or the stub cannot take it.
        UnusableKey: it cannot be signed.
    """
    loaded = read_program(stub.name, stub.read_bytes())
    fields = {PROFILE: profile, MACHINE: machine, SIGNER: signer.identity if signer is not None else ""}
    programs = []
    for slot in slots:
        parts = UnifiedParts(
            title=f"Linux {slot.release} ({slot.name})",
            release=slot.release,
            kernel=(layout.objects / slot.files[KERNEL]).read_bytes(),
            initrds=tuple((layout.objects / slot.files[it]).read_bytes() for it in (INITRD,) if it in slot.files),
            cmdline=options,
            fields=fields,
        )
        image = unified_image(loaded, parts, f"the kernel of the slot {slot.name}")
        file = directory / f"{slot.name}.efi"
        file.write_bytes(image)
        if signer is not None:
            signer.sign(file)
        programs.append(
            NewProgram(
                profile=profile,
                slot=slot.name,
                version=slot.release,
                digest=program_digest(image),
                size=file.stat().st_size,
                source=str(file),
                machine=machine,
            )
        )
    return programs
