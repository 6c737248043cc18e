"""The loop of a kernel's developer, on a real kernel: change, compile, make a patch, and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

CHANGE = r"""
set -e
make > /dev/null
sed -i 's/^#include <linux\/string.h>/&\n#include "mine.h"/' /src/kernel/ksysfs.c
echo '#define MINE 1' > /src/kernel/mine.h
make > second
grep '^  CC      kernel/' second
"""


@pytest.mark.parametrize("copy", [False, True], ids=["layers", "copy"])
def test_the_loop(real: Kernix, tmp_path: Path, copy: bool) -> None:
    """The second `make` compiles what was changed; a patch has that, and a later session misses nothing."""
    place = tmp_path / "it"
    real.lock()
    words = ("develop", "linux_micro", "--into", str(place), *(("--copy",) if copy else ()), "--", "sh", "-c")
    assert real.run(*words, CHANGE).stdout.splitlines() == ["  CC      kernel/ksysfs.o"]

    patch = real.run("develop", "--patch", "--into", str(place), "--author", "Ada <ada@x>", "-m", "Mine").stdout
    assert patch.count("\ndiff --git ") == len(("kernel/ksysfs.c", "kernel/mine.h"))
    assert "\n+++ b/kernel/ksysfs.c\n" in patch
    assert "\n+++ b/kernel/mine.h\n@@ -0,0 +1 @@\n+#define MINE 1\n" in patch

    (place / "source/kernel/mine.h").unlink()
    removed = real.run(*words, "test ! -e kernel/ksysfs.o; echo $?; ! make kernel/ksysfs.o > /dev/null 2>&1; echo $?")
    assert removed.stdout.splitlines() == ["0", "0"]
