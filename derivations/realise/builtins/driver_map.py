"""builtin:driver-map: which devices the drivers in a kernel tree support, and which options build them.

Mounts `/tree`: the tree; `/kbuild`: what its makefiles build (`builtin:kbuild-map`). Environment: `srcarch`.

Only sources that the makefiles mention are opened, and only those that contain a table, a driver, an
alias or a firmware file are read further. Several processes read them, because nearly all of the work is Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import select
import subprocess
import sys

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from derivations.hardware.c_source.headers import Headers
from derivations.hardware.c_source.source import CSource, is_worth_reading, read_source
from derivations.hardware.drivers import KBUILD, assemble
from derivations.hardware.makefiles.kbuild_map import TREE, Kbuild
from derivations.realise.builtins.kbuild_map import reader
from derivations.realise.job import Cancelled
from derivations.realise.view import View
from store.osutil.interrupt import check
from store.osutil.syscalls import die_with_parent
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.realise.job import Job
    from store.trees.content import Content


Task: TypeAlias = "tuple[str, Sequence[str]]"
"""The path of an object, and its source's include directories."""

_MAX_PROCESSES = 4  # each reads the shared headers for itself, so that more help less and less
_ASK_EVERY = 100  # sources between two checks for cancellation, and two reports
_LOOK = 0.2  # seconds between two checks for cancellation while a process reads
_NOTHING = CSource()
_HELPER = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve(*sys.argv[1:])"


def driver_map(job: Job) -> Content:
    """Read the sources of the tree of *job*.

    Raises:
        InvalidKbuildMap: the mounted file is not a map of makefiles.
        Cancelled: the job was cancelled.
    """
    tree, srcarch = job.tree(TREE), job.derivation.env["srcarch"]
    kbuild = Kbuild.from_json(job.inputs[KBUILD].read_bytes())
    tasks = [(path, kbuild.includes.get(posixpath.dirname(path), ())) for path in kbuild.sources()]
    count = min(len(os.sched_getaffinity(0)), _MAX_PROCESSES)
    # Dealt out in turn: a directory's sources are alike, and some directories take much longer than others.
    shares = [tasks[number::count] for number in range(count)]
    helpers = [_Helper.start(tree, srcarch, share) for share in shares[1:]]
    try:
        found = dict(_read(tree, srcarch, shares[0], job, count))
        for helper, share in zip(helpers, shares[1:], strict=True):
            # If a helper failed, its share is read here, where an error can be reported.
            found |= helper.result() or dict(_read(tree, srcarch, share, job))
    finally:
        for helper in helpers:
            helper.end()
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", assemble(kbuild, found, srcarch).to_json())
        return writer.finish()


def _read(
    tree: View, srcarch: str, tasks: Sequence[Task], job: Job | None = None, shares: int = 1
) -> Iterator[tuple[str, CSource]]:
    """Yield the facts in each source of *tasks*, by the path of its object; sources without any are left out.

    The progress of *job* is that of all *shares*, assuming that the others are as far as this one.
    """
    headers = Headers(reader(tree), srcarch)
    for number, (path, places) in enumerate(tasks):
        check()
        if job is not None and number % _ASK_EVERY == 0:
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            job.progress(number * shares, len(tasks) * shares)
        name = f"{path.removesuffix('.o')}.c"
        try:
            data = tree.read(name)
        except FileNotFoundError:
            continue  # assembler, Rust, or generated
        if is_worth_reading(data):
            source = read_source(name, data.decode("utf-8", "replace"), headers, places)
            if source != _NOTHING:
                yield path, source


@attrs.define
class _Helper:
    """A process that reads a share of the sources."""

    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, tree: View, srcarch: str, tasks: Sequence[Task]) -> _Helper:
        """Start a process that reads the sources in *tasks*."""
        code = _HELPER.format(path=sys.path, module=__name__)
        process = subprocess.Popen(
            [sys.executable, "-c", code, _written(tree), srcarch],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None  # noqa: S101 -- opened above
        with contextlib.suppress(BrokenPipeError):  # reported by `result`
            process.stdin.write(json.dumps(tasks).encode())
            process.stdin.close()
        return cls(process)

    def result(self) -> dict[str, CSource] | None:
        """Return the facts that the process found, None if it failed."""
        assert self.process.stdout is not None  # noqa: S101 -- opened above
        data = b"".join(_pieces(self.process.stdout.fileno()))
        if self.process.wait() != 0:
            return None
        return {path: _source(facts) for path, facts in json.loads(data).items()}

    def end(self) -> None:
        """Kill the process and release its resources."""
        self.process.kill()
        self.process.wait()
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _pieces(descriptor: int) -> Iterator[bytes]:
    """Yield what can be read from *descriptor*, checking for interruption during waits."""
    while True:
        check()
        if select.select([descriptor], [], [], _LOOK)[0]:
            if not (piece := os.read(descriptor, 1 << 16)):
                return
            yield piece


def _written(tree: View) -> str:
    return json.dumps([[str(root) for root in tree.roots], sorted(tree.hidden)])


def _view(written: str) -> View:
    roots, hidden = json.loads(written)
    return View(tuple(map(Path, roots)), frozenset(hidden))


def serve(tree: str, srcarch: str) -> None:
    """Read the sources listed on standard input, and write their facts to standard output."""
    die_with_parent()
    with open(0, "rb") as asked:
        tasks = json.load(asked)
    found = {path: attrs.asdict(source) for path, source in _read(_view(tree), srcarch, tasks)}
    with open(1, "wb") as out:
        out.write(json.dumps(found).encode())


def _source(facts: Mapping[str, Any]) -> CSource:
    return CSource(
        aliases=tuple(facts["aliases"]),
        drivers=tuple((bus, name) for bus, name in facts["drivers"]),
        firmware=tuple(facts["firmware"]),
        softdeps=tuple(facts["softdeps"]),
        unreadable=facts["unreadable"],
    )
