"""Tests of derivations.realise.sandbox.users."""

from __future__ import annotations

import os
import subprocess
import sys

from pathlib import Path

import pytest

from derivations.realise.sandbox.probe import bubblewrap
from derivations.realise.sandbox.users import USERS, NoBuildUser, build_user, is_root


AS_ROOT = pytest.mark.skipif(not is_root(), reason="needs root")
ROOT = Path(__file__).parents[4]


def test_ordinary_user(tmp_path: Path) -> None:
    """An ordinary user builds as themselves, without locks."""
    if is_root():
        pytest.skip("is root")
    with build_user(tmp_path / "users") as user:
        assert user is None
    assert list(tmp_path.iterdir()) == []


@AS_ROOT
def test_each_has_its_own(tmp_path: Path) -> None:
    """Two concurrent builds have different users in the range; a free one can be reused."""
    with build_user(tmp_path / "users") as one, build_user(tmp_path / "users") as other:
        assert one != other
        assert {one, other} < set(USERS)


@AS_ROOT
def test_users_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with running processes is skipped; if there is no other, that is an error."""
    monkeypatch.setattr("derivations.realise.sandbox.users.USERS", USERS[:2])
    code = "import os, sys; os.setuid(int(sys.argv[1])); os.execv('/bin/sh', ['sh', '-c', 'echo ready; read -r x'])"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(USERS[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with build_user(tmp_path / "users") as user:
            assert user == USERS[1]
            with pytest.raises(NoBuildUser, match="all of them are in use"), build_user(tmp_path / "users"):
                pass
        assert process.poll() is None
        process.communicate(b"x\n")
    with build_user(tmp_path / "users") as user:
        assert user in USERS[:2]


@AS_ROOT
def test_place_of_others(tmp_path: Path) -> None:
    """If others can write to the locks, there is no user."""
    (tmp_path / "users").mkdir()
    (tmp_path / "users").chmod(0o777)
    with pytest.raises(NoBuildUser, match="is writable by others"), build_user(tmp_path / "users"):
        pass
    (tmp_path / "users").chmod(0o755)
    os.chown(tmp_path / "users", 7, 7)
    with pytest.raises(NoBuildUser, match="is writable by others"), build_user(tmp_path / "users"):
        pass


@AS_ROOT
@pytest.mark.parametrize("user", ["0", "1000"])
def test_root_without_other_users(user: str) -> None:
    """Root in its own user namespace, whatever its ID there, is still root and does not build."""
    code = (
        "from derivations.realise.sandbox.users import NoBuildUser, build_user\n"
        "try:\n  with build_user() as user: print(user)\n"
        "except NoBuildUser as error: print(error, '|', error.hint)\n"
    )
    done = subprocess.run(
        [bubblewrap(), "--unshare-user", "--uid", user, "--dev-bind", "/", "/", "--", sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.startswith(
        "cannot sandbox builds: root's builders run as separate users, and this user namespace has none ("
    )
    assert done.stdout.endswith("| run kernix as an ordinary user\n")


def test_who_root_is(tmp_path: Path) -> None:
    """Root is the owner of a file that only the machine's root may change; elsewhere, user 0."""
    assert is_root(Path("/proc/sys/kernel/core_pattern")) == (Path("/proc/1").stat().st_uid == os.geteuid() == 0)
    assert is_root(tmp_path / "absent") == (os.geteuid() == 0)
