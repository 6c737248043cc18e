"""The record of KVM failures: per machine, and only from builders that had /dev/kvm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Hints
from derivations.realise.events import Warned
from derivations.realise.kvm import KvmRecord
from store.layout import Layout


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.conftest import Workplace


SAYS = """echo '@kernix {"kvm": "it \\u001b[31mhangs"}'; ls /dev > /out/out"""


def machine(top: Path, *, flags: str = "fpu vmx", name: str = "a", identity: str = "1") -> Path:
    """Return the root of a machine with that processor."""
    for place, text in (
        ("proc/cpuinfo", f"model name\t: {name}\nflags\t\t: {flags}\n"),
        ("etc/machine-id", f"{identity}\n"),
    ):
        (top / place).parent.mkdir(parents=True, exist_ok=True)
        (top / place).write_text(text)
    return top


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return the layout of a store that has a cache."""
    layout = Layout(tmp_path / "home")
    layout.cache.mkdir(parents=True)
    return layout


def test_a_failure_is_remembered_until_it_is_cleared(layout: Layout, tmp_path: Path) -> None:
    """The recorded reason can be read back, and is gone once KVM works."""
    root = machine(tmp_path)
    record = KvmRecord.of(layout, root)
    before = record.failure
    record.fail("it hangs")
    found = KvmRecord.of(layout, root).failure
    record.clear()
    assert (None, "it hangs", None) == (before, found, record.failure)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"flags": "fpu"}, id="no-nesting"),
        pytest.param({"name": "b"}, id="processor"),
        pytest.param({"identity": "2"}, id="machine"),
    ],
)
def test_each_machine_has_its_own_record(layout: Layout, tmp_path: Path, change: dict[str, str]) -> None:
    """One machine's record does not affect another that uses the same store."""
    KvmRecord.of(layout, machine(tmp_path / "one")).fail("it hangs")
    assert None is KvmRecord.of(layout, machine(tmp_path / "two", **change)).failure


def test_a_machine_without_identification(layout: Layout, tmp_path: Path) -> None:
    """A machine without /proc/cpuinfo and /etc/machine-id has a record too."""
    record = KvmRecord.of(layout, tmp_path)
    record.fail("it hangs")
    assert "it hangs" == record.failure


def test_a_builder_that_was_shown_kvm_is_believed(workplace: Workplace) -> None:
    """Its reason is recorded without control characters, the user is warned once, and later builders get no KVM."""
    for name in ("first", "second"):
        paths = workplace.realise(workplace.shell(name, SAYS, hints=Hints(kvm=True)))
    assert "it hangs" == KvmRecord.of(workplace.store.layout).failure
    assert 1 == len([it for it in workplace.listener.events if isinstance(it, Warned)])
    assert "kvm" not in paths["out"].read_text().split()


@pytest.mark.parametrize(
    ("hint", "setting"), [pytest.param(False, True, id="not-asked-for"), pytest.param(True, False, id="not-allowed")]
)
def test_a_builder_that_was_not_is_not(workplace: Workplace, hint: bool, setting: bool) -> None:
    """A builder without KVM cannot take it away from others."""
    workplace.realise(workplace.shell("it", SAYS, hints=Hints(kvm=hint)), kvm=setting)
    assert None is KvmRecord.of(workplace.store.layout).failure


def test_a_warning_of_a_builder_reaches_the_user(workplace: Workplace) -> None:
    """A builder's warning is shown without control characters."""
    workplace.realise(workplace.shell("it", """echo '@kernix {"warning": "look\\u0007 out"}'; touch /out/out"""))
    assert [Warned("look out")] == [it for it in workplace.listener.events if isinstance(it, Warned)]
