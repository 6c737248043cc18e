"""A sandbox at work: started, killed, and certainly over.

Bubblewrap (A) starts the first process of a new process namespace (B), which starts the builder. We
learn B's number from bubblewrap's status descriptor and hold on to it by a pidfd. When B ends the
kernel kills every process in the namespace and waits for them before the pidfd becomes ready: so
whoever waits for B's pidfd knows that no process is left that could write to the outputs,
whatever double forks, closed descriptors or ignored signals there were. A's end alone
says less: it comes as soon as the builder ends, with B's end still under way.

Should we be killed ourselves, `--die-with-parent` ends A and B. It is tied to the *thread* that
started A: a `Process` is started, watched and finished in one thread.

Bubblewrap reads its options from a pipe that we fill only once its resource limits are set; to
prepare a child before it runs anything would cost a fork of this whole process. B reads its filter of
system calls from another, which we fill once the sandbox has been made, as it tells by reading a byte, and the limits
that count in its namespaces are set: B is bound to A's life only after that. Between the filter and
that step of B's, a moment that bubblewrap leaves open, a SIGKILL of ours goes unnoticed by B.
Should we die before, bubblewrap finds no options, or an empty filter, which the kernel refuses: there is no builder.
Where we are root, A begins as a program of ours that becomes bubblewrap (`derivations.realise.sandbox.launch`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import select
import signal
import subprocess

from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from derivations.realise.sandbox import probe, seccomp
from derivations.realise.sandbox.launcher import Files, Launcher, launcher
from store.errors import Error


if TYPE_CHECKING:
    from types import TracebackType

    from derivations.realise.sandbox.bubblewrap import Sandbox


PATIENCE = 60.0
"""Seconds after which processes that SIGKILL does not end are given up: they hang in the kernel."""

_FIRST_TO_GO = "900"  # of 1000: a machine without memory is to end builders, and neither us nor anybody else
_SETUP = 60.0  # seconds that a sandbox may take to be made
_START = 5.0  # seconds that bubblewrap may take to tell B's number before it is killed without


class Unkillable(Error):
    """Processes of a sandbox did not end when they were killed."""

    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} of a build does not end though it was killed"


@attrs.frozen(kw_only=True)
class Streams:
    """What a sandboxed command has for its standard input, output and errors, in the terms of `subprocess.Popen`."""

    stdin: int
    stdout: int
    stderr: int


class Process:
    """A running sandbox, to be used in the body of a `with`; when that ends nothing of it is left.

    Attributes:
        output: A descriptor for what the builder writes, if it was given no streams.
        status: A descriptor that can be read when `read_status` is to be called.
        popen: Bubblewrap itself, which ends as the builder does.
        end: A descriptor that can be read once the builder has ended.
        exit_code: How the builder ended; None if it never began or something killed the sandbox.
    """

    output: int

    def __init__(self, sandbox: Sandbox, streams: Streams | None = None) -> None:
        """Start *sandbox* with *streams*; without them it reads nothing and writes into a pipe of ours."""
        self.exit_code: int | None = None
        self._said = b""
        self._first: tuple[int, int] | None = None  # B: pid and pidfd
        self._bounds = sandbox.bounds
        self._limit_tasks = False
        with contextlib.ExitStack() as mine, contextlib.ExitStack() as theirs:
            if streams is None:
                self.output, output = _pipe(mine, theirs)
                os.set_blocking(self.output, False)
                streams = Streams(stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            self.status, told = _pipe(mine, theirs)
            # It can be read, too: for lack of a reader A would die, and B wait for it for ever, had we been killed.
            status = os.open(f"/proc/self/fd/{told}", os.O_RDWR | os.O_CLOEXEC)
            theirs.callback(os.close, status)
            starter = mine.enter_context(launcher(sandbox.lent, terminal=sandbox.leads))
            files = Files(theirs)
            gate, self._gate = _gate(theirs)
            mine.callback(self._shut)
            arrived, self._arrival = _full_pipe(theirs, mine)
            files.descriptors += (gate, arrived)
            options = _options(sandbox, starter, files, ("--block-fd", arrived), ("--seccomp", gate))
            with contextlib.ExitStack() as filling:
                arguments, fill = _pipe(theirs, filling)
                command = _command(sandbox, starter, files, ("--args", arguments), ("--json-status-fd", status))
                self.popen = _spawn(command, streams, [arguments, status, *files.descriptors])
                theirs.close()
                try:
                    self.end = os.pidfd_open(self.popen.pid)
                    mine.callback(os.close, self.end)
                    if starter.user is None:
                        resource.prlimit(self.popen.pid, resource.RLIMIT_CORE, (0, 0))
                        self._limit_tasks = _counts_by_namespace()  # root's are limited on the way
                    with contextlib.suppress(BrokenPipeError), open(fill, "wb", closefd=False) as file:
                        file.write(options)
                except BaseException:
                    self.popen.kill()
                    self.popen.wait()
                    raise
            self._mine = mine.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.finish()
        finally:
            self._mine.close()

    @property
    def first(self) -> int | None:
        """Return the number of B, if it is known."""
        return None if self._first is None else self._first[0]

    def read_status(self) -> bool:
        """Take in what bubblewrap tells, and let the builder begin; return False when it will tell nothing more."""
        data = os.read(self.status, 1 << 12)
        *documents, self._said = (self._said + data).split(b"\n")
        for document in documents:
            told = json.loads(document)
            if "child-pid" in told and self._first is None:
                with contextlib.suppress(ProcessLookupError):
                    self._first = told["child-pid"], os.pidfd_open(told["child-pid"])
                    self._mine.callback(os.close, self._first[1])
                    self._let_begin(self._first[0])
            self.exit_code = told.get("exit-code", self.exit_code)
        return bool(data)

    def await_start(self, patience: float | None = None) -> None:
        """Wait until B is known, or will not be, and at most *patience* seconds for each of its steps."""
        while self._first is None and _ready(self.status, patience):
            if not self.read_status():
                break

    def _let_begin(self, first: int) -> None:
        """Set the limits that count for B and what comes from it, and let it go on."""
        if self._gate is None:
            return
        poll = select.poll()
        poll.register(self._arrival, select.POLLOUT)
        poll.register(self.end, select.POLLIN)
        poll.poll(_SETUP * 1000)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            Path(f"/proc/{first}/oom_score_adj").write_text(_FIRST_TO_GO)
        if self._limit_tasks and self._bounds.processes:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(first, resource.RLIMIT_NPROC, (_hard(self._bounds.processes),) * 2)
        gate, self._gate = self._gate, None
        with contextlib.suppress(BrokenPipeError):
            os.write(gate, seccomp.program(os.uname().machine))
        os.close(gate)

    def _shut(self) -> None:
        """Let the builder not begin, if it has not."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def kill(self) -> None:
        """Kill every process of the sandbox."""
        # Between A's fork and B's first steps only A's death would go unnoticed by B.
        self._shut()
        self.await_start(_START)
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first[1], signal.SIGKILL)
        else:
            self.popen.kill()

    def finish(self) -> None:
        """End what still runs, and wait until nothing does.

        Raises:
            Unkillable: processes hang in the kernel.
        """
        self.kill()
        if not _ready(self.end, PATIENCE):
            raise Unkillable(self.popen.pid)
        self.popen.wait()
        while self.read_status():
            pass
        if self._first is not None and not _ready(self._first[1], PATIENCE):
            raise Unkillable(self._first[0])


