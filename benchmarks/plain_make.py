"""Plain make, as a kernel developer calls it, on the source and with the toolchain of a derivation, in its sandbox."""

from __future__ import annotations

import os
import shutil
import time

from typing import TYPE_CHECKING

import attrs

from benchmarks.timing import sync
from benchmarks.workbench import clear
from derivations.realise.counted import Counted
from derivations.realise.kept.build import SOURCE
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.run_builder import Limits, Watcher, run


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.rebuild_cases import Change
    from derivations.derivation import Derivation


CACHE = "/ccache"
_IMAGE, _FLAGS = 4, 5  # the places of the image and of make's arguments among the builder's

_SCRIPT = """
cd /build
jobs=$1 image=$2
shift 2
if [ ! -e .config ]; then cat /config > .config; new=1; else new=; fi
if [ -n "$LINES_TO_ADD" ]; then printf '%s' "$LINES_TO_ADD" >> .config; fi
if [ -n "$LINES_TO_ADD$new" ]; then make -C /src O=/build "$@" olddefconfig; fi
targets=$image
if grep -qx CONFIG_MODULES=y .config; then targets="$targets modules"; fi
if [ -n "${CCACHE_DIR:-}" ]; then ccache --zero-stats > /dev/null; fi
make -C /src O=/build -j"$jobs" "$@" $targets
if [ -n "${CCACHE_DIR:-}" ]; then ccache --print-stats | sed -n 's/^cache_miss.//p' > /build/compiled; fi
"""
_WITH_CACHE = ("CC=ccache gcc", "HOSTCC=ccache gcc")


@attrs.frozen
class Made:
    """What a run of make took: seconds, compilations, bytes on the disk; and the image that came of it."""

    seconds: float
    compiled: int
    added: int
    image: bytes


@attrs.frozen(kw_only=True)
class PlainMake:
    """A developer's directory.

    Attributes:
        place: The directory; `build` in it is the output directory, `edits` has the files that were edited.
        derivation: The kernel's derivation.
        mounts: What it shows in the sandbox.
        cores: How many jobs make runs.
        cache: The directory of ccache, which is used if it is given.
    """

    place: Path
    derivation: Derivation
    mounts: Mapping[str, Path]
    cores: int
    cache: Path | None = None

    @property
    def build(self) -> Path:
        """The output directory."""
        return self.place / "build"

    @property
    def edits(self) -> Path:
        """The directory of edited files, which are seen in the source."""
        return self.place / "edits"

    def reset(self, start: Path | None = None) -> None:
        """Begin with an unchanged source, and an empty output directory, or a copy of the one at *start*."""
        clear(self.place)
        self.edits.mkdir(parents=True)
        if start is None:
            self.build.mkdir()
        else:
            shutil.copytree(start, self.build, symlinks=True)

    def edit(self, change: Change) -> None:
        """Edit the source, by which the edited files become new ones; what is edited already stays."""
        for path, (_, text) in change.files(self.mounts[SOURCE]).items():
            copy = self.edits / path
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(text, encoding="utf-8")

    def make(self, lines: str = "") -> Made:
        """Append *lines* to the configuration, and run make until its products are on the disk."""
        before = self._disk()
        counted = Counted()
        started = time.perf_counter()
        self._run(lines, counted)
        sync(self.place)
        taken = time.perf_counter() - started
        note = self.build / "compiled"
        compiled = sum(map(int, note.read_text().split())) if note.exists() else counted.done
        image = self.derivation.args[_IMAGE]
        place = self.build / image if image == "vmlinux" else next(self.build.glob(f"arch/*/boot/{image}"))
        return Made(taken, compiled, self._disk() - before, place.read_bytes())

    def _run(self, lines: str, counted: Counted) -> None:
        flags = (*self.derivation.args[_FLAGS:], *(_WITH_CACHE if self.cache is not None else ()))
        tree = self.mounts[SOURCE]
        out = self.place / "out"
        clear(out)
        out.mkdir()
        edited = any(self.edits.iterdir())
        sandbox = Sandbox(
            mounts={**self.mounts, SOURCE: Layers(lower=(self.edits, tree)) if edited else tree},
            build=self.build,
            out=out,
            argv=("/bin/sh", "-euc", _SCRIPT, "make", str(self.cores), self.derivation.args[_IMAGE], *flags),
            env={
                **self.derivation.env,
                "LINES_TO_ADD": lines,
                **({"CCACHE_DIR": CACHE, "CCACHE_MAXSIZE": "5G"} if self.cache is not None else {}),
            },
            writable={} if self.cache is None else {CACHE: self.cache},
            # Copies of it belong to the caller, too.
            caller_owned=frozenset({self.build, *([] if self.cache is None else [self.cache])}),
        )

        def hear(line: str) -> None:
            counted.hear(line)

        reader, writer = os.pipe()
        try:
            watcher = Watcher(line=hear, progress=lambda *_: None, cancel=reader)
            run(sandbox, name="make", log=self.place / "log.zst", limits=Limits(), watcher=watcher)
        finally:
            os.close(reader)
            os.close(writer)

    def _disk(self) -> int:
        return disk(self.build, *([self.cache] if self.cache is not None else []))


def disk(*places: Path) -> int:
    """Return how many bytes *places* take on the disk; a file with several names counts once."""
    found: dict[tuple[int, int], int] = {}
    for place in places:
        for above, directories, files in os.walk(place):
            for name in (*directories, *files):
                status = os.lstat(os.path.join(above, name))  # noqa: PTH118 -- os.walk gives strings
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())
