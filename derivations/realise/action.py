"""Realise one derivation whose inputs are in the store: find its result, or build it.

    take the action's lock ─▶ is there a result now? ─▶ scratch ─▶ build ─▶ adopt the outputs
    ─▶ scan them for references ─▶ commit ─▶ release the lock ─▶ remove the scratch

The lock is named after the action key. Of all the processes that want the same work, whichever
derivations led to it, one does it and the others find its result.

A slot, one of `jobs`, is held while a builder runs but not while its outputs are adopted and
committed, so the next builder does not wait for the disk. No thread holds a slot while it waits
for another process's lock.
"""

from __future__ import annotations

import contextlib
import itertools
import time

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from blake3 import blake3

from derivations.fetch import is_fetch
from derivations.proof.conditions import USUAL, Conditions
from derivations.realise import redundant
from derivations.realise.builtins import registry
from derivations.realise.counted import Counted
from derivations.realise.earlier import earlier_outputs
from derivations.realise.events import (
    Compiled,
    FailedBuildKept,
    Finished,
    LogLine,
    Progress,
    Reused,
    Started,
    Unit,
    Waiting,
    Warned,
)
from derivations.realise.job import Cancelled, Job
from derivations.realise.kept.reuse import Reuse
from derivations.realise.kvm import KvmRecord
from derivations.realise.layered import Joined, Realised, join, twin
from derivations.realise.outputs import Outputs
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.launcher import reclaim
from derivations.realise.sandbox.log import log_path, nonempty_log
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.sandbox.run_builder import BuildFailed, Limits, Watcher, run
from store.closure import closure
from store.errors import Error
from store.osutil.interrupt import Interrupted, interruptible
from store.osutil.locks import WaitCancelled, locked
from store.osutil.space import disk_full_reported, is_full
from store.trees.manifest import Manifest


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from derivations.derivation import Derivation, Output
    from derivations.realise.cancel import Cancellation, Slot, Slots
    from derivations.realise.compile_cache.use import CompileCache
    from derivations.realise.events import Listener
    from derivations.realise.kept.build import KernelBuild
    from derivations.realise.sandbox.layers import Layers
    from derivations.realise.settings import Settings
    from store.local import Store
    from store.path import StorePath
    from store.registration import Entry
    from store.trees.content import Content


SOURCE = "/src"
"""Where the builder of a kernel sees its source."""

FULL = "the disk is full, which may be the cause; `kernix gc` deletes what nothing uses any more"
_MIN_FREE = 8 << 20
"""With less than this many bytes free, a full disk may have caused a failure (Nix, `derivation-building-goal.cc`)."""

_NO_KVM = (
    "KVM does not work on this machine; later boots will be emulated from the start (`kernix doctor` tries KVM again)"
)


