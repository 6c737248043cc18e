"""A kernel whose configuration is resolved, for what is asked about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.workbench import say


if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.workbench import Workbench


KERNEL = "linux_micro"


def configured(bench: Workbench) -> Path:
    """Return a home in whose store the configuration of `KERNEL` is."""
    home = bench.inputs / "configured"
    bench.lock  # noqa: B018 -- it is made when it is asked for first
    say(f"resolving the configuration of {KERNEL}")
    bench.run(home, "config", KERNEL)
    return home
