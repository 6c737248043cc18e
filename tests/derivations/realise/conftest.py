"""Fixtures for the tests of the realiser: a root file system, and ways to run builders in it."""

from __future__ import annotations

import contextlib
import os
import secrets
import struct

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import pytest

from derivations.derivation import Derivation, Fixed, Hints, Output
from derivations.realise.realise import realise
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.bubblewrap import Sandbox
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.overlay import overlay_works
from derivations.realise.sandbox.run_builder import Limits, Watcher, run
from derivations.realise.settings import Settings
from derivations.source import local_source
from store.local import Store
from store.trees.remove import remove_tree
from tests.roots import add_tools


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from derivations.realise.events import Event, Failed, Finished, Reused, Skipped, Started, Waiting


TOOLS = (
    "cat", "chmod", "cp", "env", "find", "head", "hostname", "id", "ln", "ls", "mkdir", "mkfifo", "mknod", "mv", "ps", "readlink",
    "rm", "seq", "setsid", "sh", "sleep", "sort", "stat", "stty", "touch", "tr", "yes",
)  # fmt: skip


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with this machine's shell, some tools, and their libraries."""
    root = tmp_path_factory.mktemp("root") / "root"
    (root / "etc").mkdir(parents=True)
    add_tools(root, TOOLS)
    return root


