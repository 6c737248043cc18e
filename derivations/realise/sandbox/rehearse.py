"""Run a builder and keep nothing of it: what it says is all that is wanted."""

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
    """What became of a builder.

    Attributes:
        failure: Why it failed, if it did.
        cautions: What it said that the user should know.
        no_kvm: Why it said that KVM does not work on this machine, if it did.
    """

    failure: BuildFailed | None = None
    cautions: list[str] = attrs.field(factory=list)
    no_kvm: str | None = None

    def note_no_kvm(self, reason: str) -> None:
        """Take *reason* as what is wrong with KVM."""
        self.no_kvm = reason


def is_ready(store: Store, derivation: Derivation) -> bool:
    """Return whether all that *derivation* is built from is in *store*; what is stays there."""
    return not held_plan(store, derivation.inputs).build


def rehearse(store: Store, derivation: Derivation, *, kvm: bool) -> Rehearsal:
    """Return what comes of the builder of *derivation*, which is ready; it sees /dev/kvm if *kvm* says so.

    Raises:
        Error: there is no sandbox.
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
            caution=rehearsal.cautions.append,
            no_kvm=rehearsal.note_no_kvm,
            cancel=cancellation.descriptor,
        )
        limits = Limits(timeout=derivation.hints.timeout)
        try:
            run(sandbox, name=derivation.name, log=scratch / "log" / "it", limits=limits, watcher=watcher)
        except BuildFailed as error:
            rehearsal.failure = error
    return rehearsal