def _options(sandbox: Sandbox, starter: Launcher, files: Files, *steps: tuple[str, int]) -> bytes:
    """Return bubblewrap's options for *sandbox*, and for what it reads when it has been made."""
    starter.give([sandbox.build, sandbox.out, *sandbox.writable.values()])
    options = sandbox.arguments(files.open, starter.place)
    options += [str(word) for step in steps for word in step]
    return "".join(f"{option}\0" for option in options).encode(errors="surrogateescape")


def _command(sandbox: Sandbox, starter: Launcher, files: Files, *options: tuple[str, int]) -> list[str]:
    """Return what starts bubblewrap, which waits until its arguments can be read to their end."""
    words = [str(word) for option in options for word in option]
    argv = [str(probe.bubblewrap()), *words, "--", *sandbox.argv]
    limits = {"RLIMIT_CORE": 0}
    if sandbox.bounds.processes:
        limits["RLIMIT_NPROC"] = _hard(sandbox.bounds.processes)
    return starter.command(argv, limits, files.open, kvm=sandbox.kvm)


def _hard(processes: int) -> int:
    """Return how many there can be at all: more than *processes*, so that too many are seen before no more can be."""
    return processes + processes // 8 + 16


def _counts_by_namespace() -> bool:
    """Return whether RLIMIT_NPROC counts the processes of a user namespace: since Linux 5.14, not all of a user's."""
    version = [int(it) for it in re.findall(r"\d+", os.uname().release)[:2]]
    return version >= [5, 14]


def _spawn(command: list[str], streams: Streams, descriptors: list[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        pass_fds=descriptors,
        env={},
        cwd="/",
        umask=0o022,
        start_new_session=True,  # Ctrl-C is for us to hear; we pass it on as SIGKILL
    )


def _gate(reader: contextlib.ExitStack) -> tuple[int, int | None]:
    """Return a pipe whose writing end the caller closes."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    return read, write


def _full_pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Return a pipe with one byte, into which something can be written again once that has been read."""
    read, write = _pipe(reader, writer)
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1)  # a page, and each write takes one
    os.write(write, b"x")
    return read, write


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Return a pipe; the two stacks close its ends."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _ready(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
