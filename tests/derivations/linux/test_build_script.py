"""Tests of the script that builds a kernel, in a sandbox with this machine's programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.derivations.linux.script_machine import RELEASE, Machine


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("features", "config", "kind"),
    [
        ("+ZSTD +XZ -ZLIB", "CONFIG_MODULE_COMPRESS_GZIP=y", "compression"),
        ("+ZSTD +XZ +ZLIB", "CONFIG_MODULE_COMPRESS_GZIP=y", None),
        ("+ZSTD +XZ -ZLIB", "CONFIG_MODULE_COMPRESS_XZ=y", None),
        ("+ZSTD +XZ -ZLIB", "# CONFIG_MODULE_COMPRESS_GZIP is not set", None),
    ],
)
def test_modules_that_depmod_cannot_read(tmp_path: Path, features: str, config: str, kind: str | None) -> None:
    """A compression that depmod does not know ends the build before anything is compiled."""
    machine = Machine(tmp_path)
    for name in ("build", "tools", "out", "src"):
        (tmp_path / name).mkdir()
    machine.write({"config": f"{config}\n", "tools/kmod": f"#!/bin/sh\necho kmod version 30; echo {features}\n"})
    (tmp_path / "tools/kmod").chmod(0o755)

    done = machine.run("/bin/sh", "build", RELEASE, "bzImage")

    kinds = {it["kind"] for it in done.words}
    assert kinds == ({kind} if kind else set()), done.lines
