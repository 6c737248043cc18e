"""A kernel with a resolved configuration, for queries about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.workbench import say


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workbench import Workbench


KERNEL = "linux_micro"


def configured(bench: Workbench) -> Path:
    """Return a home whose store has the configuration of `KERNEL`."""
    home = bench.inputs / "configured"
    bench.lock  # noqa: B018 -- makes the lock
    say(f"resolving the configuration of {KERNEL}")
    bench.run(home, "config", KERNEL)
    return home
