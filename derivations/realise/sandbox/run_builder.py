"""Run one builder: read its output, enforce its limits, and report how it ended."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import time

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from derivations.realise.job import Cancelled
from derivations.realise.sandbox import probe
from derivations.realise.sandbox.bounds import amount
from derivations.realise.sandbox.bubblewrap import SHARED, TMP
from derivations.realise.sandbox.log import FLUSH, Lines, LogWriter, NoKvmMessage, ProgressMessage, WarningMessage
from derivations.realise.sandbox.process import Process
from derivations.realise.sandbox.usage import Excess, Watch
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from derivations.realise.sandbox.bounds import Bounds
    from derivations.realise.sandbox.bubblewrap import Sandbox
    from derivations.realise.sandbox.log import LogEntry


CHUNK = 1 << 16  # bytes: all that a pipe holds (pipe(7))

_NO_SPACE = os.strerror(errno.ENOSPC)
_NO_FORK = (os.strerror(errno.EAGAIN), "Cannot fork")  # dash and BusyBox print no reason


@attrs.frozen(kw_only=True)
class BuildFailed(Error):
    """A builder failed.

    Attributes:
        name: The derivation's name.
        reason: What happened.
        tail: The last lines of its output.
        log: The file with all of its output, if there is any.
        advice: What the builder suggests doing about it.
        kind: The builder's name for this kind of failure.
    """

    exit_code: ClassVar[int] = 100

    name: str
    reason: str
    tail: tuple[str, ...] = ()
    log: Path | None = None
    advice: str | None = None
    kind: str | None = None

    def __str__(self) -> str:
        return f"building {self.name} failed: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return the builder's own advice, else where the log is."""
        return self.advice or (f"the full log is {self.log}" if self.log is not None else None)


@attrs.frozen(kw_only=True)
class BuildTimedOut(BuildFailed):
    """A builder exceeded a time limit."""

    exit_code: ClassVar[int] = 101


@attrs.frozen(kw_only=True)
class Limits:
    """How long a builder may run and how long it may print nothing, in seconds, and how much it may print, in bytes."""

    timeout: float | None = None
    max_silent_time: float | None = None
    max_log_size: int = 1 << 30  # as in `Settings`


@attrs.frozen(kw_only=True)
class Watcher:
    """Callbacks for a builder's output, and the way to stop it.

    Attributes:
        line: Called with each line of text.
        progress: Called when the builder reports progress.
        warning: Called when the builder reports a warning.
        no_kvm: Called with the reason when the builder reports that KVM does not work.
        cancel: A descriptor that becomes readable when the build must stop.
    """

    line: Callable[[str], None]
    progress: Callable[[int, int | None], None]
    warning: Callable[[str], None] = lambda _text: None
    no_kvm: Callable[[str], None] = lambda _reason: None
    cancel: int


def run(sandbox: Sandbox, *, name: str, log: Path, limits: Limits, watcher: Watcher) -> None:
    """Run the builder of the derivation called *name*; its output goes to the file *log*.

    Raises:
        BuildFailed: it failed.
        BuildTimedOut: it took longer than *limits* allow.
        Cancelled: *watcher* stopped it.
        NoUserNamespaces, NoBubblewrap, SandboxRefused, MountRefused: the sandbox cannot be created.
    """
    session = _Session(LogWriter(log), limits, watcher)
    try:
        with Process(sandbox) as process:
            met = None if process.group is None else process.group.excess
            stop = session.listen(process, Watch(sandbox.bounds, sandbox.build, met))
            process.finish()
            if stop is None and met is not None and (excess := met()) is not None:
                stop = _Stop.of(excess)
            session.drain(process.output)
    finally:
        place = session.log.close()
    facts: dict[str, Any] = {"name": name, "tail": tuple(session.lines.tail), "log": place}
    if stop is not None:
        raise Cancelled(name) if stop.error is None else stop.error(reason=stop.reason, advice=stop.advice, **facts)
    if process.exit_code is None:
        raise _refusal(sandbox.argv, facts)
    if process.exit_code != 0:
        facts["advice"] = _advice(session.lines.tail, sandbox.bounds)
        failure = session.lines.failure
        if failure is not None:
            facts["advice"] = failure.advice or facts["advice"]
            raise BuildFailed(reason=failure.sentence, kind=failure.kind, **facts)
        raise BuildFailed(reason=f"its builder {_end(process.exit_code)}", **facts)


@attrs.frozen
class _Stop:
    """Why a builder was stopped; *error* is None if the user stopped it."""

    error: type[BuildFailed] | None
    reason: str = ""
    advice: str | None = None

    @classmethod
    def of(cls, excess: Excess) -> _Stop:
        return cls(BuildFailed, excess.reason, excess.advice)


