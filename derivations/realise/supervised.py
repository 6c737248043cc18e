"""Run a program of the host that ends when kernix does, however kernix ends.

The program and everything it starts are one process group. A shell in that group reads from a pipe whose
other end only kernix holds; when that end is closed, even by the kernel because kernix was killed, the shell
kills the group. This needs no signal handler and no timer, and also ends helpers that outlive their parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


_POLL = 0.2
"""Seconds between two checks for cancellation: a short delay after a Ctrl-C."""

# Background jobs of a shell read from /dev/null, hence descriptor 3 for the pipe.
_GUARD = """\
LC_ALL=C; export LC_ALL
exec 3<&0 </dev/null
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
guard=$!
exec 3<&-
"$@"
code=$?
kill -KILL "$guard" 2>/dev/null
exit "$code"
"""


class RunTimedOut(Exception):
    """A program was killed because it exceeded its timeout."""


class RunCancelled(Exception):
    """A program was killed because the run was cancelled."""


def guarded(command: Sequence[str]) -> list[str]:
    """Return *command* under a guard; its standard input must be a pipe, and closing the other end kills the group."""
    return ["/bin/sh", "-c", _GUARD, "kernix", *command]


def run(
    command: Sequence[str], *, timeout: float, cancelled: Callable[[], bool] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *command* to completion, with English messages and no input, and return its output.

    Args:
        command: The program and its arguments.
        timeout: Seconds it may take.
        cancelled: Whether to stop, polled several times a second.
        cwd: The directory to run it in; by default this process's own.

    Raises:
        RunTimedOut: it was killed after *timeout* seconds.
        RunCancelled: it was killed because *cancelled* returned true.
    """
    with subprocess.Popen(
        guarded(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        cwd=cwd,
    ) as process:
        try:
            out, err = _listen(process, time.monotonic() + timeout, cancelled)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(list(command), process.wait(), out, err)


def _listen(process: subprocess.Popen[str], end: float, cancelled: Callable[[], bool] | None) -> tuple[str, str]:
    # `communicate` would close the pipe, and so kill the program, before it listens.
    lifeline, process.stdin = process.stdin, None
    try:
        while True:
            left = end - time.monotonic()
            try:
                return process.communicate(timeout=max(0, left) if cancelled is None else max(0, min(_POLL, left)))
            except subprocess.TimeoutExpired:
                if cancelled is not None and cancelled():
                    raise RunCancelled from None
                if time.monotonic() >= end:
                    raise RunTimedOut from None
    finally:
        if lifeline is not None:
            lifeline.close()
