"""Realise one derivation whose inputs are there: find its result, or make it.

    hold the action's lock ─▶ is there a result by now? ─▶ scratch ─▶ build ─▶ take the outputs in
    ─▶ scan them for references ─▶ commit ─▶ release the lock ─▶ remove the scratch

The lock is named after the action key, so that of all processes that want the same work, whatever
derivations led them to it, one does it and the others find its result.

A slot, one of `jobs`, is held while a builder runs and not while its outputs are taken in and
committed: the next builder need not wait for a disk. Nobody waits for another process's
lock with a slot in hand.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
import time

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from derivations.realise.builtins import registry
from derivations.realise.events import Finished, Kept, LogLine, Progress, Reused, Started, Unit, Waiting, Warned
from derivations.realise.job import Cancelled, Job
from derivations.realise.log import log_path
from derivations.realise.run import BuildFailed, Limits, Watcher, run
from derivations.realise.sandbox import Sandbox
from store.closure import closure
from store.errors import Error
from store.ingest import adopt
from store.locks import WaitCancelled, locked
from store.path import StorePath
from store.references import find_references
from store.registration import Entry
from store.space import disk_full_told
from store.tree import Content, InvalidTree


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from derivations.derivation import Derivation, Output
    from derivations.realise.cancel import Cancellation, Slots
    from derivations.realise.events import Listener
    from derivations.realise.settings import Settings
    from store.local import Store


_COMPILES = re.compile(r"  (?:CC|AS|LD|AR|RUSTC|HOSTCC|HOSTLD)(?: \[M\])? ")


@attrs.frozen
class WrongOutput(Error):
    """The output of a fixed-output derivation is not the one that it must be."""

    exit_code: ClassVar[int] = 102

    name: str
    method: str
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"the output of {self.name} has another hash: wanted {self.method} {self.wanted}, got {self.got}"


@attrs.frozen
class Realised:
    """An output that is in the store: where, and with what content."""

    path: StorePath
    digest: bytes


@attrs.frozen(kw_only=True)
class Workshop:
    """What all actions of one run share."""

    store: Store
    settings: Settings
    listener: Listener
    cancellation: Cancellation
    jobs: Slots
    fetches: Slots
    instances: Mapping[Derivation, StorePath]

    def perform(
        self,
        derivation: Derivation,
        inputs: Mapping[Output, Realised],
        publish: Callable[[Mapping[str, Realised]], None],
    ) -> None:
        """Realise *derivation* from its *inputs* and *publish* its outputs as soon as they are in the store.

        Raises:
            Error: it cannot be built.
            Cancelled: it was told to stop.
        """
        key = derivation.action_key(lambda output: inputs[output].digest)
        slots = self.fetches if is_fetch(derivation) else self.jobs
        with contextlib.ExitStack() as later, slots.slot() as slot:

            def wait() -> None:
                slot.release()
                self.listener(Waiting(derivation))

            try:
                lock = self.store.layout.locks / f"{key.hex()}.lock"
                with locked(lock, cancelled=self.cancellation.is_halted, on_wait=wait):
                    outputs = self._reuse(derivation, key)
                    if outputs is None:
                        slot.acquire()
                        scratch = later.enter_context(self.store.scratch())
                        outputs = _Build(self, derivation, inputs, key, scratch).perform(slot.release)
            except WaitCancelled:
                raise Cancelled(derivation.name) from None
            slot.release()
            publish(outputs)

    def _reuse(self, derivation: Derivation, key: bytes) -> Mapping[str, Realised] | None:
        """Return the outputs of an equal action, recorded as this derivation's own, if there was one."""
        known = self.store.realised([key, derivation.key])
        found = known.get(key, {})
        if not found.keys() >= set(derivation.outputs) or self.store.hold(found.values()) != set(found.values()):
            return None
        if known.get(derivation.key) != found:
            self.store.record([(derivation.key, name, found[name]) for name in derivation.outputs])
        self.listener(Reused(derivation, found))
        return self.described(found)

    def described(self, outputs: Mapping[str, StorePath]) -> dict[str, Realised]:
        """Return *outputs*, which are in the store, with their contents."""
        infos = self.store.infos(outputs.values())
        return {name: Realised(path, infos[path].digest) for name, path in outputs.items()}


