"""The line about what a kernel's build compiled."""

from __future__ import annotations

import pytest

from derivations.realise.kept.reuse import Reuse
from kernix.progress.reuse import outcome


@pytest.mark.parametrize(
    ("reuse", "text"),
    [
        pytest.param(Reuse(compiled=730, total=730, kept=True), "compiled all 730 objects", id="clean"),
        pytest.param(
            Reuse(compiled=730, total=730, refused="scripts/Makefile.build differs, which rules everything"),
            "compiled all 730 objects: scripts/Makefile.build differs, which rules everything",
            id="refused",
        ),
        pytest.param(
            Reuse(compiled=730, total=730, cached=725),
            "compiled all 730 objects, 725 from the compile cache",
            id="cached",
        ),
        pytest.param(
            Reuse(compiled=6, total=717, tree="b", age=61.0, cached=0),
            "compiled 6 of 717 objects, 0 from the compile cache; the rest was kept from b (1 minute ago)",
            id="kept-and-cached",
        ),
        pytest.param(
            Reuse(compiled=6, total=717, tree="linux-6.12.117", age=190.0),
            "compiled 6 of 717 objects; the rest was kept from linux-6.12.117 (3 minutes ago)",
            id="kept",
        ),
        pytest.param(
            Reuse(compiled=0, total=717, tree="b", age=1.0, borrowed={"a": 12, "c": 1}),
            "compiled 0 of 717 objects; 12 came from a, 1 came from c, the rest was kept from b (1 second ago)",
            id="borrowed",
        ),
        pytest.param(
            Reuse(compiled=1, total=0, tree="b", lost="no space left on device"),
            "compiled 1 object; the rest was kept from b; its object tree was not kept: no space left on device",
            id="full-disk",
        ),
    ],
)
def test_the_line(reuse: Reuse, text: str) -> None:
    """It says what was compiled, what came from where, and why not more."""
    assert outcome("linux", reuse) == f"linux: {text}"
