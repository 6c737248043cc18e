"""Run a builder and discard its outputs; only its messages matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.realise.cancel import Cancellation
from derivations.realise.realise import held_plan
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.run_builder import BuildFailed, Limits, Watcher, run


if TYPE_CHECKING:
    from derivations.derivation import Derivation
    from store.local import Store


@attrs.define
class Rehearsal:
    """How a rehearsal ended.

    Attributes:
        failure: Why it failed, if it did.
        warnings: Its warnings.
        no_kvm: Why KVM does not work on this machine, if the builder reported that.
    """

    failure: BuildFailed | None = None
    warnings: list[str] = attrs.field(factory=list)
    no_kvm: str | None = None

    def note_no_kvm(self, reason: str) -> None:
        """Record *reason* as why KVM does not work."""
        self.no_kvm = reason


def is_ready(store: Store, derivation: Derivation) -> bool:
    """Return whether all inputs of *derivation* are in *store*; those that are stay there."""
    return not held_plan(store, derivation.inputs).build


def rehearse(store: Store, derivation: Derivation, *, kvm: bool) -> Rehearsal:
    """Run the builder of *derivation*, whose inputs are ready, and return how it ended; with *kvm* it gets /dev/kvm.

    Raises:
        Error: the sandbox cannot be created.
    """
    inputs = held_plan(store, derivation.inputs).present
    rehearsal = Rehearsal()
    with Cancellation() as cancellation, store.scratch() as scratch:
        for name in ("build", "out"):
            (scratch / name).mkdir()
        sandbox = Sandbox(
            mounts={place: store.path(inputs[it]) for place, it in derivation.mounts.items()},
            build=scratch / "build",
            out=scratch / "out",
            argv=(derivation.builder, *derivation.args),
            env=derivation.env,
            kvm=kvm,
        )
        watcher = Watcher(
            line=lambda _line: None,
            progress=lambda _done, _expected: None,
            warning=rehearsal.warnings.append,
            no_kvm=rehearsal.note_no_kvm,
            cancel=cancellation.descriptor,
        )
        limits = Limits(timeout=derivation.hints.timeout)
        try:
            run(sandbox, name=derivation.name, log=scratch / "log" / "it", limits=limits, watcher=watcher)
        except BuildFailed as error:
            rehearsal.failure = error
    return rehearsal
