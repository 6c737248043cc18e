"""Build a kernel again after a change: kernix, make in a kept tree, and make with ccache, each against a clean make."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import time

from typing import TYPE_CHECKING, Any

import attrs

from benchmarks.plain_make import Made, PlainMake, disk
from benchmarks.rebuild_cases import CASES, Case, Change
from benchmarks.report import KERNIX, Bound, Result
from benchmarks.timing import run, sync
from benchmarks.workbench import clear, graph, say
from derivations.fetch import is_fetch
from derivations.realise.kept.build import SOURCE
from derivations.realise.realise import realise_all
from kernels import kernel_set
from store.gc.roots import link_result
from store.local import Store


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.workbench import Workbench
    from derivations.linux.kernel import Kernel


CLEAN, KEPT, CCACHE = "make, clean", "make in its kept tree", "make with ccache"
ROUNDS = 3
_MIB = 1 << 20
_HEAD = "from derivations import NO, YES, Patch\nfrom kernels import kernel_set\n\nmicro = kernel_set().linux_micro\n"


@attrs.frozen
class Forecast:
    """What `kernix build --dry-run` says: objects, and seconds if it knows them."""

    objects: int
    seconds: float | None


@attrs.define
class Row:
    """What the sides took for one case, round by round, and what was forecast for kernix."""

    case: Case
    made: dict[str, list[Made]] = attrs.field(factory=dict)
    forecast: Forecast | None = None

    def note(self, side: str, made: Made) -> None:
        """Record a round."""
        self.made.setdefault(side, []).append(made)
        say(f"{self.case.name}: {side} {made.seconds:.2f} s, {made.compiled} objects, {made.added / _MIB:.1f} MiB")

    def seconds(self, side: str) -> float | None:
        """Return the median time of *side*."""
        rounds = self.made.get(side)
        return statistics.median(it.seconds for it in rounds) if rounds else None


@attrs.frozen(kw_only=True)
class Kernix:
    """kernix with a store of its own, and the definitions of all cases."""

    bench: Workbench
    home: Path
    place: Path
    cores: int

    def define(self, tree: Path, cases: Sequence[Case]) -> None:
        """Write the definitions, whose patches are made from the source *tree*."""
        clear(self.place)
        self.place.mkdir()
        text = _HEAD
        for number, case in enumerate(cases):
            for name, change in ((f"case_{number}", case.change), (f"between_{number}", case.between)):
                if change is not None and change != Change():
                    (self.place / f"{name}.patch").write_text(change.patch(tree), encoding="utf-8")
                    text += change.definition(name, f"{name}.patch")
        (self.place / "cases.py").write_text(text, encoding="utf-8")

    def build(self, name: str, *link: str | Path) -> Made:
        """Build the kernel *name*, from the command line to the registered outputs."""
        before = self._disk()
        started = time.perf_counter()
        printed = self._run("build", "--json", *(link or ("--no-link",)), "-j", "1", "--cores", str(self.cores), name)
        taken = time.perf_counter() - started
        (result,) = json.loads(printed)
        image = next(it for it in ("bzImage", "Image", "vmlinux") if os.path.exists(f"{result['outputs']['out']}/{it}"))  # noqa: PTH110
        with open(f"{result['outputs']['out']}/{image}", "rb") as file:  # noqa: PTH123
            data = file.read()
        return Made(taken, result.get("compiled", {}).get("compiled", 0), self._disk() - before, data)

    def forecast(self, name: str) -> Forecast | None:
        """Return what is forecast for the kernel *name*."""
        found: list[dict[str, Any]] = json.loads(self._run("build", "--dry-run", "--json", name)).get("compile", [])
        return Forecast(found[0]["objects"], found[0]["seconds"]) if found else None

    def forget(self) -> None:
        """Remove all results without a link."""
        self.bench.run(self.home, "gc")

    def empty(self) -> None:
        """Remove all results without a link, and all kept trees."""
        self.forget()
        self.bench.run(self.home, "kept", "clear")

    def keep_aside(self) -> None:
        """Copy the kept trees, for `restore`."""
        clear(self._aside)
        self._copy(self.home / "kept", self._aside)

    def restore(self) -> None:
        """Forget the results, and have the kept trees of `keep_aside` again, whatever has been built since."""
        self.forget()
        clear(self.home / "kept")
        self._copy(self._aside, self.home / "kept")

    @property
    def _aside(self) -> Path:
        return self.place / "kept"

    def _run(self, *arguments: str | Path) -> str:
        words = [self.bench.kernix, arguments[0], "-f", self.place / "cases.py", *arguments[1:]]
        return run(words, env=self.bench.environment(self.home), cwd=self.place)

    def _copy(self, source: Path, target: Path) -> None:
        run([shutil.which("cp") or "cp", "-a", source, target], env=dict(os.environ), cwd=self.place)

    def _disk(self) -> int:
        return disk(*(self.home / it for it in ("kept", "manifests", "pool", "store")))


def measure(bench: Workbench) -> tuple[Result, ...]:
    """Measure every case, at most three rounds; with *quick*, some cases and one round."""
    home, place = bench.inputs / "rebuild", bench.scratch / "rebuild"
    cores = len(os.sched_getaffinity(0))
    cases = [it for it in CASES if it.quick or not bench.quick]
    rounds = 1 if bench.quick else min(bench.rounds, ROUNDS)
    kernel = kernel_set(lock=bench.lock)["linux_micro"]
    place.mkdir(exist_ok=True)
    mounts = _mounts(bench, home, kernel)
    kernix = Kernix(bench=bench, home=home, place=place / "kernix", cores=cores)
    kernix.define(mounts[SOURCE], cases)
    plain = PlainMake(place=place / "make", derivation=kernel.derivation, mounts=mounts, cores=cores)
    cached = attrs.evolve(plain, place=place / "with-ccache", cache=place / "ccache")
    has_ccache = (mounts["/"] / "usr/bin/ccache").exists()
    clean = Row(Case("clean"))
    for _ in range(rounds):
        sync(bench.scratch)
        plain.reset()
        clean.note(CLEAN, plain.make())
        (place / "base").unlink(missing_ok=True)
        kernix.empty()
        sync(bench.scratch)
        clean.note(KERNIX, kernix.build("micro", "-o", place / "base"))
        if has_ccache:
            clear(place / "ccache")
            (place / "ccache").mkdir()
            cached.reset()
            clean.note(CCACHE, cached.make())
    clear(place / "start")
    plain.build.rename(place / "start")
    kernix.keep_aside()
    rows = [Row(it) for it in cases]
    for _ in range(rounds):
        for number, row in enumerate(rows):
            _measure_make(row, plain, place / "start", KEPT)
            if has_ccache:
                _measure_make(row, cached, None, CCACHE)
            _measure_kernix(row, kernix, number)
    for number, row in enumerate(rows):
        kernix.restore()
        row.forecast = kernix.forecast(_name(row.case, number))
    for link in bench.scratch.glob("rebuild-input-*"):
        link.unlink()
    clear(place)
    return _results(clean, rows, rounds, has_ccache=has_ccache)


def _mounts(bench: Workbench, home: Path, kernel: Kernel) -> dict[str, Path]:
    """Return what the kernel's build sees, with links that keep that and whatever it was made with."""
    say("building the inputs of the kernel")
    derivation = kernel.derivation
    # A collection would take the resolver of configurations, too, and each case would compile it again.
    made = [it for it in graph(derivation) if it is not derivation and not is_fetch(it)]
    with Store.open(home) as store:
        inputs = realise_all(store, [it.output(name) for it in made for name in it.outputs])
        for number, path in enumerate(inputs.values()):
            link_result(store, bench.scratch / f"rebuild-input-{number}", path)
        return {at: store.path(inputs[it]) for at, it in derivation.mounts.items()}


