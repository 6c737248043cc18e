"""Counting what a kernel's build compiles."""

from __future__ import annotations

import attrs
import pytest

from derivations.realise.counted import Counted
from derivations.realise.events import Phase
from derivations.realise.kept.times import Times


@attrs.define
class Clock:
    """A clock that a test sets."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        pytest.param("  CC      kernel/panic.o", True, id="cc"),
        pytest.param("  CC [M]  drivers/a/b.o", True, id="module"),
        pytest.param("  AS      arch/x86/entry/entry_64.o", True, id="as"),
        pytest.param("  HOSTCC  scripts/kconfig/conf.o", True, id="hostcc"),
        pytest.param("  CC      /build/tools/objtool/check.o", True, id="tool"),
        pytest.param("  HOSTCC  scripts/basic/fixdep", False, id="program"),
        pytest.param("  CC      kernel/bounds.s", False, id="assembly"),
        pytest.param("  AS      .tmp_vmlinux1.kallsyms.o", False, id="of-a-link"),
        pytest.param("  AR      kernel/built-in.a", False, id="archive"),
        pytest.param("  LD      vmlinux.o", False, id="link"),
        pytest.param("make[1]: Entering directory '/build'", False, id="make"),
        pytest.param("CC      kernel/panic.o", False, id="no-indent"),
    ],
)
def test_what_counts(line: str, counts: bool) -> None:
    """Objects count, and nothing else that is compiled, archived or linked."""
    counted = Counted()
    counted.hear(line)

    assert counted.done == counts


def test_each_object_counts_once() -> None:
    """An object that is compiled again, by a second run of make, is the same one."""
    counted = Counted(2)
    heard = [counted.hear(f"  CC      {name}.o") for name in "aab"]

    assert (heard, counted.done) == ([True, False, True], 2)


def test_there_are_never_more_than_expected() -> None:
    """A number that turns out to be too low is not shown any more."""
    counted = Counted(2)
    shown = []
    for name in "abc":
        counted.hear(f"  CC      {name}.o")
        shown.append(counted.to_do)

    assert shown == [2, 2, None]


@pytest.mark.parametrize(
    ("lines", "phase"),
    [
        pytest.param([], Phase.COMPILING, id="start"),
        pytest.param(["  LD      vmlinux.o"], Phase.LINKING, id="vmlinux"),
        pytest.param(["  LD      vmlinux.o", "  CC      arch/x86/boot/a.o"], Phase.COMPILING, id="boot-code"),
        pytest.param(["  LD      lib/built-in.o"], Phase.COMPILING, id="part"),
        pytest.param(["  MODPOST Module.symvers"], Phase.LINKING, id="modpost"),
        pytest.param(["  LD [M]  drivers/a.ko"], Phase.MODULES, id="module"),
        pytest.param(["  BTF [M] drivers/a.ko"], Phase.MODULES, id="btf-of-a-module"),
        pytest.param(["Kernel: arch/x86/boot/bzImage is ready  (#1)"], Phase.PACKING, id="ready"),
        pytest.param(["  INSTALL /out/modules/lib/modules/6.12/a.ko"], Phase.PACKING, id="installed"),
        pytest.param(["  INSTALL libsubcmd_headers"], Phase.COMPILING, id="headers"),
    ],
)
def test_phases(lines: list[str], phase: Phase) -> None:
    """The lines say what make does."""
    counted = Counted()
    for line in lines:
        counted.hear(line)

    assert counted.phase is phase


def test_a_phase_is_news() -> None:
    """A line that changes neither count nor phase is not reported."""
    counted = Counted()

    assert [counted.hear(line) for line in ("  LD      vmlinux.o", "  NM      System.map", "other")] == [
        True, False, False,
    ]  # fmt: skip


def test_the_time_left() -> None:
    """First the times of earlier builds count, then this one's own rate, and after compiling what else there is."""
    clock = Clock()
    counted = Counted(100, Times(2.0, 10.0), clock=clock)
    assert counted.seconds_left() is None
    counted.hear("  CC      0.o")
    assert counted.seconds_left() == 99 * 2.0 + 10
    for number in range(1, 50):
        clock.now += 1
        counted.hear(f"  CC      {number}.o")
    assert counted.seconds_left() == 50 + 10
    counted.hear("  LD      vmlinux.o")
    clock.now += 4
    assert counted.seconds_left() == 6
    clock.now += 10
    assert counted.seconds_left() is None


@pytest.mark.parametrize(
    ("expected", "times"), [pytest.param(None, Times(1, 1), id="count"), pytest.param(9, None, id="times")]
)
def test_no_time_without_knowledge(expected: int | None, times: Times | None) -> None:
    """Without a number of objects, or a rate, there is no forecast."""
    counted = Counted(expected, times)
    counted.hear("  CC      a.o")

    assert counted.seconds_left() is None
