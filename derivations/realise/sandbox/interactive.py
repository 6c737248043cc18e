"""A command in a builder's sandbox that one talks to: over pipes, or on the user's terminal.

Nothing of it is an output of anything. What it sees is what a builder with the same mounts sees, so
what is found out in it holds for a build.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile

from pathlib import Path
from typing import IO, TYPE_CHECKING

from derivations.realise.realise import held_plan
from derivations.realise.sandbox import probe
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.process import Process, Streams
from derivations.realise.sandbox.terminal import KEYBOARD, SCREEN, Terminal
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.derivation import Output
    from store.local import Store


_ERRORS = 2


class NotRealised(Error):
    """Something that is to be seen in a sandbox has not been built."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"nothing can be run with {', '.join(self.names)}, which is not built yet"


class CannotRun(Error):
    """A command did not begin, though there was a sandbox for it."""

    command: str
    reason: str

    def __str__(self) -> str:
        return f"{self.command} cannot be run in the sandbox: {self.reason}"


@contextlib.contextmanager
def session(
    store: Store,
    mounts: Mapping[str, Output],
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    terminal: bool = False,
    build: Path | None = None,
    out: Path | None = None,
    writable: Mapping[str, Path] | None = None,
    bounds: Bounds | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *argv* in a sandbox with *mounts*, and end it with all of its processes when the body ends.

    With *terminal* the command has the caller's streams, if they are a terminal through one of its own
    (`derivations.realise.sandbox.terminal`). Without, standard input and output are pipes, and `stderr` is a file
    with what was written so far. *build* and *out* are the directories for /build and /out, by default
    empty ones that go away in the end; *writable* names further directories that can be changed. *bounds* is how many
    processes it may have, and how much fits into what it has in memory.

    Raises:
        NotRealised: an input is not in the store.
        CannotRun: there is no such command.
        NoUserNamespaces, NoBubblewrap, SandboxRefused, MountRefused: there is no such sandbox.
    """
    places = _places(store, mounts)
    with contextlib.ExitStack() as stack:
        line: _Line = stack.enter_context(_Pipes() if not terminal else _Screen() if _at_terminal() else _Line())
        scratch = stack.enter_context(scratch_for(store)) if build is None or out is None else Path()
        sandbox = Sandbox(
            mounts=places,
            build=build or _made(scratch / "build"),
            out=out or _made(scratch / "out"),
            argv=(*line.prefix, *argv),
            env=env or {},
            writable=writable or {},
            leads=bool(line.prefix),
            bounds=(bounds or Bounds()).for_machine(),
            lent=frozenset({*(it for it in (build, out) if it is not None), *(writable or {}).values()}),
        )
        process = stack.enter_context(Process(sandbox, line.streams))
        line.begin(process.popen)
        process.await_start()
        try:
            yield process.popen
        except Exception:  # whatever the body made of it that nobody answered
            _check_begun(process, line, argv[0])
            raise
        _check_begun(process, line, argv[0])


def scratch_for(store: Store) -> contextlib.AbstractContextManager[Path]:
    """Return a context that gives an empty directory: the store's, or where nothing can be written there another one."""
    return _temporary() if store.read_only else store.scratch()


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kernix-") as directory:
        yield Path(directory)


class _Line(contextlib.AbstractContextManager["_Line"]):
    """What connects us with a command: here, our own three streams."""

    streams = Streams(stdin=KEYBOARD, stdout=SCREEN, stderr=_ERRORS)
    prefix: tuple[str, ...] = ()

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Take notice that the command runs as *process*, and has the other ends by now."""

    def said(self) -> bytes:
        """Return what it wrote last, if that is known."""
        return b""

    def __exit__(self, *_: object) -> None:
        """Give back what is ours."""


class _Pipes(_Line):
    """Pipes, and for errors a file: nobody might read a third pipe before it is full."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._errors = os.memfd_create("errors")
        self._stack.callback(os.close, self._errors)
        self.streams = Streams(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Let our ends of the pipes be closed in the end, and the file be read as `stderr`."""
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None  # noqa: S101 -- it was asked for
            self._stack.callback(_close, pipe)
        process.stderr = self._stack.enter_context(self._open())

    def said(self) -> bytes:
        """Return all errors."""
        with self._open() as file:
            return file.read()

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self._stack.close()

    def _open(self) -> IO[bytes]:
        # Anew, since with the descriptor the command would share the place in the file.
        return Path(f"/proc/self/fd/{self._errors}").open("rb")


class _Screen(_Line):
    """A terminal of the command's own."""

    # The first terminal that the leader of a session opens controls it; bubblewrap shows what standard output is as
    # /dev/console. The leader must be inside, where its number means something, and no interactive shell, whose
    # signals the kernel keeps from the first process of a namespace.
    prefix = ("/bin/sh", "-c", 'exec <> /dev/console >&0 2>&0; "$@"; exit $?', "sh")

    def __init__(self) -> None:
        self._terminal = Terminal()
        self.streams = Streams(**dict.fromkeys(("stdin", "stdout", "stderr"), self._terminal.inner))

    def begin(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 -- as the others
        """Carry what is typed in and what is written out from now on."""
        self._terminal.begin()

    def said(self) -> bytes:
        """Return the last that was written."""
        return self._terminal.last()

    def __exit__(self, *_: object) -> None:
        """Give the user's terminal back."""
        self._terminal.close()


def _at_terminal() -> bool:
    return os.isatty(KEYBOARD) and os.isatty(SCREEN)


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # what was not written to a command that is gone
        pipe.close()


def _places(store: Store, mounts: Mapping[str, Output]) -> dict[str, Path]:
    """Return where the objects that are mounted lie, kept from the collector from now on."""
    todo = held_plan(store, mounts.values())
    if missing := {output.derivation.name for output in mounts.values() if output not in todo.present}:
        raise NotRealised(tuple(sorted(missing)))
    return {place: store.path(todo.present[output]) for place, output in mounts.items()}


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _check_begun(process: Process, line: _Line, command: str) -> None:
    """Raise what kept the command from beginning, if something did."""
    ended = process.popen.poll()
    process.finish()
    if process.exit_code is not None:
        return
    complaints = [it for it in line.said().decode(errors="replace").splitlines() if it.startswith("bwrap: ")]
    if complaints and (why := re.match(r"bwrap: execvp (.*): (.*)", complaints[-1])) is not None:
        raise CannotRun(why[1], why[2].strip().lower())
    if complaints:
        raise probe.explain(complaints[-1])
    if ended:  # by itself, and said so only to the user
        probe.check()
        raise CannotRun(command, "bubblewrap could not start it")
