"""Which objects of other trees a build may need."""

from __future__ import annotations

import attrs
import pytest

from derivations.realise.kept.borrow import Guarded


MAKEFILES = {
    "Kbuild": "obj-y += fs/\nobj-$(CONFIG_NET) += net/\n",
    "fs/Makefile": "obj-y := open.o\nobj-$(CONFIG_TIMERFD) += \\\n\ttimerfd.o\nobj-$(CONFIG_FAT) += fat/\n",
    "fs/fat/Makefile": "fat-y := inode.o\n",
    "net/Makefile": "obj-y := socket.o\n",
}


@attrs.frozen
class Makefiles:
    """A source with makefiles alone."""

    def read(self, path: str) -> bytes:
        """Return the text of *path*."""
        if path not in MAKEFILES:
            raise FileNotFoundError(path)
        return MAKEFILES[path].encode()


@pytest.mark.parametrize(
    ("options", "target", "depends"),
    [
        pytest.param({"TIMERFD"}, "fs/timerfd.o", True, id="line"),
        pytest.param({"FAT"}, "fs/fat/inode.o", True, id="directory-above"),
        pytest.param({"NET"}, "net/socket.o", True, id="top"),
        pytest.param({"NET"}, "fs/open.o", False, id="another-directory"),
        pytest.param({"FAT"}, "net/socket.o", False, id="named-elsewhere"),
        pytest.param({"TIMER"}, "fs/timerfd.o", False, id="start-of-a-name"),
        pytest.param(set(), "fs/timerfd.o", False, id="no-option"),
        pytest.param({"NET"}, "drivers/of/base.o", False, id="no-makefile"),
    ],
)
def test_guarded(options: set[str], target: str, depends: bool) -> None:
    """An object depends on the options on the lines that lead to its directory, and on those in its own makefile."""
    assert Guarded(Makefiles(), options)(target) is depends  # type: ignore[arg-type]  # its manifest is not asked for
