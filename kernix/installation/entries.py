"""From the slots of a profile to boot entries, and to the files that these need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.image.boot_entry import FILES, NewEntry, file_name
from derivations.image.boot_plan import Image
from derivations.image.profile import INITRD, KERNEL
from kernix.installation.partition import digest_of


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.image.profile import Slot
    from store.layout import Layout


_KINDS = {KERNEL: "linux", INITRD: "initrd"}


def wanted_entries(
    layout: Layout, profile: str, slots: Iterable[Slot], *, options: str, prefix: str, machine: str
) -> tuple[list[NewEntry], list[Image]]:
    """Return the entries of *slots*, with the command line *options*, for *machine*, and the files that they need.

    *prefix* is the path of the partition's directory in its file system.
    """
    entries: list[NewEntry] = []
    images: list[Image] = []
    for slot in slots:
        files = {kind: _image(layout, slot.files[kind], name) for kind, name in _KINDS.items() if kind in slot.files}
        images += files.values()
        paths = {kind: f"{prefix}/{FILES}/{it.name}" for kind, it in files.items()}
        entries.append(
            NewEntry(
                profile=profile,
                slot=slot.name,
                title=f"Linux {slot.release} ({slot.name})",
                version=slot.release,
                options=options,
                machine=machine,
                linux=paths[KERNEL],
                initrd=tuple(paths[kind] for kind in (INITRD,) if kind in paths),
            )
        )
    return entries, images


def _image(layout: Layout, place: str, kind: str) -> Image:
    path = layout.objects / place
    return Image(file_name(digest_of(path), kind), path.stat().st_size, str(path))
