"""The source of a kernel's build, as kept trees look at it."""

from __future__ import annotations

import os

from typing import TYPE_CHECKING

import attrs

from derivations.realise.view import View


if TYPE_CHECKING:
    from derivations.realise.layered import Realised
    from store.local import Store
    from store.trees.manifest import Manifest


@attrs.frozen
class Tree:
    """A source in the store, perhaps of several layers."""

    manifest: Manifest
    view: View

    def read(self, path: str) -> bytes:
        """Return the contents of the file *path*, or the target of that link.

        Raises:
            FileNotFoundError: there is none.
        """
        found = self.view.find(path, follow=False)
        if found is not None and found.is_link:
            return os.fsencode(os.readlink(found.on_disk[0]))  # noqa: PTH115 -- a Path would normalise the target
        return self.view.read(path)


def source_of(store: Store, realised: Realised) -> Tree:
    """Return the source *realised*."""
    if realised.joined is not None:
        return Tree(realised.joined.manifest, realised.joined.view(store))
    return Tree(store.manifest(realised.path), View((store.path(realised.path),)))
