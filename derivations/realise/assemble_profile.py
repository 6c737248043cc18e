"""Profiles of kernels in a store: reading one, and assembling one from objects that are in the store already.

A profile is an object like any other, of relative symbolic links. It is not built from a derivation: a slot that stays
as it is comes from the generation before, and is known by its object alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.image.profile import (
    CONFIG,
    DESCRIPTION,
    INITRD,
    KERNEL,
    MODULES,
    KernelProfile,
    NotAProfile,
    Slot,
    parse,
)
from store.errors import Error
from store.gc.retention import Retention
from store.osutil.space import disk_full_reported
from store.path import StorePath
from store.registration import Entry
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path

    from store.local import Store


NAME = "profile"
"""The name of the objects."""

_IMAGES = ("bzImage", "vmlinuz", "Image", "Image.gz", "zImage", "vmlinuz.efi", "vmlinux")
"""What images are called, the better form first."""


class NoImage(Error):
    """An object that is to be a kernel or an initramfs has no image."""

    path: StorePath
    what: str

    def __str__(self) -> str:
        return f"{self.path} has no {self.what}"


def slot_of(
    store: Store,
    *,
    name: str,
    title: str,
    release: str,
    kernel: StorePath,
    modules: StorePath | None,
    initrd: StorePath | None,
) -> Slot:
    """Return the slot *name* with the objects *kernel*, *modules* and *initrd*.

    Modules are left out if the kernel has none.

    Raises:
        NoImage: *kernel* has no kernel's image, or *initrd* no initramfs.
    """
    out = store.path(kernel)
    image = next((it for it in _IMAGES if (out / it).is_file()), None)
    if image is None:
        raise NoImage(kernel, "image of a kernel")
    files = {KERNEL: f"{kernel}/{image}"}
    if (out / "config").is_file():
        files[CONFIG] = f"{kernel}/config"
    if modules is not None and (place := _modules(store.path(modules), release)) is not None:
        files[MODULES] = f"{modules}/{place}"
    if initrd is not None:
        files[INITRD] = _initrd(store, initrd)
    return Slot(name=name, title=title, release=release, files=files)


def read_profile(store: Store, path: StorePath) -> KernelProfile:
    """Return the profile that the object *path* is.

    Raises:
        NotAProfile: it is none.
        ObjectMissing, ObjectGone: the store does not have it.
    """
    store.hold_all([path], to_read=True)
    try:
        text = (store.path(path) / DESCRIPTION).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotAProfile(path, f"it has no {DESCRIPTION}") from None
    return parse(text, path)


def assemble(store: Store, profile: KernelProfile) -> StorePath:
    """Return the object that *profile* is, registered and held.

    Raises:
        ReferenceMissing: the store does not have what it refers to.
        DiskFull: there is no room.
    """
    store.hold_all(profile.references)
    with store.scratch() as scratch, disk_full_reported(store.layout.home):
        place = scratch / NAME
        with TreeWriter(store.pool, place) as writer:
            writer.directory("bin")
            for link, target in profile.links.items():
                writer.symlink(link, target)
            writer.file(DESCRIPTION, profile.dumps().encode())
            content = writer.finish()
        path = StorePath.make(content.digest, NAME, profile.references)
        store.commit(
            [Entry(path=path, place=place, content=content, references=profile.references, retention=Retention.RESULT)]
        )
    store.hold_all([path])
    return path


def _modules(tree: Path, release: str) -> str | None:
    """Return the directory of modules in *tree*, None if no module is in it."""
    place = f"lib/modules/{release}"
    return place if next((tree / place).rglob("*.ko*"), None) is not None else None


def _initrd(store: Store, path: StorePath) -> str:
    place = store.path(path)
    if place.is_file():
        return str(path)
    found = [it.name for it in sorted(place.iterdir()) if it.is_file() and it.name.startswith(("initrd", "initramfs"))]
    if len(found) != 1:
        raise NoImage(path, "single file that is an initramfs")
    return f"{path}/{found[0]}"
