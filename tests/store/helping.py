"""A helper process for tests: it returns how many entries a directory has, and how deep it is."""

from __future__ import annotations

import os
import signal

from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from store.trees.helpers import serve


if TYPE_CHECKING:
    from store.trees.walk import Below


def measure() -> None:
    """Return the digest of both paths, the number of entries, and the depth."""

    def handle(place: str, target: str, depth: int) -> Below:
        return blake3(os.fsencode(f"{place} {target}")).digest(), len(os.listdir(place)), depth  # noqa: PTH208 -- names

    serve(handle)


def hang() -> None:
    """Create a file in the directory, and never answer."""

    def handle(place: str, _target: str, _depth: int) -> Below:
        Path(place, "hanging").touch()
        while True:
            signal.pause()

    serve(handle)
