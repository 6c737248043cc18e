"""Tests of derivations.kbuild.module_sources: which modules a name means, and what they are compiled from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.kbuild.module_sources import Files, Module, NoSuchModule, SeveralModules, find, sources


if TYPE_CHECKING:
    from collections.abc import Iterator


TREE = {
    "Makefile": "",
    "include/linux/module.h": "",
    "arch/x86/include/asm/io.h": "",
    "drivers/Makefile": "obj-y += net/\nobj-$(CONFIG_MISC) += misc/\n",
    "drivers/net/Makefile": "obj-$(CONFIG_WG) += wg/\nobj-$(CONFIG_DUMMY) += dummy.o\nobj-$(CONFIG_LOOP) += loop-dev.o\n",
    "drivers/net/dummy.c": "#include <linux/module.h>\n#include <asm/io.h>\n",
    "drivers/net/loop-dev.c": '#include "common.h"\n',
    "drivers/net/common.h": "",
    "drivers/net/wg/Makefile": "ccflags-y := -I$(srctree)/drivers/shared\nwg-y := a.o \\\n b.o ../side.o\nobj-$(CONFIG_WG) := wg.o\n",
    "drivers/net/wg/a.c": '#include "own.h"\n# include <shared.h>\n',
    "drivers/net/wg/b.c": '#include "../up.h"\n',
    "drivers/net/wg/own.h": "",
    "drivers/net/up.h": '#include "further.h"\n',
    "drivers/net/further.h": "",
    "drivers/net/side.c": "",
    "drivers/shared/shared.h": "",
    "drivers/other/common.h": "",
    "drivers/regulator/Makefile": "obj-$(CONFIG_REGULATOR_DUMMY) += dummy.o\nobj-m += always.o\nobj-y += never.o\n",
    "drivers/regulator/always.c": '#include "../../lib/inner.c"\n',
    "lib/inner.c": "",
    "drivers/big/Makefile": "big-y := $(parts)\nobj-$(CONFIG_BIG) += big.o\nobj-$(CONFIG_BIG) += deep/\n",
    "drivers/big/part/x.c": "",
    "drivers/big/deep/Makefile": "obj-$(CONFIG_DEEP) += deep.o\n",
    "tools/Makefile": "obj-m += wg.o\n",
}


@attrs.frozen
class Tree:
    """A tree in memory."""

    texts: dict[str, str]

    def files(self) -> Iterator[str]:
        """Yield all paths."""
        yield from self.texts

    def read(self, path: str) -> bytes:
        """Return a file's contents."""
        return self.texts[path].encode()


FILES = Files.of(Tree(TREE))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("drivers/net/wg", Module("drivers/net/wg", "", (("wg", "WG"),))),
        ("drivers/net/wg/", Module("drivers/net/wg", "", (("wg", "WG"),))),
        ("wg", Module("drivers/net/wg", "wg", (("wg", "WG"),))),
        ("wg.ko", Module("drivers/net/wg", "wg", (("wg", "WG"),))),
        ("loop_dev", Module("drivers/net", "loop-dev", (("loop-dev", "LOOP"),))),
        ("drivers/net/dummy", Module("drivers/net", "dummy", (("dummy", "DUMMY"),))),
        ("always", Module("drivers/regulator", "always", (("always", "m"),))),
        ("drivers/big", Module("drivers/big", "", (("big", "BIG"), ("deep", "DEEP")))),
    ],
)
def test_names(name: str, module: Module) -> None:
    """A name means a directory with everything below, a module wherever it is, or a module in a directory."""
    assert find(FILES, name) == module


def test_an_unknown_name() -> None:
    """A name that means nothing is an error, with similar names; what is built in is no module."""
    with pytest.raises(NoSuchModule) as caught:
        find(FILES, "alway")
    assert caught.value.near == ("always",)
    assert "`always`" in caught.value.hint
    for name in ("never", "drivers/net/nothing", "drivers/shared", "Documentation"):
        with pytest.raises(NoSuchModule):
            find(FILES, name)


def test_an_ambiguous_name() -> None:
    """A name that several directories have is an error that names them."""
    with pytest.raises(SeveralModules) as caught:
        find(FILES, "dummy")
    assert caught.value.places == ("drivers/net", "drivers/regulator")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (
            "drivers/net/wg",
            """drivers/Makefile drivers/net/Makefile drivers/net/further.h drivers/net/side.c drivers/net/up.h
            drivers/net/wg/Makefile drivers/net/wg/a.c drivers/net/wg/b.c drivers/net/wg/own.h drivers/shared/shared.h""",
        ),
        ("drivers/net/dummy", "drivers/Makefile drivers/net/Makefile drivers/net/dummy.c"),
        ("loop-dev", "drivers/Makefile drivers/net/Makefile drivers/net/common.h drivers/net/loop-dev.c"),
        ("always", "drivers/Makefile drivers/regulator/Makefile drivers/regulator/always.c lib/inner.c"),
        ("big", "drivers/Makefile drivers/big/Makefile drivers/big/deep/Makefile drivers/big/part/x.c"),
    ],
)
def test_sources(name: str, found: str) -> None:
    """A module is compiled from its files, what they include from outside of `dev`, and the makefiles above."""
    assert sources(FILES, [find(FILES, name)]) == set(found.split())
