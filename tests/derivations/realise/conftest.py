"""What the tests of the realiser share: a root file system to run in, and a way to run in it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from derivations.realise.log import Mark
from derivations.realise.run import Limits, Watcher, run
from derivations.realise.sandbox import Sandbox


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


TOOLS = (
    "cat", "chmod", "cp", "env", "head", "hostname", "id", "ln", "ls", "mkdir", "mkfifo", "mknod", "mv", "ps", "readlink",
    "rm", "seq", "setsid", "sh", "sleep", "sort", "stat", "touch", "yes",
)  # fmt: skip


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tree with this machine's shell, some tools, and the libraries that they need."""
    root = tmp_path_factory.mktemp("root") / "root"
    (root / "bin").mkdir(parents=True)
    (root / "etc").mkdir()
    programs = [shutil.which(tool) for tool in TOOLS]
    for tool, program in zip(TOOLS, programs, strict=True):
        assert program is not None, f"{tool} is not on this machine"
        shutil.copy(program, root / "bin" / tool)
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=True).stdout
    for library in {word for word in told.split() if word.startswith("/") and not word.endswith(":")}:
        target = root / library[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    return root


@attrs.define(kw_only=True)
class Bench:
    """Runs shell scripts in sandboxes on *root*."""

    root: Path
    build: Path
    out: Path
    log: Path
    cancel: int
    lines: list[str] = attrs.field(factory=list)
    marks: list[Mark] = attrs.field(factory=list)

    def run(
        self,
        script: str,
        *,
        mounts: Mapping[str, Path] | None = None,
        env: Mapping[str, str] | None = None,
        argv: tuple[str, ...] = (),
        limits: Limits | None = None,
    ) -> list[str]:
        """Run *script*, or *argv*, and return the lines that it wrote."""
        sandbox = Sandbox(
            mounts={"/": self.root, **(mounts or {})},
            build=self.build,
            out=self.out,
            argv=argv or ("/bin/sh", "-c", script),
            env=env or {},
        )
        self.lines.clear()
        watcher = Watcher(
            line=self.lines.append,
            progress=lambda done, expected: self.marks.append(Mark(done, expected)),
            cancel=self.cancel,
        )
        run(sandbox, name="it", log=self.log, limits=limits or Limits(), watcher=watcher)
        return self.lines


@pytest.fixture
def bench(root: Path, tmp_path: Path) -> Iterator[Bench]:
    """Return a bench with directories of its own."""
    for name in ("build", "out", "logs"):
        (tmp_path / name).mkdir()
    cancel = os.eventfd(0)
    yield Bench(
        root=root, build=tmp_path / "build", out=tmp_path / "out", log=tmp_path / "logs" / "aa" / "it.zst", cancel=cancel
    )
    os.close(cancel)


@attrs.frozen
class Caller:
    """Makes programs that do one system call and exit with its error number, or 0."""

    directory: Path

    def program(self, abi: str, number: int, *arguments: int | bytes) -> Path:
        """Return a static x86_64 program for one call of *number*; bytes become pointers to them."""
        path = self.directory / "call"
        path.write_bytes(_elf(abi, number, arguments))
        path.chmod(0o755)
        return path


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    """Return a maker of one-call programs."""
    return Caller(tmp_path)


_BASE = 0x400000
_HEADERS = 64 + 56
_LOADS_64 = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8")  # mov rdi, rsi, rdx, r10, r8
_LOADS_32 = (b"\xbb", b"\xb9", b"\xba", b"\xbe", b"\xbf")  # mov ebx, ecx, edx, esi, edi
_SYSCALL = b"\x0f\x05"
_EXIT = bytes.fromhex("4889c7 48f7df 4885c0 7802 31ff b83c000000 0f05")  # exit(rax < 0 ? -rax : 0)


def _elf(abi: str, number: int, arguments: tuple[int | bytes, ...]) -> bytes:
    """Return an ELF file with one segment: headers, code, strings."""
    code = _code(abi, number, [0 for _ in arguments])
    strings, places = b"", []
    for argument in arguments:
        if isinstance(argument, bytes):
            places.append(_BASE + _HEADERS + len(code) + len(strings))
            strings += argument + b"\0"
        else:
            places.append(argument)
    body = _code(abi, number, places) + strings
    size = _HEADERS + len(body)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 1, 7, 0, _BASE, _BASE, size, size, 0x1000) + body


def _code(abi: str, number: int, arguments: list[int]) -> bytes:
    if abi == "i386":
        loads = b"".join(load + struct.pack("<I", it) for load, it in zip(_LOADS_32, arguments, strict=False))
        return loads + b"\xb8" + struct.pack("<I", number) + b"\xcd\x80\x48\x63\xc0" + _EXIT  # int 0x80; movsxd
    number |= 0x40000000 if abi == "x32" else 0
    loads = b"".join(load + struct.pack("<Q", it) for load, it in zip(_LOADS_64, arguments, strict=False))
    return loads + b"\x48\xb8" + struct.pack("<Q", number) + _SYSCALL + _EXIT
