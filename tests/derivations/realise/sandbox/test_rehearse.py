"""Tests for derivations.realise.sandbox.rehearse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.realise.kvm import KvmRecord
from derivations.realise.sandbox.rehearse import is_ready, rehearse


if TYPE_CHECKING:
    from tests.derivations.realise.conftest import Workplace


def test_messages_are_returned_and_nothing_is_kept(workplace: Workplace) -> None:
    """Warnings and KVM failures are returned; no result, log or record is kept."""
    script = """echo '@kernix {"warning": "look"}'; echo '@kernix {"kvm": "it hangs"}'; touch /out/out"""
    derivation = workplace.shell("it", script)
    workplace.realise(workplace.base)
    rehearsal = rehearse(workplace.store, derivation, kvm=False)
    assert (None, ["look"], "it hangs") == (rehearsal.failure, rehearsal.warnings, rehearsal.no_kvm)
    assert {} == workplace.store.realised([derivation.key])
    assert [] == [*workplace.store.layout.logs.iterdir(), *workplace.store.layout.builds.iterdir()]
    assert None is KvmRecord.of(workplace.store.layout).failure


def test_a_failure_is_returned(workplace: Workplace) -> None:
    """A failure is returned as a value."""
    workplace.realise(workplace.base)
    rehearsal = rehearse(workplace.store, workplace.shell("it", "exit 3"), kvm=False)
    assert rehearsal.failure is not None
    assert "its builder failed with exit code 3" == rehearsal.failure.reason


def test_what_lacks_its_inputs_is_not_ready(workplace: Workplace) -> None:
    """Only a derivation with all inputs built is ready."""
    derivation = workplace.shell("it", "exit 3")
    before = is_ready(workplace.store, derivation)
    workplace.realise(workplace.base)
    assert (False, True) == (before, is_ready(workplace.store, derivation))
