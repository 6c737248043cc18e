"""QEMU as a process of the user's: run from its root file system in the store, but without a sandbox.

A guest gets what its user can read, and nothing else: so QEMU must see this machine's files, with their true owners. In a
sandbox without privileges all owners but one are lost. So the program is started by the dynamic loader of its own root
file system, with that one's libraries.
"""

from __future__ import annotations

import contextlib
import subprocess

from typing import TYPE_CHECKING

from store.errors import Error
from store.osutil.syscalls import die_with_parent


if TYPE_CHECKING:
    import socket

    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


_LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "usr/lib")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_MODULES = "usr/lib/x86_64-linux-gnu/qemu"
_DATA = ("usr/share/qemu", "usr/share/seabios")

PATIENCE = 2  # seconds: to write what it holds to its disks


class NoEmulator(Error):
    """QEMU's root file system does not have what starts it."""

    place: Path

    def __str__(self) -> str:
        return f"cannot start QEMU: {self.place} does not exist"


@contextlib.contextmanager
def running(
    root: Path, program: str, arguments: Sequence[str], ends: Iterable[socket.socket]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run QEMU's *program* in *root* with *arguments*; it inherits the sockets *ends*, and ends with the block.

    It is in a session of its own: signals of the terminal are for us.

    Raises:
        NoEmulator: it is not there.
    """
    ends = tuple(ends)
    process = subprocess.Popen(
        command(root, program, arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "QEMU_MODULE_DIR": str(root / _MODULES)},
        pass_fds=[it.fileno() for it in ends],
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 -- it makes one system call
    )
    try:
        for end in ends:
            end.close()
        yield process
    finally:
        _end(process)


def command(root: Path, program: str, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs QEMU's *program* in the root file system *root*.

    Raises:
        NoEmulator: it is not there.
    """
    loader, binary = root / _LOADER, root / "usr/bin" / program
    for place in (loader, binary):
        if not place.exists():
            raise NoEmulator(place)
    libraries = ":".join(str(root / it) for it in _LIBRARIES)
    data = [word for it in _DATA for word in ("-L", str(root / it))]
    return [str(loader), "--library-path", libraries, str(binary), *data, *arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert process.stderr is not None  # noqa: S101 -- it is a pipe
    process.stderr.close()
