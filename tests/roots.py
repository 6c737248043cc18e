"""Root file systems for sandboxes, made from this machine's programs."""

from __future__ import annotations

import shutil
import subprocess

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def add_tools(root: Path, tools: Sequence[str]) -> None:
    """Add the programs *tools*, and the libraries that they need, to the tree *root*."""
    (root / "bin").mkdir(parents=True)
    programs = [shutil.which(tool) for tool in tools]
    for tool, program in zip(tools, programs, strict=True):
        assert program is not None, f"{tool} is not on this machine"
        shutil.copy(program, root / "bin" / tool)
    result = subprocess.run(
        ["/usr/bin/env", "ldd", *map(str, programs)], capture_output=True, text=True, check=True
    ).stdout
    for library in {word for word in result.split() if word.startswith("/") and not word.endswith(":")}:
        target = root / library[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
