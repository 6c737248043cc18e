"""Where secret keys come from: files of their owner alone, and commands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from store.signing.keys import InvalidSecretKey, SecretKey
from store.signing.secret import (
    SecretCommandFailed,
    SecretExists,
    SecretUnreadable,
    UnsafeSecret,
    load_secret,
    secret_from,
    write_secret,
)


if TYPE_CHECKING:
    from pathlib import Path


KEY = SecretKey("k", bytes([7] * 32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with the key."""
    write_secret(tmp_path / "keys/k.secret", KEY)
    return tmp_path / "keys/k.secret"


def test_written_for_the_owner_alone(file: Path) -> None:
    """A new key is in a file that its owner alone can read, in a directory of its owner alone, and nothing else is left."""
    assert load_secret(file) == KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == ["k.secret"]  # noqa: PTH208 -- names


def test_the_umask_opens_nothing(tmp_path: Path) -> None:
    """No umask makes the file readable for others."""
    before = os.umask(0)
    try:
        write_secret(tmp_path / "k", KEY)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600


def test_never_overwritten(file: Path) -> None:
    """A file that exists is left alone."""
    with pytest.raises(SecretExists):
        write_secret(file, SecretKey("k", bytes([8] * 32)))

    assert load_secret(file) == KEY
    assert os.listdir(file.parent) == ["k.secret"]  # noqa: PTH208 -- names


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the key's place is something that exists, even if it leads nowhere."""
    (tmp_path / "k").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SecretExists):
        write_secret(tmp_path / "k", KEY)
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_killed_process_left(tmp_path: Path) -> None:
    """A temporary link that somebody put in place of the temporary file is replaced, not followed."""
    (tmp_path / f".k.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    write_secret(tmp_path / "k", KEY)

    assert load_secret(tmp_path / "k") == KEY
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o666])
def test_open_to_others(file: Path, mode: int) -> None:
    """A file that others may read, write or run is refused, and the error says how to close it."""
    file.chmod(mode)

    with pytest.raises(UnsafeSecret, match=f"mode {mode:04o}") as caught:
        load_secret(file)
    assert f"chmod 600 {file}" in str(caught.value.hint)


def test_read_only(file: Path) -> None:
    """A file that its owner can only read is as good."""
    file.chmod(0o400)
    assert load_secret(file) == KEY


@pytest.mark.root
def test_of_another_user(file: Path) -> None:
    """A file of another user is refused, also by root, who could read it."""
    os.chown(file, 12345, 0)

    with pytest.raises(UnsafeSecret, match="belongs to another user"):
        load_secret(file)


def test_a_symbolic_link(file: Path, tmp_path: Path) -> None:
    """A symbolic link is refused: who can change the link chooses the key."""
    (tmp_path / "link").symlink_to(file)

    with pytest.raises(UnsafeSecret, match="symbolic link"):
        load_secret(tmp_path / "link")


def test_a_link_on_the_way(file: Path, tmp_path: Path) -> None:
    """Directories may be reached by links: many people's configuration is."""
    (tmp_path / "linked").symlink_to(file.parent)
    assert load_secret(tmp_path / "linked/k.secret") == KEY


def test_a_pipe(tmp_path: Path) -> None:
    """A named pipe is refused at once, without waiting for a writer."""
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(UnsafeSecret, match="not a regular file"):
        load_secret(tmp_path / "pipe")


def test_a_directory(tmp_path: Path) -> None:
    """So is a directory."""
    tmp_path.chmod(0o700)

    with pytest.raises(UnsafeSecret, match="not a regular file"):
        load_secret(tmp_path)


def test_no_file(tmp_path: Path) -> None:
    """A missing file is an error that names it."""
    with pytest.raises(SecretUnreadable) as caught:
        load_secret(tmp_path / "none")

    assert caught.value.file == tmp_path / "none"


CONTENTS = {
    "empty": b"",
    "other-bytes": b"\xff\xfe",
    "public-key": f"{KEY.public}\n".encode(),
    "two-keys": f"{KEY.text}\n{KEY.text}\n".encode(),
    "huge": b"k:" + b"A" * 100_000,
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_other_content(file: Path, content: bytes) -> None:
    """A file with something else in it is an error that shows nothing of it."""
    file.write_bytes(content)

    with pytest.raises(InvalidSecretKey) as caught:
        load_secret(file)
    assert "AAAA" not in str(caught.value)


def test_from_a_command(file: Path) -> None:
    """A key may come from a command, such as that of a keeper of passwords."""
    assert secret_from(["cat", str(file)]) == KEY


COMMANDS = {
    "no-program": (["/nonexistent/program"], "cannot be run: no such file or directory"),
    "failed": (["sh", "-c", "exit 3"], "failed with code 3"),
    "killed": (["sh", "-c", "kill -9 $$"], "was ended by signal 9"),
    "nul": (["a\0b"], "cannot be run: embedded null byte"),
}


@pytest.mark.parametrize(("command", "reason"), COMMANDS.values(), ids=COMMANDS)
def test_commands_that_fail(command: list[str], reason: str) -> None:
    """A command that fails is named, with how it failed."""
    with pytest.raises(SecretCommandFailed) as caught:
        secret_from(command)

    assert (caught.value.command, caught.value.reason) == (tuple(command), reason)


def test_a_slow_command() -> None:
    """A command that does not end is stopped."""
    with pytest.raises(SecretCommandFailed, match=r"took longer than 0\.2 s"):
        secret_from(["sleep", "60"], timeout=0.2)


def test_a_command_that_prints_nothing() -> None:
    """A command that prints something else than a key is an error that shows nothing of it."""
    with pytest.raises(InvalidSecretKey):
        secret_from(["true"])


def test_killed_while_writing(tmp_path: Path) -> None:
    """A process that is killed before the key has its name leaves no half key under it, and the next one succeeds."""
    program = f"""
import os, signal
from pathlib import Path
from store.signing import secret
from store.signing.keys import SecretKey
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
secret.write_secret(Path({str(tmp_path / "k")!r}), SecretKey("k", bytes(32)))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)

    assert (done.returncode, (tmp_path / "k").exists()) == (-9, False)
    write_secret(tmp_path / "k", KEY)
    assert load_secret(tmp_path / "k") == KEY