@attrs.define(kw_only=True)
class Bench:
    """Runs shell scripts in sandboxes on *root*; with *layers*, /build is more than the directory *build*."""

    root: Path
    build: Path
    layers: Layers | None = None
    out: Path
    log: Path
    cancel: int
    lines: list[str] = attrs.field(factory=list)
    progress: list[tuple[int, int | None]] = attrs.field(factory=list)

    def on(self, *lower: Path) -> Layers:
        """Return layers with *lower*, or an empty directory, below *build*."""
        return Layers(
            lower=lower or (self.build.with_name("lower"),), upper=self.build, work=self.build.with_name("work")
        )

    def run(
        self,
        script: str,
        *,
        mounts: Mapping[str, Path | Layers] | None = None,
        env: Mapping[str, str] | None = None,
        argv: tuple[str, ...] = (),
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> list[str]:
        """Run *script*, or *argv*, and return the lines that it wrote; *on_line* is called with each."""
        sandbox = Sandbox(
            mounts={"/": self.root, **(mounts or {})},
            build=self.layers or self.build,
            out=self.out,
            argv=argv or ("/bin/sh", "-c", script),
            env=env or {},
            bounds=(bounds or Bounds()).for_machine(),
        )
        self.lines.clear()

        def hear(line: str) -> None:
            self.lines.append(line)
            on_line(line)

        watcher = Watcher(
            line=hear,
            progress=lambda done, expected: self.progress.append((done, expected)),
            cancel=self.cancel,
        )
        run(sandbox, name="it", log=self.log, limits=limits or Limits(), watcher=watcher)
        return self.lines


@pytest.fixture(params=["plain", "layers"])
def bench(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Iterator[Bench]:
    """Return a bench with its own directories: once with /build as one of them, and once as several."""
    if request.param == "layers" and not overlay_works(tmp_path):
        pytest.skip("layers do not work here")
    with made_bench(root, tmp_path) as bench:
        yield attrs.evolve(bench, layers=bench.on()) if request.param == "layers" else bench


@contextlib.contextmanager
def made_bench(root: Path, place: Path) -> Iterator[Bench]:
    """Give the body a bench with its own directories in *place*."""
    for name in ("build", "out", "logs", "work", "lower"):
        (place / name).mkdir()
    cancel = os.eventfd(0)
    try:
        yield Bench(
            root=root,
            build=place / "build",
            out=place / "out",
            log=place / "logs" / "aa" / "it.zst",
            cancel=cancel,
        )
    finally:
        os.close(cancel)


@attrs.frozen
class Mark:
    """An argument that identifies the processes of one test: a number of seconds, for `sleep`."""

    text: str = attrs.field(factory=lambda: f"1.2{secrets.randbelow(10**12):012d}")

    def running(self) -> list[int]:
        """Return the processes of this machine with that argument."""
        wanted = {self.text.encode(), b"100" + self.text.encode()}
        return [pid for pid, line in _command_lines() if not wanted.isdisjoint(line.split(b"\0"))]

    def stopped(self) -> list[int]:
        """Return those of them that are stopped by a signal."""
        return [pid for pid in self.running() if _state(pid) == "T"]


def _command_lines() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes()


def _state(pid: int) -> str:
    """Return the state letter of the process *pid* (`proc_pid_stat(5)`), "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.fixture
def mark() -> Mark:
    """Return a mark for this test's processes; prefixed with 100 it is a long time."""
    return Mark()


@attrs.define
class Recorder:
    """A listener that records events."""

    events: list[Event] = attrs.field(factory=list)

    def __call__(self, event: Event) -> None:
        """Record *event*."""
        self.events.append(event)

    def names(self, kind: type[Started | Finished | Reused | Waiting | Failed | Skipped]) -> list[str]:
        """Return the names of the derivations of the events of *kind*, in order."""
        return [event.derivation.name for event in self.events if isinstance(event, kind)]


@attrs.frozen(kw_only=True)
class Workplace:
    """A store, a root to build in, and derivations that run shell scripts."""

    store: Store
    base: Derivation
    directory: Path
    listener: Recorder = attrs.field(factory=Recorder)

    def shell(
        self,
        name: str,
        script: str,
        *,
        mounts: Mapping[str, Output] | None = None,
        outputs: tuple[str, ...] = ("out",),
        env: Mapping[str, str] | None = None,
        hints: Hints | None = None,
        fixed: Fixed | None = None,
    ) -> Derivation:
        """Return a derivation that runs *script*."""
        return Derivation(
            name=name,
            system="x86_64-linux",
            builder="/bin/sh",
            args=("-euc", script),
            mounts={"/": self.base.out, **(mounts or {})},
            outputs=outputs,
            env=env or {},
            hints=hints or Hints(),
            fixed=fixed,
        )

    def realise(self, target: Derivation | Output, **settings: Any) -> dict[str, Path]:  # noqa: ANN401 -- settings
        """Realise *target* and return the paths of its outputs."""
        paths = realise(self.store, target, Settings(**settings), self.listener)
        return {name: self.store.path(path) for name, path in paths.items()}

    def text(self, target: Derivation | Output) -> str:
        """Return the text of the one output of *target*, a file."""
        (path,) = self.realise(target).values()
        return path.read_text()

    def leftovers(self) -> list[str]:
        """Return what unfinished work is left in the store's home."""
        home = self.store.layout
        return [str(it) for place in (home.builds, home.trash) for it in place.iterdir()] + [
            str(it) for it in home.locks.iterdir() if it.name.endswith(".lock")
        ]


@pytest.fixture
def workplace(root: Path, tmp_path: Path) -> Iterator[Workplace]:
    """Return a workplace with a new store."""
    with Store.open(tmp_path / "home") as store:
        yield Workplace(store=store, base=local_source(root, name="root"), directory=tmp_path)
    remove_tree(tmp_path / "home")  # of read-only directories, at which pytest's own cleaning fails for a user


Call: TypeAlias = tuple[int | bytes, ...]
"""A system call: its number and its arguments."""


@attrs.frozen
class Caller:
    """Makes programs that do system calls and exit with the last one's error number, or 0."""

    directory: Path

    def program(self, abi: str, *calls: Call) -> Path:
        """Return a static x86_64 program that makes *calls*; arguments that are bytes become pointers to them."""
        path = self.directory / "call"
        path.write_bytes(_elf(abi, calls))
        path.chmod(0o755)
        return path


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    """Return a maker of programs that do system calls."""
    return Caller(tmp_path)


_BASE = 0x400000
_HEADERS = 64 + 56
_LOADS_64 = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8")  # mov rdi, rsi, rdx, r10, r8
_LOADS_32 = (b"\xbb", b"\xb9", b"\xba", b"\xbe", b"\xbf")  # mov ebx, ecx, edx, esi, edi
_EXIT = bytes.fromhex("4889c7 48f7df 4885c0 7802 31ff b83c000000 0f05")  # exit(rax < 0 ? -rax : 0)


def _elf(abi: str, calls: tuple[Call, ...]) -> bytes:
    """Return an ELF file with one segment: headers, code, strings."""
    strings = b"".join(it for call in calls for it in call if isinstance(it, bytes))
    end = len(_code(abi, calls, 0))
    body = _code(abi, calls, _BASE + _HEADERS + end) + strings
    size = _HEADERS + len(body)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 1, 7, 0, _BASE, _BASE, size, size, 0x1000) + body


def _code(abi: str, calls: tuple[Call, ...], strings: int) -> bytes:
    """Return the code for *calls*, whose strings follow one another from address *strings* on."""
    code = b""
    for number, *arguments in calls:
        assert isinstance(number, int)
        places = []
        for argument in arguments:
            places.append(strings if isinstance(argument, bytes) else argument)
            strings += len(argument) if isinstance(argument, bytes) else 0
        if abi == "i386":
            code += b"".join(load + struct.pack("<I", it) for load, it in zip(_LOADS_32, places, strict=False))
            code += b"\xb8" + struct.pack("<I", number) + b"\xcd\x80\x48\x63\xc0"  # int 0x80; movsxd rax, eax
        else:
            code += b"".join(load + struct.pack("<Q", it) for load, it in zip(_LOADS_64, places, strict=False))
            code += b"\x48\xb8" + struct.pack("<Q", number | (0x40000000 if abi == "x32" else 0)) + b"\x0f\x05"
    return code + _EXIT
