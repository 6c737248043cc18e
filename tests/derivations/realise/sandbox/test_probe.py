"""Tests of derivations.realise.sandbox.probe."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox import probe
from derivations.realise.sandbox.probe import NoBubblewrap, NoUserNamespaces, SandboxRefused, bubblewrap, check, explain
from derivations.realise.sandbox.users import is_root


if TYPE_CHECKING:
    from collections.abc import Iterator


UID_MAP = "bwrap: setting up uid map: Permission denied\n"


def machine(proc: Path, **settings: int) -> Path:
    """Make *proc* look like a machine with *settings*."""
    for name, value in settings.items():
        place = proc / "sys" / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{value}\n")
    return proc


@pytest.fixture
def open_path() -> Iterator[Path]:
    """Return a directory that every user of this machine can enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


def script(path: Path, text: str) -> Path:
    """Make a program at *path*."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_this_machine() -> None:
    """A sandbox with a build's options runs on this machine."""
    check()


def test_refused_by_a_real_kernel() -> None:
    """If the kernel refuses user namespaces, the error says so; tested inside a sandbox that may not make any."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from derivations.realise.sandbox.probe import NoUserNamespaces, check\n"
        "from derivations.realise.sandbox.users import NoBuildUser\n"
        "try: check()\n"
        "except (NoBuildUser, NoUserNamespaces) as error: print(error, '|', error.hint)\n"
    )
    done = subprocess.run(
        [
            bubblewrap(), "--unshare-user", "--disable-userns", "--uid", "1000", "--bind", "/", "/", "--dev", "/dev",
            "--", sys.executable, "-c", code, Path(probe.__file__).parents[3],
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    reason = "root's builders run as separate users" if is_root() else "this machine refuses user namespaces ("
    assert f"cannot sandbox builds: {reason}" in done.stdout
    assert " | " in done.stdout


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        pytest.param(
            {"kernel__unprivileged_userns_clone": 0}, "sysctl -w kernel.unprivileged_userns_clone=1", id="debian"
        ),
        pytest.param({"user__max_user_namespaces": 0}, "sysctl -w user.max_user_namespaces=", id="max"),
        pytest.param({"kernel__apparmor_restrict_unprivileged_userns": 1}, "profile bwrap /usr/bin/bwrap", id="ubuntu"),
        pytest.param({}, "in a container", id="container"),
    ],
)
def test_advice(tmp_path: Path, settings: dict[str, int], advice: str) -> None:
    """The advice depends on the machine's settings."""
    error = explain(UID_MAP, machine(tmp_path, **settings))
    assert isinstance(error, NoUserNamespaces)
    assert str(error) == (
        "cannot sandbox builds: this machine refuses user namespaces (setting up uid map: Permission denied)"
    )
    assert advice in error.advice


def test_other_refusal(tmp_path: Path) -> None:
    """A refusal unrelated to namespaces is reported in bubblewrap's words."""
    found = explain("bwrap: Can't find source path /x: No such file or directory\n", tmp_path)
    assert isinstance(found, SandboxRefused)
    assert found.message == "Can't find source path /x: No such file or directory"


def test_old_bubblewrap(tmp_path: Path) -> None:
    """A bubblewrap without an option that we need is refused by its version."""
    program = script(tmp_path / "bwrap", "echo bubblewrap 0.6.1")
    with pytest.raises(NoBubblewrap, match=r"bubblewrap 0\.6\.1 is too old"):
        check(program=program)


def test_no_bubblewrap(tmp_path: Path) -> None:
    """A missing bubblewrap is reported by name."""
    with pytest.raises(NoBubblewrap, match="cannot run") as caught:
        check(program=tmp_path / "bwrap")
    assert "apt-get install bubblewrap" in caught.value.hint


def test_failing_bubblewrap(tmp_path: Path, open_path: Path) -> None:
    """The error of a failing bubblewrap is explained."""
    program = script(
        open_path / "bwrap", f'[ "$1" = --version ] && echo bubblewrap 0.11 && exit; echo "{UID_MAP}" >&2; exit 1'
    )
    with pytest.raises(NoUserNamespaces):
        check(machine(tmp_path / "proc", user__max_user_namespaces=0), program)


def test_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's PATH does not decide which bubblewrap runs."""
    monkeypatch.setitem(os.environ, "PATH", "/nowhere")
    bubblewrap.cache_clear()
    assert bubblewrap().name == "bwrap"
