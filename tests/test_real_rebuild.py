"""A kernel built from a kept object tree is the kernel of a clean build, whatever has changed in between.

`tests.kinds` has two sources of Linux 6.12 with all kinds of changes that make alone does not see. The second one is built
cleanly once, then from the first one's tree: with all rules of `derivations.kbuild.stale`, and with each of them off.
"""

from __future__ import annotations

import shutil

from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.context import Context, using
from derivations.kbuild import stale
from derivations.kbuild.stale import RULES
from derivations.kconfig.language.values import YES
from derivations.linux.patch import Patch
from derivations.realise.kept.shelf import Shelf
from kernels import kernel_set
from store.local import Store
from tests import kinds
from tests.real import lend
from tests.rebuilding import Built, build


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from derivations.kbuild.stale import Rule
    from derivations.kconfig.language.values import Tristate
    from derivations.linux.kernel import Kernel
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

NEEDED = {
    "readers": stale.readers,
    "shadows": stale.shadows,
    "searches": stale.searches,
    "sources_now": stale.sources_now,
    "uncompared": stale.uncompared,
    "scripts": stale.scripts,
}
"""The rules without which the second kernel is a wrong one."""


@attrs.frozen
class Rebuilds:
    """Builds in one store, each from the tree of the first kernel."""

    store: Store
    place: Path
    micro: Kernel

    def kernel(self, patch: str, **options: Tristate) -> Kernel:
        """Return linux_micro with *patch* and *options*."""
        return self.micro.override(patches=[Patch("kinds", text=patch)], extra_config=options)

    def build(
        self, name: str, kernel: Kernel, start: Shelf | None, rules: Sequence[Rule] = RULES, **more: bool
    ) -> Built:
        """Build *kernel* from a copy of the shelf *start*, from nothing if that is None; it stays in `place/name`."""
        place = self.place / name
        place.mkdir()
        shelf = Shelf(place / "shelf")
        if start is not None:
            shutil.copytree(start.place, shelf.place, symlinks=True)
            shelf.place.chmod(0o700)
        built = build(self.store, kernel, place, shelf, rules, **more)
        for left in (place / "scratch", place / "out/build"):  # many files, and nothing looks at them again
            shutil.rmtree(left)
        return built

    def shelf(self, name: str) -> Shelf:
        """Return the shelf with what the build *name* kept."""
        return Shelf(self.place / name / "shelf")


@pytest.fixture(scope="module")
def rebuilds(real: Kernix, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rebuilds]:
    real.run("build", "linux_micro", "--no-link")
    lock = real.lock()
    place = tmp_path_factory.mktemp("rebuilds")
    with using(Context(lock=lambda: lock)), Store.open(real.home / "kernix") as store:
        found = Rebuilds(store, place, kernel_set().linux_micro)
        lend(Shelf(store.layout.kept), Shelf(place / "lent"))
        found.build("first", found.kernel(kinds.before()), Shelf(place / "lent"))
        _newest(found.shelf("first"))  # the others may be nearer to some of the kernels
        yield found


@pytest.fixture(scope="module")
def clean(rebuilds: Rebuilds) -> Built:
    return rebuilds.build("clean", rebuilds.kernel(kinds.after()), None)


@pytest.mark.parametrize("layered", [True, False], ids=["layers", "copy"])
def test_all_changes_at_once(rebuilds: Rebuilds, clean: Built, layered: bool) -> None:
    """Every file of every output is that of the clean build, and a fraction of the objects was compiled."""
    name = "layers" if layered else "copy"
    fast = rebuilds.build(name, rebuilds.kernel(kinds.after()), rebuilds.shelf("first"), layered=layered)

    assert fast.differing(clean) == []
    assert fast.reuse.tree is not None
    assert fast.reuse.compiled < clean.reuse.compiled / 10


@pytest.mark.parametrize("rule", NEEDED)
@pytest.mark.long
def test_each_rule_is_needed(rebuilds: Rebuilds, clean: Built, rule: str) -> None:
    """Without one of the rules the kernel is a wrong one."""
    rules = [it for it in RULES if it is not NEEDED[rule]]
    wrong = rebuilds.build(f"without-{rule}", rebuilds.kernel(kinds.after()), rebuilds.shelf("first"), rules)

    assert "debug/vmlinux" in wrong.differing(clean)


