"""A running sandbox: start it, kill it, and make sure that it has ended.

Bubblewrap (A) starts the first process of a new PID namespace (B), which starts the builder. We
learn B's pid from bubblewrap's status descriptor and hold a pidfd of it. When B ends, the kernel
kills every process in the namespace, and waits for them before the pidfd becomes ready. So once
B's pidfd is ready, no process is left that could write to the outputs, whatever double forks,
closed descriptors or ignored signals there were. A's end alone says less: A ends as soon as the
builder does, while B may still be exiting.

If we are killed, `--die-with-parent` ends A and B. It is tied to the *thread* that started A, so
a `Process` is started, watched and finished in one thread.

Bubblewrap reads its options from a pipe that we fill only after its resource limits are set; setting
them in the child before it runs anything would mean forking this whole process. B reads its seccomp
filter from another pipe. We fill that one after the sandbox is made (bubblewrap signals this by
reading a byte) and after the limits that count in its namespaces are set. If we die first, bubblewrap
finds no options, or an empty filter, which the kernel refuses: no builder runs. B is bound to A's
life, and A to ours, only some steps later; until then neither would notice our death. So a guard
(`derivations.realise.sandbox.guard`) learns B's pid before B gets its filter, and kills B when we are gone.
When we are root, or directories are to be seen as one, A starts as a program of ours that execs bubblewrap
(`derivations.realise.sandbox.launch`).
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
from derivations.realise.sandbox.control_group import control_group
from derivations.realise.sandbox.guard import Guard
from derivations.realise.sandbox.launcher import Files, Launcher, launcher
from store.errors import Error


if TYPE_CHECKING:
    from types import TracebackType

    from derivations.realise.sandbox.bubblewrap import Sandbox


PATIENCE = 60.0
"""Seconds to wait for processes after SIGKILL: beyond that they hang in the kernel."""

_FIRST_TO_GO = "900"  # of 1000: out of memory, the kernel should kill builders, not us or other programs
_SETUP = 60.0  # seconds that making a sandbox may take: usually a fraction of one, longer on an overloaded machine
_START = 5.0  # seconds to wait for B's pid before bubblewrap is killed without it


class Unkillable(Error):
    """Processes of a sandbox survived SIGKILL."""

    pid: int

    def __str__(self) -> str:
        return f"process {self.pid} of a build did not exit after SIGKILL"


@attrs.frozen(kw_only=True)
class Streams:
    """The standard input, output and errors of a sandboxed command, as `subprocess.Popen` takes them."""

    stdin: int
    stdout: int
    stderr: int


class Process:
    """A running sandbox, used as a context manager; none of its processes is left afterwards.

    Attributes:
        output: A descriptor for reading the builder's output, if no streams were given.
        status: A descriptor that becomes readable when `read_status` must be called.
        popen: Bubblewrap itself, which ends when the builder does.
        end: A descriptor that becomes readable when the builder has ended.
        group: The control group that limits it, if this machine allows one.
        exit_code: The builder's exit code; None if it never started or something killed the sandbox.
    """

    output: int

    def __init__(self, sandbox: Sandbox, streams: Streams | None = None) -> None:
        """Start *sandbox* with *streams*; by default its input is empty and its output goes to a pipe of ours."""
        self.exit_code: int | None = None
        self._said = b""
        self._first: tuple[int, int] | None = None  # B: pid and pidfd
        self._bounds = sandbox.bounds
        self._limit_tasks = False
        self._over = False
        with contextlib.ExitStack() as mine, contextlib.ExitStack() as theirs:
            if streams is None:
                self.output, output = _pipe(mine, theirs)
                os.set_blocking(self.output, False)
                streams = Streams(stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            self.status, status_end = _pipe(mine, theirs)
            # Opened for reading, too: if we were killed, A would die for lack of a reader, and B wait for ever.
            status = os.open(f"/proc/self/fd/{status_end}", os.O_RDWR | os.O_CLOEXEC)
            theirs.callback(os.close, status)
            starter = mine.enter_context(
                launcher(sandbox.caller_owned, terminal=sandbox.is_session_leader, layered=sandbox.is_layered)
            )
            self.group = mine.enter_context(control_group(sandbox.bounds))
            self._guard = Guard()
            mine.callback(lambda: self._guard.release(ended=self._over))
            files = Files(theirs)
            gate, self._gate = _gate(theirs)
            mine.callback(self._shut)
            arrived, self._arrival = _full_pipe(theirs, mine)
            files.descriptors += (gate, arrived)
            options = _options(sandbox, starter, files, ("--block-fd", arrived), ("--seccomp", gate))
            with contextlib.ExitStack() as filling:
                arguments, fill = _pipe(theirs, filling)
                command = _command(sandbox, starter, files, ("--args", arguments), ("--json-status-fd", status))
                descriptors = [arguments, status, *files.descriptors]
                self.popen = _spawn(command, streams, descriptors, sandbox.conditions.umask)
                self._guard.started(self.popen.pid)
                theirs.close()
                try:
                    self.end = os.pidfd_open(self.popen.pid)
                    mine.callback(os.close, self.end)
                    _confine(self.popen.pid, sandbox.conditions.processors)
                    if starter.user is None:
                        resource.prlimit(self.popen.pid, resource.RLIMIT_CORE, (0, 0))
                        self._limit_tasks = _counts_by_namespace()  # root's are limited by the launcher
                    if self.group is not None and not self.group.add(self.popen.pid):
                        self.group = None
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
        """Return the pid of B, if it is known."""
        return None if self._first is None else self._first[0]

    def read_status(self) -> bool:
        """Read bubblewrap's status, and let the builder start; return False at the end of the status."""
        data = os.read(self.status, 1 << 12)
        *documents, self._said = (self._said + data).split(b"\n")
        for document in documents:
            status = json.loads(document)
            if "child-pid" in status and self._first is None:
                with contextlib.suppress(ProcessLookupError):
                    self._first = status["child-pid"], os.pidfd_open(status["child-pid"])
                    self._mine.callback(os.close, self._first[1])
                    self._let_begin(self._first[0])
            self.exit_code = status.get("exit-code", self.exit_code)
        return bool(data)

    def await_start(self, patience: float | None = None) -> None:
        """Wait until B is known, or never will be, at most *patience* seconds for each message."""
        while self._first is None and _ready(self.status, patience):
            if not self.read_status():
                break

    def _let_begin(self, first: int) -> None:
        """Set the limits of B and its descendants, and let it continue."""
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
        self._guard.watch(first)
        gate, self._gate = self._gate, None
        with contextlib.suppress(BrokenPipeError):
            os.write(gate, seccomp.program(os.uname().machine))
        os.close(gate)

    def _shut(self) -> None:
        """Keep the builder from starting, if it has not started."""
        if self._gate is not None:
            os.close(self._gate)
            self._gate = None

    def kill(self) -> None:
        """Kill every process of the sandbox."""
        # Just after A's fork, B would not notice A's death: so wait for B's pid first.
        self._shut()
        self.await_start(_START)
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first[1], signal.SIGKILL)
        else:
            self.popen.kill()

    def finish(self) -> None:
        """Kill what still runs, and wait until nothing does.

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
        self._over = True


def _options(sandbox: Sandbox, starter: Launcher, files: Files, *steps: tuple[str, int]) -> bytes:
    """Return bubblewrap's options for *sandbox*, and for the *steps* that follow once it is made."""
    starter.grant([sandbox.build, sandbox.out, *sandbox.writable.values()])
    options = sandbox.arguments(files.open, starter.place)
    options += [str(word) for step in steps for word in step]
    return "".join(f"{option}\0" for option in options).encode(errors="surrogateescape")


