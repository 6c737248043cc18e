"""Checking whether KVM works, by booting a kernel with it: nothing less shows it."""

from __future__ import annotations

import contextlib
import os
import time

from pathlib import Path
from typing import TYPE_CHECKING

from derivations.drv import SUFFIX
from derivations.linux.boot import is_boot_test
from derivations.realise.kvm import KvmRecord
from derivations.realise.sandbox.rehearse import is_ready, rehearse
from kernix.evaluation.drvs import load
from kernix.machine.doctor_checks import CheckResult, CheckState
from kernix.output.quantities import duration
from kernix.progress.line import ProgressLine
from store.errors import Error
from store.path import StorePath


if TYPE_CHECKING:
    from collections.abc import Iterator

    from derivations.derivation import Derivation
    from kernix.session import Session
    from store.local import Store


KVM = Path("/dev/kvm")

_BOOTS = f"-boot{SUFFIX}"
_EMULATED = "boots are emulated, which is slower"
_NESTED = (
    "the processor reports no virtualisation (neither vmx nor svm); in a virtual machine, the host must allow nesting"
)


def examine_kvm(session: Session) -> CheckResult:
    """Check that kernels boot with KVM, by booting one from the store, and record the result for later boots."""
    if session.configuration is not None and session.configuration.settings.get("kvm") is False:
        return CheckResult("kvm", CheckState.ABSENT, f"`kvm = false` in config.toml: {_EMULATED}")
    if not os.access(KVM, os.R_OK | os.W_OK):
        missing = "does not exist" if not KVM.exists() else "is not accessible to you"
        return CheckResult("kvm", CheckState.ABSENT, f"{KVM} {missing}: {_EMULATED}")
    # Other checks and verbs report an unusable store.
    with contextlib.suppress(Error, OSError):
        if (store := session.existing_store()) is not None:
            for boot in _boots(store):
                return _boot(store, boot)
        if (failure := KvmRecord.of(session.layout).failure) is not None:
            return CheckResult(
                "kvm", CheckState.ABSENT, f"{KVM} opens, but no kernel boots with it: {failure}; {_EMULATED}", _advice()
            )
    return CheckResult("kvm", CheckState.ABSENT, f"{KVM} opens, but no kernel has been booted with it yet",
                   "`kernix boot linux_micro` tries it, and falls back to emulation")  # fmt: skip


def _boots(store: Store) -> Iterator[Derivation]:
    """Yield the boot tests in *store* that are ready to run."""
    for name in sorted(it.name for it in os.scandir(store.layout.objects) if it.name.endswith(_BOOTS)):
        with contextlib.suppress(Error):
            derivation = load(store, StorePath.parse(name))
            if is_boot_test(derivation) and derivation.hints.kvm and is_ready(store, derivation):
                yield derivation


def _boot(store: Store, boot: Derivation) -> CheckResult:
    """Run *boot* with KVM."""
    kernel = boot.name.removesuffix("-boot")
    record = KvmRecord.of(store.layout)
    started = time.monotonic()
    with ProgressLine() as progress:
        progress(f"booting {kernel} with {KVM}", 0, 1)
        rehearsal = rehearse(store, boot, kvm=True)
    if rehearsal.failure is not None:
        reason = rehearsal.failure.reason
        return CheckResult("kvm", CheckState.ABSENT, f"{KVM} opens, but {kernel} does not boot at all: {reason}")
    if not rehearsal.warnings:
        record.clear()
        return CheckResult("kvm", CheckState.FINE, f"{kernel} boots with it in {duration(time.monotonic() - started)}")
    reason = rehearsal.no_kvm or rehearsal.warnings[0]
    if rehearsal.no_kvm is not None:
        record.fail(rehearsal.no_kvm)
    return CheckResult(
        "kvm", CheckState.ABSENT, f"{KVM} opens, but {kernel} boots only without it: {reason}; {_EMULATED}", _advice()
    )


def _advice() -> str | None:
    """Return what may be wrong with the machine, judging by its processor; None if that is unknown."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return _NESTED if os.uname().machine == "x86_64" and not {"vmx", "svm"} & set(flags) else None
