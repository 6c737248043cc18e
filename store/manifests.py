"""The manifests of a store: the listings of its large trees, so that they are not read to be compared.

A manifest is in `manifests/<tree digest>`, in hexadecimal. It can be made again from its object, so it need not survive a
power failure: its checksum says whether it did.
"""

from __future__ import annotations

import contextlib
import os

from typing import TYPE_CHECKING

import attrs

from store.trees.manifest import InvalidManifest, Manifest


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from store.trees.content import Content


FEW = 500
"""A tree with fewer nodes has no manifest on the disk: reading it takes a few hundredths of a second."""


@attrs.frozen
class Manifests:
    """The manifests in *directory*, which is made when there is one to keep."""

    directory: Path

    def get(self, digest: bytes) -> Manifest | None:
        """Return the manifest of the tree with *digest*, or None if there is no intact one."""
        try:
            found = Manifest.decode(self._place(digest).read_bytes())
        except (OSError, InvalidManifest):
            return None
        return found if found.digest == digest else None

    def put(self, manifest: Manifest) -> bool:
        """Keep *manifest*; return False if it cannot be written."""
        place = self._place(manifest.digest)
        temporary = place.with_name(f".{place.name}.{os.urandom(8).hex()}")
        try:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            temporary.write_bytes(manifest.encode())
            temporary.chmod(0o600)
            temporary.replace(place)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            return False
        return True

    def put_written(self, contents: Iterable[Content]) -> None:
        """Keep the manifests of new trees that are large, as far as their *contents* have the listings."""
        for content in contents:
            if content.nodes >= FEW and content.listings and not self._place(content.digest).exists():
                self.put(Manifest.of_written(content.listings))

    def names(self) -> set[str]:
        """Return the names of all files, unfinished ones of other processes included."""
        try:
            return {*os.listdir(self.directory)}  # noqa: PTH208 -- names
        except FileNotFoundError:
            return set()

    def remove(self, names: Iterable[str]) -> int:
        """Remove the files *names*; return how many bytes that freed."""
        freed = 0
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                freed += (self.directory / name).stat().st_size
                (self.directory / name).unlink()
        return freed

    def _place(self, digest: bytes) -> Path:
        return self.directory / digest.hex()