@attrs.frozen
class _Build:
    """The making of one result."""

    workshop: Workshop
    derivation: Derivation
    inputs: Mapping[Output, Realised]
    key: bytes
    scratch: Path

    def perform(self, built: Callable[[], None]) -> Mapping[str, Realised]:
        """Build, call *built* when only the store has work left, and return the outputs."""
        started = time.monotonic()
        out = self.scratch / "out"
        out.mkdir()
        self.workshop.listener(Started(self.derivation))
        with disk_full_told(self.workshop.store.layout.home):
            content = self._build(out)
            built()
            entries = self._take_in(out, content)
            divergences = self.workshop.store.commit(entries)
        outputs = {
            name: Realised(it.path, it.content.digest)
            for name, it in zip(self.derivation.outputs, entries, strict=True)
        }
        if divergences:
            outputs |= self._kept({it.output: it.kept for it in divergences})
        paths = {name: it.path for name, it in outputs.items()}
        self.workshop.listener(Finished(self.derivation, paths, time.monotonic() - started))
        return outputs

    def _kept(self, kept: dict[str, StorePath]) -> dict[str, Realised]:
        """Say that outputs came out another time in another way, and return the first, which stay valid."""
        for name, path in kept.items():
            text = f"{self.derivation.name} is not deterministic: {name} came out different from {path}, which is kept"
            self.workshop.listener(Warned(text))
        return self.workshop.described(kept)

    def _build(self, out: Path) -> Content | None:
        """Have the outputs made in *out*; return the content of the only one if that is known already."""
        if self.derivation.is_builtin:
            return self._builtin(out)
        self._sandboxed(out)
        return None

    def _builtin(self, out: Path) -> Content | None:
        workshop, derivation = self.workshop, self.derivation
        unit = Unit.BYTES if is_fetch(derivation) else Unit.FILES
        job = Job(
            derivation=derivation,
            inputs={place: workshop.store.path(self.inputs[it].path) for place, it in derivation.mounts.items()},
            out=out,
            store=workshop.store,
            settings=workshop.settings,
            progress=lambda done, expected: workshop.listener(Progress(derivation, done, expected, unit)),
            cancelled=workshop.cancellation.is_killed,
        )
        return registry.find(derivation.builder)(job)

    def _sandboxed(self, out: Path) -> None:
        workshop, derivation, settings = self.workshop, self.derivation, self.workshop.settings
        build = self.scratch / "build"
        build.mkdir()
        sandbox = Sandbox(
            mounts={place: workshop.store.path(self.inputs[it].path) for place, it in derivation.mounts.items()},
            build=build,
            out=out,
            argv=(derivation.builder, *derivation.args),
            env={"KERNIX_CORES": str(settings.builder_cores), **derivation.env},
            kvm=derivation.hints.kvm and settings.kvm,
        )
        limits = Limits(
            timeout=_first(derivation.hints.timeout, settings.timeout),
            max_silent_time=_first(derivation.hints.max_silent_time, settings.max_silent_time),
            max_log_size=settings.max_log_size,
        )
        log = log_path(workshop.store.layout.logs, derivation.key)
        try:
            run(sandbox, name=derivation.name, log=log, limits=limits, watcher=self._watcher())
        except BuildFailed:
            self._keep_failed(build)
            raise

    def _watcher(self) -> Watcher:
        derivation, listener = self.derivation, self.workshop.listener
        counter = itertools.count(1)

        def hear(text: str) -> None:
            listener(LogLine(derivation, text))
            if _COMPILES.match(text):
                listener(Progress(derivation, next(counter), derivation.hints.compilations, Unit.OBJECTS))

        def progress(done: int, expected: int | None) -> None:
            listener(Progress(derivation, done, expected, Unit.OBJECTS))

        return Watcher(line=hear, progress=progress, cancel=self.workshop.cancellation.descriptor)

    def _keep_failed(self, build: Path) -> None:
        """Move the build directory to where the user finds it, if that was wanted."""
        if not self.workshop.settings.keep_failed:
            return
        directory = self.workshop.store.layout.home / "failed"
        directory.mkdir(exist_ok=True)
        build.chmod(0o755)  # a builder may have taken away our right to rename it
        for number in itertools.count(1):
            place = directory / f"{self.derivation.name}-{number}"
            with contextlib.suppress(FileExistsError):
                place.mkdir()
                build.rename(place)
                self.workshop.listener(Kept(self.derivation, str(place)))
                return

    def _take_in(self, out: Path, content: Content | None) -> list[Entry]:
        """Make the outputs canonical and return what is to be registered."""
        derivation = self.derivation
        left = sorted(it.name for it in out.iterdir())
        if problems := [
            *(
                f"it left no output {name!r}, which is {_inside(name)}"
                for name in derivation.outputs
                if name not in left
            ),
            *(f"it left {_inside(name)}, which is no output" for name in left if name not in derivation.outputs),
        ]:
            raise BuildFailed(name=derivation.name, reason=problems[0], log=self._log())
        candidates = self._candidates()
        entries = []
        for name in derivation.outputs:
            place = out / name
            taken = self._adopt(place, out) if content is None else content
            self._check_fixed(place, taken)
            found = find_references(place, candidates) if candidates else set()
            references = frozenset(candidates[digest] for digest in found)
            entries.append(
                Entry(
                    path=StorePath.make(taken.digest, self._name(name), references),
                    place=place,
                    content=taken,
                    references=references,
                    retention=derivation.hints.retention,
                    deriver=self.workshop.instances.get(derivation),
                    realisations=((derivation.key, name), (self.key, name)),
                )
            )
        return entries

    def _adopt(self, place: Path, out: Path) -> Content:
        try:
            return adopt(place, self.workshop.store.pool)
        except InvalidTree as error:
            inside = error.place.replace(str(out), "/out", 1)
            raise BuildFailed(name=self.derivation.name, reason=f"{inside}: {error.reason}", log=self._log()) from None

    def _check_fixed(self, place: Path, content: Content) -> None:
        """Compare a builder's output with the hash that it must have; builtins have done so by themselves.

        Raises:
            WrongOutput: it has another.
        """
        fixed = self.derivation.fixed
        if fixed is None or self.derivation.is_builtin:
            return
        if fixed.method == "flat":
            with place.open("rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            got = content.digest.hex()
        if got != fixed.digest:
            raise WrongOutput(self.derivation.name, fixed.method, fixed.digest, got)

    def _candidates(self) -> dict[str, StorePath]:
        """Return, by digest, what the outputs may refer to.

        A builder in the sandbox could learn where its inputs lie from /proc/self/mountinfo. A builtin writes down
        no input's path; only what its inputs refer to can be in what it copies from them.
        """
        paths = {self.inputs[output].path for output in self.derivation.inputs}
        needed = closure(paths, self.workshop.store.references)
        if self.derivation.is_builtin:
            needed = {it: () for references in needed.values() for it in references}
        return {path.digest: path for path in needed}

    def _name(self, output: str) -> str:
        name = self.derivation.name
        return name if output == self.derivation.outputs[0] else f"{name}-{output}"

    def _log(self) -> Path | None:
        log = log_path(self.workshop.store.layout.logs, self.derivation.key)
        return log if not self.derivation.is_builtin and log.exists() else None


def is_fetch(derivation: Derivation) -> bool:
    """Return whether *derivation* waits for the network rather than for a processor."""
    return derivation.builder.startswith("builtin:fetch-")


def _inside(name: str) -> str:
    return f"/out/{name}"


def _first(*values: Any) -> Any:  # noqa: ANN401 -- None, or whatever type the others have
    return next((value for value in values if value is not None), None)
