"""Ctrl-C and SIGTERM end kernix soon, whatever it is doing, and leave no process behind.

Each phase would take hours, or for ever: a process that ends at all was ended by the signal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time

from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from tests.kernix.conftest import PROJECT


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kernix.conftest import CommandLine


HUGE = 1 << 42
"""Bytes of a sparse file that takes half an hour to hash."""

LONG = 60.0
"""Seconds to wait for something on a busy machine."""

SLOW = """
from derivations.derivation import Derivation
from derivations.fetch import fetch_url
from derivations.source import local_source
from derivations.unpack import unpack

root = local_source({root!r})

def script(name, text):
    return Derivation(name=name, system="x86_64-linux", builder="/bin/sh", args=["-c", text], mounts={{"/": root.out}})

runs = script("runs", "echo begun; while :; do :; done")
"""


@pytest.fixture
def slow(kernix: CommandLine, shell: Path) -> Path:
    """Return a file with builds that do not end."""
    root = kernix.work / "root"
    shutil.copytree(shell, root)
    program = shutil.which("truncate")  # it needs only libraries that a shell needs, too
    assert program is not None, "this machine has no truncate"
    shutil.copy(program, root / "bin/truncate")
    return kernix.write("slow.py", SLOW.format(root=str(root)))


def _sparse(path: Path, size: int = HUGE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("the file system has no files so large")
    return path


def _children(pid: int) -> set[int]:
    found: set[int] = set()
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # threads come and go
            for child in map(int, place.read_text().split()):
                found |= {child} | _children(child)
    return found


def _opened(name: str) -> Callable[[int], bool]:
    """Return a function that returns whether a process, or a child of it, has a file called *name* open."""

    def has(pid: int) -> bool:
        for each in (pid, *_children(pid)):
            with contextlib.suppress(OSError):
                for place in Path(f"/proc/{each}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if place.readlink().name == name:
                            return True
        return False

    return has


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@contextlib.contextmanager
def _flocked(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _database_locked(home: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(home / "db.sqlite", isolation_level=None)) as connection:
        connection.execute("begin immediate")
        yield


class Phases:
    """What kernix is doing when the signal arrives: its words, how to recognise the phase, and what holds it up."""

    def __init__(self, kernix: CommandLine, slow: Path) -> None:
        self.kernix, self.slow = kernix, slow
        self.holding = contextlib.ExitStack()

    def add(self) -> tuple[list[str], Callable[[int], bool]]:
        """Reading a huge sparse file."""
        return ["add", str(_sparse(self.kernix.work / "huge"))], _opened("huge")

    def add_with_helpers(self) -> tuple[list[str], Callable[[int], bool]]:
        """Reading such files in a tree that is large enough for helper processes."""
        for number in range(40):
            for other in range(20):
                self.kernix.write(f"tree/{number}/{other}/file", f"{number} {other}")
        for number in range(0, 40, 4):
            _sparse(self.kernix.work / f"tree/{number}/7/huge")
        return ["add", "tree"], _opened("huge")

    def define(self) -> tuple[list[str], Callable[[int], bool]]:
        """Reading a source of the user's, for its hash."""
        _sparse(self.kernix.work / "sources/huge")
        self.kernix.write("own.py", 'from derivations.source import local_source\nown = local_source("sources")\n')
        return ["build", "-f", "own.py", "own"], _opened("huge")

    def build(self) -> tuple[list[str], Callable[[int], bool]]:
        """Running a builder."""
        return ["build", "-f", str(self.slow), "runs"], lambda pid: any(map(_is_builder, _children(pid)))

    def take_in(self) -> tuple[list[str], Callable[[int], bool]]:
        """Adding a builder's output, a huge sparse file, to the store."""
        return self._script("took", f"/bin/truncate -s {HUGE} /out/out"), _opened("out")

    def unpack(self) -> tuple[list[str], Callable[[int], bool]]:
        """Unpacking a large file."""
        member = tarfile.TarInfo("top/inside")
        member.size = 3 << 30
        place = self.kernix.work / "large.tar"
        place.write_bytes(member.tobuf())
        os.truncate(place, member.size + (1 << 20))  # zeros in the member, and at the end of the archive as required
        text = "from derivations.source import local_file\nfrom derivations.unpack import unpack\n"
        self.kernix.write("large.py", f'{text}large = unpack(local_file("large.tar"))\n')
        return ["build", "-f", "large.py", "large"], _opened("inside")

    def verify(self) -> tuple[list[str], Callable[[int], bool]]:
        """Reading an object to compare it."""
        place = Path(self.kernix("add", self.kernix.write("object", "x")).lines[0])
        place.unlink()
        _sparse(place)
        return ["verify", "--contents"], _opened(place.name)

    def other_collection(self) -> tuple[list[str], Callable[[int], bool]]:
        """Waiting for another collection."""
        return self._held("collector", "gc")

    def gate(self) -> tuple[list[str], Callable[[int], bool]]:
        """Waiting for a collector that is stuck."""
        return self._held("gate", "add", str(self.slow))

    def gate_of_a_build(self) -> tuple[list[str], Callable[[int], bool]]:
        """Waiting for the same in a thread."""
        return self._held("gate", "build", "-f", str(self.slow), "root")

    def database(self) -> tuple[list[str], Callable[[int], bool]]:
        """Waiting for the database."""
        self.kernix("add", self.kernix.write("first", "x"))
        self.holding.enter_context(_database_locked(self.kernix.home))
        return ["add", str(self.slow)], _opened("db.sqlite-wal")

    def _held(self, lock: str, *words: str) -> tuple[list[str], Callable[[int], bool]]:
        self.kernix("add", self.kernix.write("first", "x"))
        self.holding.enter_context(_flocked(self.kernix.home / "locks" / lock))
        return [*words], _opened(lock)

    def _script(self, name: str, text: str) -> list[str]:
        self.kernix.write("slow.py", f'{self.slow.read_text()}\n{name} = script("{name}", {text!r})\n')
        return ["build", "-f", str(self.slow), name]


def _is_builder(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"while :" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


PHASES = [name for name in vars(Phases) if not name.startswith("_")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_ends_every_phase(kernix: CommandLine, slow: Path, phase: str, number: signal.Signals) -> None:
    """One signal is enough, the exit code shows which one it was, and no process is left."""
    phases = Phases(kernix, slow)
    words, reached = getattr(phases, phase)()
    command = [sys.executable, "-m", "kernix", *words]
    with (
        phases.holding,
        subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process,
    ):
        try:
            _until(lambda: reached(process.pid) or process.poll() is not None, "the phase is not reached")
            assert process.poll() is None, _said(process.stderr)
            started = _children(process.pid)
            process.send_signal(number)
            process.wait(LONG)
        finally:
            process.kill()
        assert 128 + number == process.returncode, _said(process.stderr)
        _until(lambda: not any(map(_lives, started)), "something is left")


def _said(stream: IO[bytes] | None) -> str:
    return stream.read().decode(errors="replace") if stream else ""