def _measure_make(row: Row, make: PlainMake, start: Path | None, side: str) -> None:
    """Measure make from a copy of the tree *start*; without one, from an empty directory."""
    case = row.case
    make.reset(start)
    lines = case.change.lines
    if case.between is not None:
        make.edit(case.between)
        make.make(case.between.lines)
        lines = attrs.evolve(case.change, options=case.undone).lines
        if start is None:
            shutil.rmtree(make.build)
            make.build.mkdir()
    make.edit(case.change)
    sync(make.place)
    row.note(side, make.make(lines))


def _measure_kernix(row: Row, kernix: Kernix, number: int) -> None:
    kernix.restore()
    if row.case.between is not None:
        kernix.build(f"between_{number}")
    sync(kernix.home)
    row.note(KERNIX, kernix.build(_name(row.case, number)))


def _name(case: Case, number: int) -> str:
    """Return the name of the kernel of *case* in the definitions: where nothing changes, that of the first one."""
    return "micro" if case.change == Change() else f"case_{number}"


def _results(clean: Row, rows: Sequence[Row], rounds: int, *, has_ccache: bool) -> tuple[Result, ...]:
    notes = [
        f"at most {ROUNDS} rounds, here {rounds}; make has kernix' toolchain and sandbox, and writes no outputs",
        "make with ccache starts from an empty directory, with the cache of a clean build in ccache's default mode, the direct one",
        "objects are those that make announces; for ccache, its misses",
        "tuxmake was not measured",
    ]
    if not has_ccache:
        notes.append("ccache is not in the toolchain, so it was not measured")
    times = {side: tuple(it.seconds for it in made) for side, made in clean.made.items()}
    found = [Result(name="rebuild", what="`linux_micro`, clean, keeping its tree", times=times, bounds=())]
    for row in rows:
        times = {side: tuple(it.seconds for it in made) for side, made in row.made.items()}
        times[CLEAN] = tuple(it.seconds for it in clean.made[CLEAN])
        bounds = (
            [Bound(floor=row.case.seconds)] if row.case.factor is None else [Bound(peer=CLEAN, factor=row.case.factor)]
        )
        bounds += [Bound(peer=KEPT, factor=1.2, plus=0.5)] if row.case.beside else []
        found.append(Result(name="rebuild", what=f"again: {row.case.name}", times=times, bounds=tuple(bounds)))
    found[-1] = attrs.evolve(found[-1], notes=tuple(notes), details=details(clean, rows, has_ccache=has_ccache))
    return tuple(found)


