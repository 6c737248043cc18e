"""builtin:driver-map: which devices the sources of a kernel tree drive, and of which options they are built.

Mounts `/tree`: the tree; `/kbuild`: what its makefiles build (`builtin:kbuild-map`). Environment: `srcarch`.

Only sources that the makefiles know are opened, and only those that name a table, a driver, an
alias or a firmware file are read further. They are read by two processes: nearly all of it is Python.
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
from store.system.interrupt import check
from store.system.syscalls import die_with_parent
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.realise.job import Job
    from store.trees.content import Content


Task: TypeAlias = "tuple[str, Sequence[str]]"
"""The path of an object, and where its source looks for headers."""

_MAX_PROCESSES = 4
_ASK_EVERY = 100
_LOOK = 0.2  # seconds between two looks whether to stop, while a process reads
_NOTHING = CSource()
_HELPER = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve(*sys.argv[1:])"


def driver_map(job: Job) -> Content:
    """Read the sources of the tree of *job*.

    Raises:
        InvalidKbuildMap: what is mounted is no map of makefiles.
        Cancelled: the job was given up.
    """
    root, srcarch = job.inputs[TREE], job.derivation.env["srcarch"]
    kbuild = Kbuild.from_json(job.inputs[KBUILD].read_bytes())
    tasks = [(path, kbuild.includes.get(posixpath.dirname(path), ())) for path in kbuild.sources()]
    count = min(len(os.sched_getaffinity(0)), _MAX_PROCESSES)
    # Every n-th to each: a directory's sources are alike, and some directories take much longer than others.
    shares = [tasks[number::count] for number in range(count)]
    helpers = [_Helper.start(root, srcarch, share) for share in shares[1:]]
    try:
        found = dict(_read(root, srcarch, shares[0], job, count))
        for helper, share in zip(helpers, shares[1:], strict=True):
            # What a helper could not do is done here, where what is wrong with it can be told.
            found |= helper.result() or dict(_read(root, srcarch, share, job))
    finally:
        for helper in helpers:
            helper.end()
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", assemble(kbuild, found, srcarch).to_json())
        return writer.finish()


def _read(
    root: Path, srcarch: str, tasks: Sequence[Task], job: Job | None = None, shares: int = 1
) -> Iterator[tuple[str, CSource]]:
    """Yield what each source in *tasks* says, by the path of its object; those with nothing to say are left out.

    The progress of *job* is that of all *shares*: the others, which are alike, are taken to be as far as this one.
    """
    headers = Headers(reader(root), srcarch)
    for number, (path, places) in enumerate(tasks):
        check()
        if job is not None and number % _ASK_EVERY == 0:
            if job.cancelled():
                raise Cancelled(job.derivation.name)
            job.progress(number * shares, len(tasks) * shares)
        name = f"{path.removesuffix('.o')}.c"
        try:
            data = (root / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
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
    def start(cls, root: Path, srcarch: str, tasks: Sequence[Task]) -> _Helper:
        """Start a process that reads the sources in *tasks*."""
        code = _HELPER.format(path=sys.path, module=__name__)
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(root), srcarch],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None  # noqa: S101 -- as it was opened above
        with contextlib.suppress(BrokenPipeError):  # told by `result`
            process.stdin.write(json.dumps(tasks).encode())
            process.stdin.close()
        return cls(process)

    def result(self) -> dict[str, CSource] | None:
        """Return what the process has read, None if it failed."""
        assert self.process.stdout is not None  # noqa: S101 -- as it was opened above
        data = b"".join(_pieces(self.process.stdout.fileno()))
        if self.process.wait() != 0:
            return None
        return {path: _source(facts) for path, facts in json.loads(data).items()}

    def end(self) -> None:
        """Leave nothing of the process behind."""
        self.process.kill()
        self.process.wait()
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _pieces(descriptor: int) -> Iterator[bytes]:
    """Yield what can be read from *descriptor*, waiting for it as long as this thread is wanted."""
    while True:
        check()
        if select.select([descriptor], [], [], _LOOK)[0]:
            if not (piece := os.read(descriptor, 1 << 16)):
                return
            yield piece


def serve(root: str, srcarch: str) -> None:
    """Read the sources whose list comes in by descriptor 0, and write to descriptor 1 what they say."""
    die_with_parent()
    with open(0, "rb") as asked:
        tasks = json.load(asked)
    found = {path: attrs.asdict(source) for path, source in _read(Path(root), srcarch, tasks)}
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
