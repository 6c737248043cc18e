"""Commands on real kernels, in real virtual machines: by serial ports, and with this machine's files."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
import time

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.terminal import User


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = [pytest.mark.kernel, pytest.mark.long]  # linux_guest

GUEST = "linux_guest"
PATIENCE = 300  # seconds: a boot takes one, but the machine may be busy


def ran(real: Kernix, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Return how `kernix run` with *words* ended."""
    return subprocess.run(
        [sys.executable, "-m", "kernix", "run", *words],
        cwd=real.home,
        env=real.environment,
        input=given,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def built(real: Kernix) -> Kernix:
    """Return kernix with the kernel that all of these tests run."""
    real.run("build", GUEST, "--no-link")
    return real


def test_serial_ports_are_exact(real: Kernix) -> None:
    """linux_micro has no PCI: its root is the initramfs, and the streams are as exact as on others."""
    data = os.urandom(30_000)
    done = ran(real, "linux_micro", "--", "sh", "-c", "tee /tmp/in; sha256sum < /tmp/in >&2; exit 7", given=data)
    assert (7, data) == (done.returncode, done.stdout)
    assert hashlib.sha256(data).hexdigest().encode() in done.stderr
    assert b"`linux_micro` does not build in PCI, " in done.stderr


def test_streams_and_code(built: Kernix) -> None:
    """A megabyte each way, errors apart, and the exit code."""
    data = os.urandom(1_000_000)
    done = ran(built, GUEST, "--", "sh", "-c", "cat; echo complaint >&2; exit 9", given=data)
    assert (9, b"complaint\n") == (done.returncode, done.stderr)
    assert data == done.stdout


def test_the_root_is_this_machines(built: Kernix) -> None:
    """The command sees a file here, changes it for itself, and leaves it as it was; with `--rw` it stays."""
    (built.home / "shared").mkdir(exist_ok=True)
    (built.home / "mine").write_text("before")
    code = "cat mine; echo after > mine; echo kept > shared/new; cat mine; pwd; id -u"
    done = ran(built, "--rw", "shared", GUEST, "--", "sh", "-c", code)
    assert (0, b"") == (done.returncode, done.stderr)
    assert f"beforeafter\n{built.home.resolve()}\n0\n" == done.stdout.decode()
    assert ("before", "kept\n") == ((built.home / "mine").read_text(), (built.home / "shared/new").read_text())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["sh", "-c", "kill -TERM $$"], 143, id="signal"),
        pytest.param(["/nowhere"], 127, id="missing"),
        pytest.param(["/etc/passwd"], 126, id="not-executable"),
    ],
)
def test_exit_codes(built: Kernix, words: list[str], code: int) -> None:
    """They are a shell's."""
    assert code == ran(built, GUEST, "--", *words).returncode


def test_a_panic_is_shown_from_its_first_line_on(built: Kernix) -> None:
    """Without an init there is no command: the error is the panic, with the console from its first line on."""
    done = ran(built, "--append", "rdinit=/nowhere", GUEST, "--", "true")
    sentence = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
    first, title, cause, *_ = done.stderr.decode().splitlines()
    assert (125, b"") == (done.returncode, done.stdout)
    assert (f"error: the guest's kernel failed: {sentence}", f"> {sentence}") == (first, cause.strip())
    assert "the guest's console:" == title.strip()


def test_the_time_limit(built: Kernix) -> None:
    """Its exit code is that of timeout(1)."""
    done = ran(built, "--timeout", "3", GUEST, "--", "sleep", "1000")
    assert 124 == done.returncode


def test_disks_processors_memory_and_words(built: Kernix) -> None:
    """A disk keeps what is written to it; the rest is as requested."""
    disk = built.home / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    code = "printf written | dd of=/dev/vda bs=512 seek=1 conv=notrunc 2>/dev/null; nproc; cat /proc/cmdline"
    done = ran(built, "--disk", "disk.img", "--cpus", "2", "--append", "mine=1", GUEST, "--", "sh", "-c", code)
    assert (0, b"") == (done.returncode, done.stderr)
    assert b"written" == disk.read_bytes()[512:519]
    assert re.fullmatch(r"2\n.* mine=1\n", done.stdout.decode())


def test_a_terminal(built: Kernix) -> None:
    """The shell has the size of the user's terminal, Ctrl-C interrupts its command, and the terminal is restored."""
    user = User.sit_down(
        [sys.executable, "-m", "kernix", "run", "--shell", GUEST],
        {**built.environment, "TERM": "xterm"},
        cwd=built.home,
    )
    threading.Timer(PATIENCE, user.process.kill).start()
    try:
        user.type("stty size; tty\n")
        user.see(r"\r31 97\r\n|\n31 97\r\n")
        user.see("/dev/pts/0")
        user.type("echo $((40 + 2)); sleep 1000\n")
        user.see(r"\r42\r\n")
        user.type("\x03")
        user.see(r"\^C")
        user.type("echo code $?\n")
        user.see("code 130")
        user.type("exit 3\n")
        assert 3 == user.process.wait(PATIENCE)
        assert user.before == user.settings()
    finally:
        user.leave()


def test_nothing_remains(built: Kernix) -> None:
    """When kernix is killed, so is QEMU."""
    host = subprocess.Popen(
        [sys.executable, "-m", "kernix", "run", GUEST, "--", "sh", "-c", "echo up; sleep 1000"],
        cwd=built.home,
        env=built.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with host:
        assert host.stdout is not None
        assert b"up\n" == host.stdout.readline()
        [guest] = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
        host.kill()
    place = Path(f"/proc/{guest}")
    deadline = time.monotonic() + PATIENCE
    while place.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