class _Session:
    """The output of one builder, read until the builder ends or exceeds a limit."""

    def __init__(self, log: LogWriter, limits: Limits, watcher: Watcher) -> None:
        self.lines = Lines()
        self.log = log
        self._limits = limits
        self._watcher = watcher
        self._heard = 0.0

    def listen(self, process: Process, watch: Watch) -> _Stop | None:
        """Read until the builder ends, or return why it must be stopped; *watch* checks its use of the machine."""
        poll = select.poll()
        for descriptor in (process.output, process.status, process.end, self._watcher.cancel):
            poll.register(descriptor, select.POLLIN)
        started = self._heard = time.monotonic()
        while True:
            seconds, stop = self._patience(started, process.output)
            if seconds is not None and seconds <= 0:
                return stop
            ready = self._wait(poll, watch.due() if seconds is None else min(seconds, watch.due()))
            if self._watcher.cancel in ready:
                return _Stop(None)
            # A builder that has closed its output may still run.
            if process.output in ready and not self._hear(process.output):
                poll.unregister(process.output)
            if process.status in ready and not process.read_status():
                poll.unregister(process.status)
            if self.log.size > self._limits.max_log_size:
                return _Stop(BuildFailed, f"its builder printed more than {self._limits.max_log_size} bytes")
            if process.end in ready:
                return None
            if (excess := watch.check(process.first)) is not None:
                return _Stop.of(excess)

    def _wait(self, poll: select.poll, seconds: float) -> set[int]:
        """Return the descriptors that become readable within *seconds*; flush the log before a pause."""
        if self.log.is_pending:
            seconds = min(seconds, FLUSH)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000 + 1)}
        if not ready:
            self.log.flush()
        return ready

    def drain(self, output: int) -> None:
        """Read what is left in the pipe of a builder that has ended."""
        while self._hear(output) and self.log.size <= self._limits.max_log_size:
            pass
        self._report(self.lines.finish())

    def _hear(self, output: int) -> bool:
        """Read some output of the builder; return False at its end."""
        try:
            data = os.read(output, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            return False
        self._heard = time.monotonic()
        self.log.write(data)
        self._report(self.lines.feed(data))
        return True

    def _report(self, messages: list[LogEntry]) -> None:
        for each in messages:
            match each:
                case ProgressMessage(done, expected):
                    self._watcher.progress(done, expected)
                case WarningMessage(text):
                    self._watcher.warning(text)
                case NoKvmMessage(reason):
                    self._watcher.no_kvm(reason)
                case str():
                    self._watcher.line(each)

    def _patience(self, started: float, output: int) -> tuple[float | None, _Stop | None]:
        """Return what `_left` does, after reading what the builder wrote in time: kernix itself may have had to wait."""
        seconds, stop = self._left(started)
        if seconds is not None and seconds <= 0 and self._hear(output):
            return self._left(started)
        return seconds, stop

    def _left(self, started: float) -> tuple[float | None, _Stop | None]:
        """Return how many seconds the builder has left, and why it is stopped after them."""
        now, limits = time.monotonic(), self._limits
        left: tuple[float | None, _Stop | None] = (None, None)
        if limits.timeout is not None:
            reason = f"its builder ran for more than {_seconds(limits.timeout)}"
            left = started + limits.timeout - now, _Stop(BuildTimedOut, reason)
        if limits.max_silent_time is not None:
            silence = self._heard + limits.max_silent_time - now
            if left[0] is None or silence < left[0]:
                reason = f"its builder was silent for more than {_seconds(limits.max_silent_time)}"
                left = silence, _Stop(BuildTimedOut, reason)
        return left


def _seconds(count: float) -> str:
    return f"{count:g} second{'' if count == 1 else 's'}"


def _advice(tail: Iterable[str], bounds: Bounds) -> str | None:
    """Return a hint for a builder whose last lines are *tail*."""
    text = "\n".join(tail)
    if bounds.tmpfs and _NO_SPACE in text:
        what, limit = f"{TMP} and {SHARED} hold {amount(bounds.tmpfs)} each", "tmpfs"
    elif bounds.processes and any(it in text for it in _NO_FORK):
        what, limit = f"a build may have {bounds.processes} processes at once", "processes"
    else:
        return None
    return f"{what}, which may be the cause: {Excess('', limit).advice}"


def _end(exit_code: int) -> str:
    """Return how a builder ended; shells and bubblewrap add 128 to a signal's number."""
    try:
        return f"was killed by {signal.Signals(exit_code - 128).name}"
    except ValueError:
        return f"failed with exit code {exit_code}"


def _refusal(argv: tuple[str, ...], facts: dict[str, Any]) -> Error:
    """Return the error for a builder that never ran."""
    complaint = [line for line in facts["tail"] if line.startswith("bwrap: ")]
    if not complaint:
        return BuildFailed(reason="its sandbox was killed", **facts)
    if (why := re.match(r"bwrap: execvp .*: (.*)", complaint[-1])) is not None:
        return BuildFailed(reason=f"cannot run its builder {argv[0]} ({why[1]})", **facts)
    return probe.explain(complaint[-1])
