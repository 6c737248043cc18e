"""builtin:uki: a unified kernel image, the same bytes wherever it is made.

Mounts `/stub`: the package with systemd's stub; `/kernel`: the output with the kernel's image; `/initrd0000`, …: the archives of
the initramfs. Environment: `stub`, the path of the stub in its package; `release`, `title`; `cmdline`, if it has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.image.kernel import IMAGES
from derivations.image.pe import read_program
from derivations.image.uki import INITRD, KERNEL, STUB
from derivations.image.unified import UnifiedParts, unified_image
from derivations.realise.job import Cancelled
from store.errors import Error
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


class IncompleteUnifiedImage(Error):
    """A unified kernel image cannot be made, because one of its parts is missing."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"cannot make {self.name}: {self.reason}"


def uki(job: Job) -> Content:
    """Make the image of *job*.

    Raises:
        IncompleteUnifiedImage: a part is missing.
        InvalidImage: the kernel is no EFI program, or the stub cannot take it.
    """
    env, name = job.derivation.env, job.derivation.name
    stub = job.inputs[STUB] / env["stub"]
    if not stub.is_file():
        raise IncompleteUnifiedImage(name, f"its package of systemd has no {env['stub']}")
    kernel = _kernel(job.inputs[KERNEL], name)
    initrds = [job.inputs[it] for it in sorted(job.inputs) if it.startswith(INITRD)]
    for it in initrds:
        if not it.is_file() or it.stat().st_size == 0:
            raise IncompleteUnifiedImage(
                name, f"the initramfs {it.name} is {'empty' if it.is_file() else 'not a file'}"
            )
    parts = UnifiedParts(
        title=env["title"],
        release=env["release"],
        kernel=kernel.read_bytes(),
        initrds=tuple(it.read_bytes() for it in initrds),
        cmdline=env.get("cmdline"),
    )
    if job.cancelled():
        raise Cancelled(name)
    image = unified_image(read_program(stub.name, stub.read_bytes()), parts, f"the kernel {env['release']}")
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", image)
        return writer.finish()


def _kernel(output: Path, name: str) -> Path:
    """Return the image in *output*, one that is an EFI program if there is one."""
    found = [output / it for it in IMAGES if (output / it).is_file()]
    for it in found:
        with it.open("rb") as file:
            if file.read(2) == b"MZ":
                return it
    if not found:
        raise IncompleteUnifiedImage(name, "its kernel has no image")
    return found[0]
