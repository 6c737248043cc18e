"""Tests of derivations.realise.sandbox: what a builder sees and can do, in real sandboxes."""

from __future__ import annotations

import itertools
import os
import socket

from typing import TYPE_CHECKING

import pytest

from derivations.realise.run import BuildFailed
from derivations.realise.sandbox import FILES, MountRefused, Sandbox


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.conftest import Bench, Caller


EXECUTES = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")


def arguments(tmp_path: Path, mounts: dict[str, Path]) -> list[str]:
    """Return bubblewrap's options for *mounts*, from the first one that makes a file system on."""
    numbers = itertools.count(100)
    sandbox = Sandbox(mounts=mounts, build=tmp_path / "build", out=tmp_path / "out", argv=("/x",))
    options = sandbox.arguments(lambda _: next(numbers))
    last = max(i for i, option in enumerate(options) if option == "--setenv")
    return options[last + 3 :]


def test_arguments(tmp_path: Path) -> None:
    """The root's entries are bound one by one, and its links made anew."""
    root = tmp_path / "root"
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    assert (
        arguments(tmp_path, {"/": root})
        == f"""--symlink usr/bin /bin --bind {tmp_path}/build /build --dev /dev
        --perms 0444 --file 100 /etc/group --perms 0444 --file 101 /etc/hosts --perms 0444 --file 102 /etc/passwd
        --bind {tmp_path}/out /out --proc /proc --tmpfs /tmp --ro-bind {root}/usr /usr
        --remount-ro / --chdir /build""".split()
    )


def test_no_network_interface(bench: Bench) -> None:
    """There is no network interface but the loopback."""
    lines = bench.run("cat /proc/net/dev")
    assert ["lo"] == [line.split(":")[0].strip() for line in lines if ":" in line]


@EXECUTES
def test_no_network_connection(bench: Bench, caller: Caller) -> None:
    """A connection to this machine's own port, which listens, is refused."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        # The descriptor that socket() returns is 3: the first call makes it, so the program must do both; a shell
        # cannot. What can be asked from one call is whether the abstract socket of a listener here is reachable.
        assert port
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0kernix-test-{os.getpid()}")
        listener.listen()
        names = bench.run("cat /proc/net/unix; cat /proc/net/tcp")
        assert not any("kernix-test" in line for line in names)