@attrs.frozen(kw_only=True)
class ActionRunner:
    """The state that all actions of one run share."""

    store: Store
    settings: Settings
    listener: Listener
    cancellation: Cancellation
    jobs: Slots
    fetches: Slots
    instances: Mapping[Derivation, StorePath]
    layered: frozenset[Derivation] = frozenset()
    closures: dict[StorePath, frozenset[StorePath]] = attrs.field(factory=dict)
    fetched: Callable[[Derivation, bytes], Mapping[str, Realised] | None] = lambda _, __: None

    def perform(
        self,
        derivation: Derivation,
        inputs: Mapping[Output, Realised],
        publish: Callable[[Mapping[str, Realised]], None],
        requested: Slot | None = None,
    ) -> None:
        """Realise *derivation* from its *inputs*, and *publish* its outputs as soon as they are in the store.

        *requested* is the slot to wait for, if one was requested earlier.

        Raises:
            Error: the build failed.
            Cancelled: the run was stopped.
        """
        slots = self.fetches if is_fetch(derivation) else self.jobs
        with interruptible(self.cancellation.is_killed), contextlib.ExitStack() as later, slots.slot(requested) as slot:
            key = derivation.action_key(lambda output: inputs[output].digest)

            def wait() -> None:
                slot.release()
                self.listener(Waiting(derivation))

            try:
                outputs = self._join(derivation, inputs)
                if outputs is not None:
                    slot.release()
                    publish(outputs)
                    return
                lock = self.store.layout.locks / f"{key.hex()}.lock"
                with locked(lock, cancelled=self.cancellation.is_halted, on_wait=wait):
                    outputs = self._reuse(derivation, key, inputs) or self.fetched(derivation, key)
                    if outputs is None:
                        slot.acquire()
                        scratch = later.enter_context(self.store.scratch())
                        outputs = _Build(self, derivation, inputs, key, scratch, later).perform(slot.release)
            except (WaitCancelled, Interrupted):
                raise Cancelled(derivation.name) from None
            except Error:
                if not self.settings.keep_going:
                    self.cancellation.halt()  # before the slot is free, so that nothing new starts in it
                raise
            slot.release()
            publish(outputs)

    def _join(self, derivation: Derivation, inputs: Mapping[Output, Realised]) -> Mapping[str, Realised] | None:
        """Return the tree that *derivation* joins, as layers, or None if it has to be built."""
        if derivation not in self.layered:
            return None
        with disk_full_reported(self.store.layout.home):
            found = join(self.store, derivation, inputs)
        return None if found is None else {derivation.out.name: found}

    def _reuse(
        self, derivation: Derivation, key: bytes, inputs: Mapping[Output, Realised]
    ) -> Mapping[str, Realised] | None:
        """Return the outputs of an earlier action that are those of *derivation* too, if any."""
        found = earlier_outputs(self.store, derivation, key, inputs)
        if found is None:
            return None
        self.listener(Reused(derivation, found))
        return self.with_digests(found)

    def again(
        self, derivation: Derivation, inputs: Mapping[Output, Realised], scratch: Path, conditions: Conditions
    ) -> list[Entry]:
        """Build *derivation* once more, under *conditions*, and return its outputs, which are in *scratch*.

        Nothing is looked up, and nothing becomes a result. The log is not that of `kernix log`.

        Raises:
            Error: the build failed.
            Cancelled: the run was stopped.
        """
        key = derivation.action_key(lambda output: inputs[output].digest)
        with interruptible(self.cancellation.is_killed), contextlib.ExitStack() as later:
            try:
                return _Build(self, derivation, inputs, key, scratch, later, conditions, is_check=True).again()
            except Interrupted:
                raise Cancelled(derivation.name) from None

    def closure_of(self, path: StorePath) -> frozenset[StorePath]:
        """Return *path* and everything it refers to."""
        if path not in self.closures:
            self.closures[path] = frozenset(closure([path], self.store.references))
        return self.closures[path]

    def with_digests(self, outputs: Mapping[str, StorePath]) -> dict[str, Realised]:
        """Return *outputs*, which are in the store, with the digests of their contents."""
        infos = self.store.infos(outputs.values())
        return {name: Realised(path, infos[path].digest) for name, path in outputs.items()}


