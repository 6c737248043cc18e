"""The loop of a kernel's developer, on a real kernel: change, compile, patch, build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path

    from tests.real import Kernix

pytestmark = pytest.mark.kernel

FILE = "kernel/ksysfs.c"
CHANGE = f"""
set -e
make > first
grep -c "  CC " first || true
sed -i 's/^static struct kobj_attribute/\\n&/;0,/^#include/s//#include "mine.h"\\n&/' /src/{FILE}
echo '#define MINE 1' > /src/kernel/mine.h
make > second
grep "  CC  *kernel/" second
rm -f /src/Documentation/.nothing
"""


@pytest.mark.parametrize("copy", [False, True], ids=["layers", "copy"])
def test_the_loop(real: Kernix, tmp_path: Path, copy: bool) -> None:
    """The first `make` compiles nothing, the second what was changed, a later session what make would miss; a patch results."""
    place = str(tmp_path / "it")
    real.lock()
    real.run("build", "linux_micro", "--no-link", "--cores", "2")
    words = ("develop", "linux_micro", "--into", place, *(("--copy",) if copy else ()), "--")
    lines = real.run(*words, "sh", "-c", CHANGE).stdout.splitlines()

    assert lines[0] == "0"
    assert lines[1:] == ["  CC      kernel/ksysfs.o"]
    patch = real.run("develop", "--patch", "--into", place, "--author", "Ada <ada@x>", "-m", "Mine").stdout
    assert f"\n+++ b/{FILE}\n" in patch
    assert "\n+++ b/kernel/mine.h\n@@ -0,0 +1 @@\n+#define MINE 1\n" in patch

    removed = (
        "sh",
        "-c",
        f"sed -i /mine.h/d /src/{FILE} && rm /src/kernel/mine.h && rm /src/include/linux/kobject_api.h",
    )
    real.run(*words, *removed)
    output = real.run(*words, "sh", "-c", "make > third; tail -n 1 third")
    assert "are to be made again" in output.stderr
    assert program("git")
