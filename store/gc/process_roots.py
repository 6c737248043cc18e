"""Runtime roots: the objects that running processes have open, execute, or have as working directory.

They come from `/proc`, as far as the kernel lets us look, which excludes other users' processes. A process that
holds its objects (`store.gc.temproots`) does not need this; a shell whose working directory is in an object,
or a virtual machine that boots a kernel from one, does.
"""

from __future__ import annotations

import contextlib
import os
import re

from pathlib import Path
from typing import TYPE_CHECKING

from store import base32
from store.path import DIGEST_LENGTH, InvalidStorePath, StorePath


if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.layout import Layout


def runtime_roots(layout: Layout) -> set[StorePath]:
    """Return the objects that processes are using now."""
    name = rf"[{base32.ALPHABET}]{{{DIGEST_LENGTH}}}-[0-9a-zA-Z+\-._?=]+"
    pattern = re.compile(rf"{re.escape(str(layout.objects))}/({name})")
    found: set[StorePath] = set()
    for text in _mentions():
        for match in pattern.findall(text):
            with contextlib.suppress(InvalidStorePath):
                found.add(StorePath.parse(match))
    return found


def _mentions() -> Iterator[str]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        # At any point a process may end, or turn out to belong to another user.
        for link in ("exe", "cwd", "root"):
            with contextlib.suppress(OSError):
                yield str((process / link).readlink())
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    yield str(descriptor.readlink())
        for file in ("maps", "cmdline"):
            with contextlib.suppress(OSError):
                yield os.fsdecode((process / file).read_bytes())
