"""Building kernels from kept trees, with any of the rules, and comparing what comes out with a clean build."""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from derivations.kbuild.stale import RULES
from derivations.realise.counted import Counted
from derivations.realise.kept.build import CONFIG, SOURCE, KernelBuild, family_of
from derivations.realise.kept.policy import KeepPolicy
from derivations.realise.kept.source import source_of
from derivations.realise.layered import Realised
from derivations.realise.realise import realise_all
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.sandbox.run_builder import Limits, Watcher, run


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from derivations.kbuild.stale import Rule
    from derivations.linux.kernel import Kernel
    from derivations.realise.kept.reuse import Reuse
    from derivations.realise.kept.shelf import Shelf
    from derivations.realise.sandbox.layers import Layers
    from store.local import Store


OUTPUTS = ("out", "modules", "build", "debug")


@attrs.frozen
class Built:
    """What came out: each file of the outputs with its digest and whether it is executable, and what was reused."""

    files: Mapping[str, str]
    reuse: Reuse
    lines: Sequence[str]

    def differing(self, other: Built) -> list[str]:
        """Return the files that differ."""
        return sorted(it for it in self.files.keys() | other.files.keys() if self.files.get(it) != other.files.get(it))


def build(
    store: Store,
    kernel: Kernel,
    place: Path,
    shelf: Shelf,
    rules: Sequence[Rule] = RULES,
    *,
    layered: bool | None = None,
) -> Built:
    """Build *kernel* in the empty directory *place* from the trees of *shelf*, none if it is empty, and keep it there."""
    derivation = kernel.derivation
    inputs = realise_all(store, derivation.inputs)
    infos = store.infos(inputs.values())
    mounts = {at: store.path(inputs[it]) for at, it in derivation.mounts.items()}
    source = inputs[derivation.mounts[SOURCE]]
    out, scratch = place / "out", place / "scratch"
    out.mkdir(parents=True)
    scratch.mkdir()
    counted = Counted()
    lines: list[str] = []

    def hear(text: str) -> None:
        lines.append(text)
        counted.hear(text)

    reader, writer = os.pipe()

    def once(directory: Path | Layers, mount: Path | Layers, env: Mapping[str, str]) -> None:
        sandbox = Sandbox(
            mounts={**mounts, SOURCE: mount},
            build=directory,
            out=out,
            argv=(derivation.builder, *derivation.args),
            env={"KERNIX_CORES": "2", **derivation.env, **env},
        )
        watcher = Watcher(line=hear, progress=lambda *_: None, cancel=reader)
        run(sandbox, name=derivation.name, log=place / "log.zst", limits=Limits(), watcher=watcher)

    kernel_build = KernelBuild(
        shelf=shelf,
        policy=KeepPolicy(),
        manifests=store.manifests,
        name=derivation.name,
        action=bytes(32),
        family=family_of(derivation, lambda output: infos[inputs[output]].digest),
        source=source_of(store, Realised(source, infos[source].digest)),
        mount=mounts[SOURCE],
        digest=infos[source].digest,
        config=mounts[CONFIG].read_text(),
        srcarch=kernel.toolchain.srcarch,
        scratch=scratch,
        layered=overlay_works(place) if layered is None else layered,
        run=once,
        counted=counted,
        rules=rules,
    )
    with kernel_build:
        kernel_build.build()
        reuse = kernel_build.keep()
    os.close(reader)
    os.close(writer)
    return Built(digests(out), reuse, lines)


def digests(tree: Path) -> dict[str, str]:
    """Return what every file and link below *tree* holds, and whether it is executable."""
    found = {}
    for above, directories, files in os.walk(tree):
        for name in (*files, *directories):
            place = os.path.join(above, name)  # noqa: PTH118 -- os.walk gives strings
            status = os.lstat(place)
            path = os.path.relpath(place, tree)
            if stat.S_ISLNK(status.st_mode):
                found[path] = f"link {os.readlink(place)}"  # noqa: PTH115 -- as above
            elif stat.S_ISREG(status.st_mode):
                with open(place, "rb") as file:  # noqa: PTH123 -- as above
                    found[path] = f"{blake3(file.read()).hexdigest()}{'x' if status.st_mode & 0o100 else ''}"
    return found


def new_file(path: str, text: str, mode: str = "100644") -> str:
    """Return the part of a patch that creates the file *path*, or a symbolic link with the mode 120000."""
    lines = text.split("\n")
    ended = lines[-1] == ""
    body = "".join(f"+{line}\n" for line in (lines[:-1] if ended else lines))
    end = "" if ended else "\\ No newline at end of file\n"
    count = len(lines) - ended
    return f"diff --git a/{path} b/{path}\nnew file mode {mode}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{count} @@\n{body}{end}"