def _command(sandbox: Sandbox, starter: Launcher, files: Files, *options: tuple[str, int]) -> list[str]:
    """Return the command that starts bubblewrap, which waits until it has read all of its arguments."""
    words = [str(word) for option in options for word in option]
    argv = [str(probe.bubblewrap()), *words, "--", *sandbox.argv]
    limits = {"RLIMIT_CORE": 0}
    if sandbox.bounds.processes:
        limits["RLIMIT_NPROC"] = _hard(sandbox.bounds.processes)
    return starter.command(argv, limits, files.open, kvm=sandbox.kvm)


def _hard(processes: int) -> int:
    """Return the kernel's limit for *processes*: higher, so that we see the excess before forks fail."""
    return processes + processes // 8 + 16


def _counts_by_namespace() -> bool:
    """Return whether RLIMIT_NPROC counts per user namespace, as since Linux 5.14, and not all processes of a user."""
    version = [int(it) for it in re.findall(r"\d+", os.uname().release)[:2]]
    return version >= [5, 14]


def _confine(pid: int, processors: int | None) -> None:
    """Let the process *pid*, and what it starts, use that many processors, as far as there are so many."""
    if processors is not None:
        os.sched_setaffinity(pid, sorted(os.sched_getaffinity(0))[:processors])


def _spawn(command: list[str], streams: Streams, descriptors: list[int], umask: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        pass_fds=descriptors,
        env={},
        cwd="/",
        umask=umask,
        start_new_session=True,  # Ctrl-C is for us; we pass it on as SIGKILL
    )


def _gate(reader: contextlib.ExitStack) -> tuple[int, int | None]:
    """Return a pipe whose writing end the caller closes."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    return read, write


def _full_pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Return a pipe that is full, and becomes writable once its one byte has been read."""
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
