"""Run an interactive command in a builder's sandbox, on pipes or on the user's terminal.

It produces no outputs. It sees exactly what a builder with the same mounts sees, so what it shows
is true of a build.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from derivations.realise.realise import held_plan
from derivations.realise.sandbox import probe
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.process import Process, Streams
from derivations.realise.sandbox.terminal import ERRORS, KEYBOARD, SCREEN, Display, Terminal
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from derivations.derivation import Output
    from derivations.realise.sandbox.layers import Layers
    from store.local import Store


class NotRealised(Error):
    """An input of a sandbox has not been built."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"cannot run anything with {', '.join(self.names)}: not built yet"


class CannotRun(Error):
    """A command did not start, though its sandbox was made."""

    command: str
    reason: str

    def __str__(self) -> str:
        return f"cannot run {self.command} in the sandbox: {self.reason}"


@contextlib.contextmanager
def session(
    store: Store,
    mounts: Mapping[str, Output],
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    terminal: bool = False,
    build: Path | Layers | None = None,
    out: Path | None = None,
    writable: Mapping[str, Path] | None = None,
    layers: Mapping[str, Layers] | None = None,
    bounds: Bounds | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *argv* in a sandbox with *mounts*, and kill all of its processes when the body ends.

    With *terminal* the command gets the caller's streams, those that are a terminal through one of its own
    (`derivations.realise.sandbox.terminal`). Without, standard input and output are pipes, and `stderr` is a file
    with what was written so far. *build* and *out* are the directories for /build and /out, by default
    empty ones that are deleted in the end; *writable* lists further writable directories, *layers* directories that
    are seen as one; both take the place of what is mounted there. *bounds* limits its processes and the size of its
    file systems in memory.

    Raises:
        NotRealised: an input is not in the store.
        CannotRun: the command does not exist or does not start.
        NoUserNamespaces, NoBubblewrap, SandboxRefused, MountRefused: the sandbox cannot be created.
    """
    shown: dict[str, Path | Layers] = {**_places(store, mounts), **(layers or {})}
    for place in writable or {}:
        shown.pop(place, None)
    with contextlib.ExitStack() as stack:
        line: _Line = stack.enter_context(_Pipes() if not terminal else _Screen() if _at_terminal() else _Shown())
        scratch = stack.enter_context(scratch_for(store)) if build is None or out is None else Path()
        sandbox = Sandbox(
            mounts=shown,
            build=build or _made(scratch / "build"),
            out=out or _made(scratch / "out"),
            argv=(*line.prefix, *argv),
            env=env or {},
            writable=writable or {},
            is_session_leader=bool(line.prefix),
            bounds=(bounds or Bounds()).for_machine(),
            caller_owned=frozenset({*(it for it in (build, out) if isinstance(it, Path)), *(writable or {}).values()}),
        )
        process = stack.enter_context(Process(sandbox, line.streams))
        line.begin(process.popen)
        process.await_start()
        try:
            yield process.popen
        except Exception:  # the body may have failed only because the command never started
            _check_begun(process, line, argv[0])
            raise
        _check_begun(process, line, argv[0])


def scratch_for(store: Store) -> contextlib.AbstractContextManager[Path]:
    """Return a context with an empty directory: in the store, or elsewhere if the store is read-only."""
    return _temporary() if store.read_only else store.scratch()


@contextlib.contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kernix-") as directory:
        yield Path(directory)


class _Line(contextlib.AbstractContextManager["_Line"]):
    """The streams that connect us with a command: here, our own three."""

    streams = Streams(stdin=KEYBOARD, stdout=SCREEN, stderr=ERRORS)
    prefix: tuple[str, ...] = ()

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Start work: the command runs as *process*, and has its ends of the streams."""

    def last_output(self) -> bytes:
        """Return the command's last output, if it is known."""
        return b""

    def __exit__(self, *_: object) -> None:
        """Restore what `begin` changed."""


class _Pipes(_Line):
    """Pipes, and a file for errors: a third pipe might fill up unread."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._errors = os.memfd_create("errors")
        self._stack.callback(os.close, self._errors)
        self.streams = Streams(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Close our ends of the pipes in the end, and make the file readable as `stderr`."""
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None  # noqa: S101 -- both are pipes
            self._stack.callback(_close, pipe)
        process.stderr = self._stack.enter_context(self._open())

    def last_output(self) -> bytes:
        """Return all errors."""
        with self._open() as file:
            return file.read()

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self._stack.close()

    def _open(self) -> IO[bytes]:
        # Opened again: a duplicate of the descriptor would share the command's file offset.
        return Path(f"/proc/self/fd/{self._errors}").open("rb")


class _Screen(_Line):
    """A terminal for the command alone."""

    # The first terminal that a session leader opens controls the session; bubblewrap offers standard output as
    # /dev/console. The leader must be inside, where its pid is valid, and must not be an interactive shell: the
    # kernel withholds signals from the first process of a namespace.
    prefix = ("/bin/sh", "-c", 'exec <> /dev/console >&0 2>&0; "$@"; exit $?', "sh")

    def __init__(self) -> None:
        self._terminal = Terminal()
        self.streams = Streams(**dict.fromkeys(("stdin", "stdout", "stderr"), self._terminal.inner))

    def begin(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 -- as the others
        """Relay input and output from now on."""
        self._terminal.begin()

    def last_output(self) -> bytes:
        """Return the last output."""
        return self._terminal.last()

    def __exit__(self, *_: object) -> None:
        """Restore the user's terminal."""
        self._terminal.close()


class _Shown(_Line):
    """Our own streams, with a terminal for what appears on the user's: nothing else may reach that."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._displays: dict[tuple[int, int], Display] = {}
        streams: dict[str, Any] = {"stdin": KEYBOARD, "stdout": SCREEN, "stderr": ERRORS}
        for name, descriptor in (("stdout", SCREEN), ("stderr", ERRORS)):
            if os.isatty(descriptor):
                streams[name] = self._display(descriptor).inner
        if os.isatty(KEYBOARD):
            streams["stdin"] = os.open(f"/proc/self/fd/{KEYBOARD}", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
            self._stack.callback(os.close, streams["stdin"])
        self.streams = Streams(**streams)

    def begin(self, process: subprocess.Popen[bytes]) -> None:  # noqa: ARG002 -- as the others
        """Show output from now on."""
        for display in self._displays.values():
            display.begin()

    def last_output(self) -> bytes:
        """Return the last output."""
        return b"\n".join(it.last() for it in self._displays.values())

    def __exit__(self, *_: object) -> None:
        """Show the rest of the output."""
        self._stack.close()

    def _display(self, screen: int) -> Display:
        """Return the terminal that *screen* shows, the same one for the same terminal: so the order of its lines stays."""
        which = (os.fstat(screen).st_dev, os.fstat(screen).st_ino)
        if which not in self._displays:
            display = self._displays[which] = Display(screen)
            self._stack.callback(display.close)
        return self._displays[which]


def _at_terminal() -> bool:
    return os.isatty(KEYBOARD) and os.isatty(SCREEN)


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # the command is gone, with input still unwritten
        pipe.close()


def _places(store: Store, mounts: Mapping[str, Output]) -> dict[str, Path]:
    """Return the paths of the mounted objects, protected from the collector from now on."""
    todo = held_plan(store, mounts.values())
    if missing := {output.derivation.name for output in mounts.values() if output not in todo.present}:
        raise NotRealised(tuple(sorted(missing)))
    return {place: store.path(todo.present[output]) for place, output in mounts.items()}


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _check_begun(process: Process, line: _Line, command: str) -> None:
    """Raise the reason if the command never started."""
    ended = process.popen.poll()
    process.finish()
    if process.exit_code is not None:
        return
    complaints = [it for it in line.last_output().decode(errors="replace").splitlines() if it.startswith("bwrap: ")]
    if complaints and (why := re.match(r"bwrap: execvp (.*): (.*)", complaints[-1])) is not None:
        raise CannotRun(why[1], why[2].strip().lower())
    if complaints:
        raise probe.explain(complaints[-1])
    if ended:  # on its own, after reporting only to the user
        probe.check()
        raise CannotRun(command, "bubblewrap could not start it")