@attrs.frozen
class _Build:
    """One build, from an empty scratch directory to committed outputs."""

    runner: ActionRunner
    derivation: Derivation
    inputs: Mapping[Output, Realised]
    key: bytes
    scratch: Path
    later: contextlib.ExitStack
    conditions: Conditions = USUAL
    is_check: bool = False
    kernels: list[KernelBuild] = attrs.field(factory=list)  # none, or the one that is built
    caches: list[CompileCache] = attrs.field(factory=list)  # none, or that of the kernel

    def again(self) -> list[Entry]:
        """Build, and return the outputs, which the store does not have yet."""
        out = self.scratch / self.conditions.below / "out"
        out.mkdir(parents=True)
        with disk_full_reported(self.runner.store.layout.home):
            return self._outputs(out, self._build(out)).take_in((), self._deriver)

    def perform(self, built: Callable[[], None]) -> Mapping[str, Realised]:
        """Build, call *built* when only work on the store is left, and return the outputs."""
        started = time.monotonic()
        out = self.scratch / "out"
        out.mkdir()
        self.runner.listener(Started(self.derivation))
        with disk_full_reported(self.runner.store.layout.home):
            try:
                content = self._build(out)
                built()
                keys = (self.derivation.key, self.key, *self._keys_of_twin(content))
                entries = self._outputs(out, content).take_in(keys, self._deriver)
            except BuildFailed as error:
                full = is_full(self.scratch, least=_MIN_FREE)
                self._keep_failed()
                raise (attrs.evolve(error, advice=FULL) if full else error) from None
            divergences = self.runner.store.commit(entries)
            redundant.remember(self.runner.store, self.derivation, self.inputs, self.key)
        outputs = {
            name: Realised(it.path, it.content.digest)
            for name, it in zip(self.derivation.outputs, entries, strict=True)
        }
        if divergences:
            outputs |= self._kept({it.output: it.kept for it in divergences})
        for kernel in self.kernels:
            self._report(kernel.keep())
        paths = {name: it.path for name, it in outputs.items()}
        self.runner.listener(Finished(self.derivation, paths, time.monotonic() - started))
        return outputs

    def _keys_of_twin(self, content: Content | None) -> tuple[bytes, ...]:
        """Return the key of the action on the base of a joined tree, if its result is the same as the *content*."""
        if content is None or not content.listings:
            return ()
        other = twin(self.runner.store, self.derivation, self.inputs)
        return (other.key,) if other is not None and other.has(Manifest.of_written(content.listings)) else ()

    def _kept(self, kept: dict[str, StorePath]) -> dict[str, Realised]:
        """Warn that outputs differ from those of an earlier build, and return the earlier ones, which stay valid."""
        for name, path in kept.items():
            self._warn(f"{self.derivation.name} is not deterministic: {name} differs from {path}, which is kept")
        return self.runner.with_digests(kept)

    def _build(self, out: Path) -> Content | None:
        """Build the outputs in *out*; return the content of the only one if it is already known."""
        if self.derivation.is_builtin:
            return self._builtin(out)
        self._sandboxed(out)
        return None

    def _builtin(self, out: Path) -> Content | None:
        runner, derivation = self.runner, self.derivation
        unit = Unit.BYTES if derivation.builder in registry.COUNT_BYTES else Unit.FILES
        found = self._mounts()
        job = Job(
            derivation=derivation,
            inputs={place: it for place, it in found.items() if isinstance(it, Path)},
            views={place: it.view(runner.store) for place, it in found.items() if isinstance(it, Joined)},
            out=out,
            store=runner.store,
            settings=runner.settings,
            progress=lambda done, expected: runner.listener(Progress(derivation, done, expected, unit)),
            cancelled=runner.cancellation.is_killed,
            warn=self._warn,
        )
        return registry.find(derivation.builder)(job)

    def _sandboxed(self, out: Path) -> None:
        source = self.derivation.mounts.get(SOURCE)
        srcarch = self.derivation.hints.object_tree
        if srcarch is not None and not self.is_check and self.runner.settings.compile_cache is not None:
            self._open_cache(self.derivation.mounts.get("/"))
        if self.runner.settings.kept.enabled and srcarch is not None and source is not None and not self.is_check:
            self._from_kept(out, srcarch, self.inputs[source])
            return
        build = out.with_name("build")
        build.mkdir()
        counted = Counted(self.derivation.hints.compilations)
        self._run(out, build, self._shown(), {}, self._watcher(counted))
        if srcarch is not None:
            self._report(Reuse(compiled=counted.done, total=counted.done))

    def _open_cache(self, root: Output | None) -> None:
        """Let what *root* compiles go through the compile cache, if there can be one, until this build is over."""
        if root is not None:
            from derivations.realise.compile_cache.use import compile_cache  # noqa: PLC0415 -- start-up: off by default

            place, size = self.scratch / "compilers", self.runner.settings.compile_cache_size
            opened = compile_cache(self.runner.store, self.inputs[root], place, size, self._warn)
            self.caches.extend(filter(None, [self.later.enter_context(opened)]))

    def _report(self, reuse: Reuse) -> None:
        """Report what a kernel's build compiled, and what it did not need to."""
        cached = self.caches[0].hits() if self.caches else None
        self.runner.listener(Compiled(self.derivation, attrs.evolve(reuse, cached=cached)))

    def _shown(self) -> dict[str, Path | Layers]:
        """Return what is to be seen in the sandbox at each mount point."""
        return {
            place: it.layers(self.runner.store, self.scratch / f"hidden-{number}") if isinstance(it, Joined) else it
            for number, (place, it) in enumerate(self._mounts().items())
        }

    def _run(
        self,
        out: Path,
        build: Path | Layers,
        mounts: Mapping[str, Path | Layers],
        env: Mapping[str, str],
        watcher: Watcher,
    ) -> None:
        """Run the builder in *build* with *mounts*, and with *env* besides its own."""
        runner, derivation, settings = self.runner, self.derivation, self.runner.settings
        cores = self.conditions.processors or settings.builder_cores
        sandbox = Sandbox(
            mounts=mounts,
            build=build,
            out=out,
            argv=(derivation.builder, *derivation.args),
            env={"KERNIX_CORES": str(cores), **derivation.env, **env},
            kvm=derivation.hints.kvm and settings.kvm and self._kvm.failure is None,
            bounds=settings.bounds.for_machine(),
            conditions=self.conditions,
        )
        for cache in self.caches:
            sandbox = cache.shown_in(sandbox)
        limits = Limits(
            timeout=_first(derivation.hints.timeout, settings.timeout),
            max_silent_time=_first(derivation.hints.max_silent_time, settings.max_silent_time),
            max_log_size=settings.max_log_size,
        )
        log = log_path(runner.store.layout.logs, self._log_key)
        run(sandbox, name=derivation.name, log=log, limits=limits, watcher=watcher)

    def _from_kept(self, out: Path, srcarch: str, source: Realised) -> None:
        """Build a kernel from a kept tree if one is near, and keep its own."""
        from derivations.realise.kept.build import CONFIG, KernelBuild, family_of  # noqa: PLC0415 -- start-up: for kernels alone
        from derivations.realise.kept.shelf import Shelf  # noqa: PLC0415 -- as above
        from derivations.realise.kept.source import source_of  # noqa: PLC0415 -- as above

        runner, derivation = self.runner, self.derivation
        counted = Counted(derivation.hints.compilations)
        watcher = self._watcher(counted)
        place = self.scratch / "kept"
        place.mkdir()
        shown = self._shown()
        build = KernelBuild(
            shelf=Shelf(runner.store.layout.kept),
            policy=runner.settings.kept,
            manifests=runner.store.manifests,
            name=derivation.name,
            action=self.key,
            family=family_of(derivation, lambda output: self.inputs[output].digest),
            source=source_of(runner.store, source),
            mount=shown[SOURCE],
            digest=source.digest,
            config=runner.store.path(self.inputs[derivation.mounts[CONFIG]].path).read_text(encoding="utf-8"),
            srcarch=srcarch,
            scratch=place,
            # What is kept of a failed build must be whole.
            layered=not runner.settings.keep_failed
            and overlay_works(runner.store.layout.builds, runner.store.layout.cache),
            run=lambda build, mount, env: self._run(out, build, {**shown, SOURCE: mount}, env, watcher),
            counted=counted,
        )
        self.later.enter_context(build).build()
        self.kernels.append(build)

    def _mounts(self) -> dict[str, Path | Joined]:
        """Return what is to be seen at each mount point."""
        found = {place: self.inputs[output] for place, output in self.derivation.mounts.items()}
        return {place: it.joined or self.runner.store.path(it.path) for place, it in found.items()}

    def _watcher(self, counts: Counted) -> Watcher:
        derivation, listener = self.derivation, self.runner.listener

        def hear(text: str) -> None:
            listener(LogLine(derivation, text))
            if counts.hear(text):
                listener(
                    Progress(derivation, counts.done, counts.to_do, Unit.OBJECTS, counts.phase, counts.seconds_left())
                )

        def progress(done: int, expected: int | None) -> None:
            listener(Progress(derivation, done, expected, Unit.OBJECTS))

        return Watcher(
            line=hear,
            progress=progress,
            warning=self._warn,
            no_kvm=self._note_failure,
            cancel=self.runner.cancellation.descriptor,
        )

    @property
    def _kvm(self) -> KvmRecord:
        return KvmRecord.of(self.runner.store.layout)

    def _note_failure(self, reason: str) -> None:
        """Record that KVM does not work, so that later builders do not try it, if this one was allowed to."""
        if self.derivation.hints.kvm and self.runner.settings.kvm and self._kvm.failure is None:
            with contextlib.suppress(OSError):  # the next builder will find out for itself
                self._kvm.fail(reason)
                self._warn(_NO_KVM)

    def _warn(self, text: str) -> None:
        self.runner.listener(Warned(text))

    def _keep_failed(self) -> None:
        """Move the build directory to where the user can inspect it, if the settings ask for that."""
        build = next((it for it in (self.scratch / "kept/build", self.scratch / "build") if it.exists()), None)
        if build is None or not self.runner.settings.keep_failed or self.derivation.is_builtin:
            return
        directory = self.runner.store.layout.failed
        directory.mkdir(mode=0o700, exist_ok=True)
        reclaim(build)
        build.chmod(0o755)  # a builder may have removed our permission to rename it
        for number in itertools.count(1):
            place = directory / f"{self.derivation.name}-{number}"
            with contextlib.suppress(FileExistsError):
                place.mkdir()
                build.rename(place)
                self.runner.listener(FailedBuildKept(self.derivation, str(place)))
                return

    @property
    def _deriver(self) -> StorePath | None:
        return self.runner.instances.get(self.derivation)

    def _outputs(self, out: Path, content: Content | None) -> Outputs:
        return Outputs(
            derivation=self.derivation,
            directory=out,
            content=content,
            candidates=self._candidates(),
            pool=self.runner.store.pool,
            log=self._log(),
        )

    def _candidates(self) -> dict[str, StorePath]:
        """Return the paths that the outputs may refer to, by digest.

        A builder in the sandbox can learn the paths of its inputs from /proc/self/mountinfo. A builtin never writes
        the path of an input; what it copies from an input can only contain that input's own references.
        """
        found: set[StorePath] = set()
        for path in {it for output in self.derivation.inputs for it in self.inputs[output].paths}:
            needed = self.runner.closure_of(path)
            found |= needed - {path} if self.derivation.is_builtin else needed
        return {path.digest: path for path in found}

    def _log(self) -> Path | None:
        return None if self.derivation.is_builtin else nonempty_log(self.runner.store.layout.logs, self._log_key)

    @property
    def _log_key(self) -> bytes:
        key = self.derivation.key
        return blake3(key, derive_key_context="kernix 1 log of a check").digest() if self.is_check else key


def _first(*values: Any) -> Any:  # noqa: ANN401 -- None, or the type of the others
    return next((value for value in values if value is not None), None)
