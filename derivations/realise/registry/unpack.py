"""Unpack a layer, which may be hostile, and believe only what follows from its bytes.

A layer has one form (`store.exports.tar`). Whatever differs from it is refused: links of tar, devices, names outside of
the object or twice, more bytes than the manifest has announced, data after the end.
"""

from __future__ import annotations

import os

from typing import IO, TYPE_CHECKING

from derivations.realise.archives.decompress import Corrupt, FileSection, Reader
from derivations.realise.archives.tar import BLOCK, DIRECTORY, FILE, SYMLINK, Member, TarReader
from derivations.realise.registry.errors import LayerRefused
from derivations.realise.unpack_budget import TooLarge, UnpackBudget
from store.path import StorePath
from store.trees.content import InvalidTree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.realise.sandbox.bounds import Bounds
    from store.exports.oci import Layer
    from store.trees.content import Content
    from store.trees.pool import Pool


def unpack_layer(layer: Layer, file: IO[bytes], target: Path, *, pool: Pool, bounds: Bounds, reference: str) -> Content:
    """Write the object in *file*, the *layer* from *reference*, to *target*, through *pool*, and return its content.

    Raises:
        LayerRefused: it is not the object that the manifest says.
        WouldFillDisk: too little of the disk would be left.
    """
    name = str(layer.path)
    budget = UnpackBudget(name, target.parent, bounds, limit=layer.unpacked)
    try:
        size = os.fstat(file.fileno()).st_size
        with _OneArchive(FileSection(file, size), name) as reader, TreeWriter(pool, target) as writer:
            tar = TarReader(reader)
            for number, member in enumerate(tar):
                _check_number(number, layer)
                _write(member, tar, writer, budget, name.encode())
            content = writer.finish()
    except TooLarge:
        raise LayerRefused(
            reference, name, f"it has more than the {layer.unpacked:,} bytes that its manifest says"
        ) from None
    except Corrupt as error:
        raise LayerRefused(reference, name, error.reason) from None
    except InvalidTree as error:
        raise LayerRefused(reference, name, str(error)[:300]) from None
    if content.digest != layer.tree or StorePath.make(content.digest, layer.path.name, layer.references) != layer.path:
        raise LayerRefused(reference, name, "its content is another one, or refers to other objects")
    return content


class _OneArchive(Reader):
    """Reads an archive after which nothing follows."""

    def drain(self) -> None:
        """Check that nothing but the second block of zeros is left."""
        if self.read(BLOCK) != bytes(BLOCK) or not self.at_end():
            raise Corrupt(self.name, "data follow the end of the archive")


def _check_number(number: int, layer: Layer) -> None:
    if number == layer.nodes:
        raise Corrupt(str(layer.path), f"it has more than the {number:,} files that its manifest says")


def _write(member: Member, tar: TarReader, writer: TreeWriter, budget: UnpackBudget, top: bytes) -> None:
    path = member.path.rstrip(b"/")
    if path != top and not path.startswith(top + b"/"):
        raise InvalidTree(repr(path[:100])[1:], "its name is outside of the object")
    place = path[len(top) + 1 :]
    if member.type == FILE:
        budget.count(member.size)
        writer.file(place, tar.chunks(member), executable=member.executable)
    elif member.type == DIRECTORY:
        writer.directory(place)
    elif member.type == SYMLINK:
        writer.symlink(place, member.target)
    else:
        raise InvalidTree(os.fsdecode(place[:100]), "it is neither a file, a directory nor a symbolic link")
