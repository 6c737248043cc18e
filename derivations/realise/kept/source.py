"""The source of a kernel's build, as kept trees look at it."""

from __future__ import annotations

import functools
import os

from typing import TYPE_CHECKING

import attrs


if TYPE_CHECKING:
    from store.local import Store
    from store.path import StorePath
    from store.trees.manifest import Manifest


@attrs.frozen(slots=False)
class StoredSource:
    """A source tree in the store."""

    store: Store
    path: StorePath

    @functools.cached_property
    def manifest(self) -> Manifest:
        """Return its manifest."""
        return self.store.manifest(self.path)

    def read(self, path: str) -> bytes:
        """Return the contents of the file *path*, or the target of that link."""
        place = self.store.path(self.path) / path
        return os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