def test_tools_of_the_last_link(rebuilds: Rebuilds) -> None:
    """What makes the symbol table is no prerequisite of vmlinux; a kept tree is linked again all the same."""
    rebuilds.build("link", rebuilds.kernel(kinds.link_tool()), rebuilds.shelf("first"))

    assert " kx_found_a\n" not in (rebuilds.place / "link/out/out/System.map").read_text()


@pytest.fixture(scope="module")
def option_first(rebuilds: Rebuilds) -> Shelf:
    """Return the tree of a kernel with one option."""
    rebuilds.build("option", rebuilds.kernel(kinds.before(), TIMERFD=YES), rebuilds.shelf("first"))
    return _newest(rebuilds.shelf("option"))


@pytest.fixture(scope="module")
def options_direct(rebuilds: Rebuilds) -> Built:
    """Return the kernel with two options, built in one step."""
    both = rebuilds.kernel(kinds.before(), TIMERFD=YES, PRINTK_TIME=YES)
    return rebuilds.build("options", both, rebuilds.shelf("first"))


@pytest.mark.parametrize(
    "rules", [RULES, [it for it in RULES if it is not stale.readers_of_options]], ids=["with", "without"]
)
@pytest.mark.long
def test_an_object_that_was_not_needed_for_a_while(
    rebuilds: Rebuilds, option_first: Shelf, options_direct: Built, rules: Sequence[Rule]
) -> None:
    """An object is compiled again if an option that it reads changed in a build that did not need the object."""
    step = rebuilds.kernel(kinds.before(), PRINTK_TIME=YES)
    both = rebuilds.kernel(kinds.before(), TIMERFD=YES, PRINTK_TIME=YES)
    name = f"option-{len(rules)}"
    rebuilds.build(f"{name}-step", step, option_first, rules)
    chain = rebuilds.build(f"{name}-both", both, _newest(rebuilds.shelf(f"{name}-step")), rules)

    assert bool(chain.differing(options_direct)) is (rules is not RULES)


@pytest.mark.long
def test_objects_of_other_trees(rebuilds: Rebuilds) -> None:
    """What one kernel compiled of a patch, and another one of options, is compiled again for neither."""
    patch, shelf = kinds.before() + "".join(map(_patch_of, THREE)), rebuilds.shelf("first")
    options = {"PRINTK_TIME": YES, "CRC8": YES}
    patched = rebuilds.build("patched", rebuilds.kernel(patch), shelf)
    timed = rebuilds.build("timed", rebuilds.kernel(kinds.before(), **options), rebuilds.shelf("patched"))
    both = rebuilds.build("both", rebuilds.kernel(patch, **options), rebuilds.shelf("timed"))
    direct = rebuilds.build("direct", rebuilds.kernel(patch, **options), shelf)

    assert both.differing(direct) == []
    assert patched.reuse.compiled >= len(THREE)
    assert sum(both.reuse.borrowed.values()) == 2
    # What is compiled for each link remains, but neither CRC8 nor what reads PRINTK_TIME.
    assert both.reuse.compiled == timed.reuse.compiled - 2


THREE = {"panic": "-only", "sys": "", "reboot": "-only"}
"""Files below kernel/ that are patched, with the ends of the licences in their first lines."""


def _patch_of(name: str) -> str:
    return f"""--- a/kernel/{name}.c
+++ b/kernel/{name}.c
@@ -1,2 +1,3 @@
+extern const int kx_{name}; const int kx_{name} = 1;
 // SPDX-License-Identifier: GPL-2.0{THREE[name]}
 /*
"""


def _newest(shelf: Shelf) -> Shelf:
    """Return *shelf*, without all but the tree that was made last."""
    newest = max(shelf.kept(), key=lambda it: it.about.made)
    for tree in shelf.kept():
        if tree != newest:
            shelf.remove(tree)
    return shelf
