"""A session: everything that a developer finds in the sandbox, and what is recorded of it."""

from __future__ import annotations

import os

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.realise.develop.objects import Laying
from derivations.realise.develop.source import WorkSource
from derivations.realise.develop.workplace import OtherSource, State
from derivations.realise.kept.build import CONFIG, SOURCE, family_of
from derivations.realise.kept.shelf import Shelf
from derivations.realise.kept.source import source_of
from derivations.realise.kept.start import Wanted
from derivations.realise.layered import Realised
from derivations.realise.sandbox import interactive
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import overlay_works
from kernix.building import present, realise
from kernix.output.messages import warn
from store.gc.roots import link_result
from store.osutil.interrupt import check


if TYPE_CHECKING:
    import contextlib

    from collections.abc import Mapping

    from derivations.derivation import Output
    from derivations.linux.kernel import Kernel
    from derivations.linux.shell import Shell
    from derivations.realise.develop.objects import Objects
    from derivations.realise.develop.workplace import Workplace
    from kernix.options import Chosen
    from kernix.session import Session
    from store.path import StorePath


@attrs.frozen
class Beginning:
    """What a session begins with."""

    session: Session
    workplace: Workplace
    kernel: Kernel
    shell: Shell
    inputs: Mapping[Output, StorePath]
    chosen: Chosen

    def begin(self, attribute: str, copy: bool, held: contextlib.ExitStack) -> tuple[State, WorkSource, Objects]:
        """Return the session's state, source and objects, prepared."""
        store, derivation = self.session.store, self.kernel.derivation
        infos = store.infos(self.inputs.values())
        origin, config = (self.inputs[derivation.mounts[it]] for it in (SOURCE, CONFIG))
        family = family_of(derivation, lambda output: infos[self.inputs[output]].digest)
        base = source_of(store, Realised(origin, infos[origin].digest))
        old = self.workplace.state()
        if old is not None and old.source != str(origin):
            raise OtherSource(self.workplace.place, self.kernel.name)
        self.workplace.make()
        held.callback(os.close, self.workplace.lock())
        layered = overlay_works(self.workplace.place, store.layout.cache)
        text = store.path(config).read_text(encoding="utf-8")
        state = State(
            attribute=attribute,
            name=derivation.name,
            source=str(origin),
            family=family,
            config=blake3(text.encode()).hexdigest(),
            copied=old.copied if old else copy or not layered,
        )
        source = WorkSource(base, self.workplace.source, state.copied)
        if old is None:
            if not layered:
                warn("overlays do not work here, so source and objects are copied")
            link_result(store, self.workplace.base, origin)
            source.prepare(check)
            self.workplace.save(state)
        elif copy and not old.copied:
            warn(f"{self.workplace.place} has no copy of the source, and keeps it as layers")
        shelf = Shelf(store.layout.kept)
        if not any(it.about.family == family for it in shelf.kept()):
            self._build()
        laying = Laying(
            workplace=self.workplace,
            shelf=shelf,
            wanted=Wanted(
                family=family,
                source=base,
                digest=infos[origin].digest,
                config=text,
                srcarch=self.kernel.toolchain.srcarch,
                manifest_of=store.manifests.get,
            ),
            config=store.path(config),
            source=source,
            layered=layered,
        )
        now = source.changes()
        fresh = old is None or (old.family, old.config) != (state.family, state.config)
        objects = laying.lay(old or state, now, held, fresh=fresh)
        state = attrs.evolve(
            state,
            tree="" if objects.tree is None else objects.tree.id,
            layered=not (self.workplace.objects / "build").exists(),
            before=now,
            after=now,
        )
        self.workplace.save(state)
        if objects.again:
            make = ("/bin/sh", "-c", "exec make -s -C /src O=/build prepare")
            if self.run(source, objects, make, terminal=False) == 0:
                objects.review()
        return state, source, objects

    def _build(self) -> None:
        """Build the kernel if it is not built, so that its objects are kept."""
        if self.kernel.derivation.hints.object_tree is not None and not present(self.session, [self.kernel.out]):
            realise(self.session, [self.kernel.out], **self.chosen)

    def run(self, source: WorkSource, objects: Objects, argv: tuple[str, ...], *, terminal: bool = True) -> int:
        """Run *argv* in the sandbox, and return its code."""
        settings = self.session.settings(**self.chosen)
        work = self.workplace.place / ".source-work"
        work.mkdir(mode=0o700, exist_ok=True)
        shown: Path | Layers = objects.source(
            self.session.store.path(self.inputs[self.shell.mounts["/src"]]), source, work
        )
        flags = f" -j{settings.builder_cores}{self.shell.env.get('MAKEFLAGS', '')}"
        env = {
            **self.shell.env,
            "MAKEFLAGS": flags,
            "KERNIX_CORES": str(settings.builder_cores),
            "PS1": rf"[{self.shell.derivation.name} \W]\$ ",
            "TERM": self.session.environment.get("TERM", "dumb"),
        }
        with interactive.session(
            self.session.store,
            self.shell.mounts,
            argv,
            env=env,
            terminal=terminal,
            build=objects.workspace.build,
            writable={"/src": shown} if isinstance(shown, Path) else {},
            layers={"/src": shown} if isinstance(shown, Layers) else {},
            bounds=settings.bounds,
        ) as process:
            if not terminal:
                process.communicate()
            return process.wait()