def details(clean: Row, rows: Sequence[Row], *, has_ccache: bool) -> str:
    """Return the Markdown table: each case and side with time, ratio to a clean make, objects, bytes and forecast."""
    unit = clean.seconds(CLEAN) or 0.0
    lines = [
        "| case | how | time | of a clean make | objects | added on disk | image | forecast |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in (clean, *rows):
        name = row.case.name
        truth = row.made[KERNIX][-1].image
        for side, made in row.made.items():
            seconds, last = row.seconds(side) or 0.0, made[-1]
            image = "" if side == KERNIX else "as kernix'" if last.image == truth else "**another one**"
            forecast = _forecast(row) if side == KERNIX else ""
            cells = [name, side, f"{seconds:.2f} s", f"{seconds / unit:.3f}", f"{last.compiled:,}"]
            lines.append(f"| {' | '.join([*cells, f'{last.added / _MIB:.1f} MiB', image, forecast])} |")
            name = ""
        if not has_ccache:
            lines.append(f"| {name} | {CCACHE} | ccache is not installed |  |  |  |  |  |")
    return "\n".join(lines)


def _forecast(row: Row) -> str:
    if row.forecast is None:
        return ""
    time = "" if row.forecast.seconds is None else f", {row.forecast.seconds:.1f} s"
    return f"{row.forecast.objects:,} objects{time}"
