"""Whether layers work on this machine, and what their upper directory says after a build.

No setting shows whether they work: it depends on the kernel, on what is around us, and on the file system that has
the upper directory, which may be an overlay itself. So a small sandbox with layers is tried, with everything that
builds do to files of lower layers. The answer is remembered, in a file per machine, user and mount if there is a
cache. A machine may come to allow what it refused, so a refusal is forgotten after a day.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
import time

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from derivations.realise.sandbox import bubblewrap, probe
from derivations.realise.sandbox.launcher import Files, launcher
from derivations.realise.sandbox.layers import Layers, is_whiteout
from derivations.realise.sandbox.users import is_root
from store.errors import Error
from store.system.syscalls import mount_number
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterator


_DAY = 86400.0
_PATH = "/usr/bin:/bin:/run/current-system/sw/bin"
_SCRIPT = """
cd /build
echo more >> grown
echo other > cut
chmod 700 cut
touch -d @1000000000 old
rm gone dir/gone
echo new > dir/new
echo again > gone
mv dir/moved moved
rm -r emptied
mkdir emptied
ln old linked
"""
"""What builds do to files of lower layers."""

_REMEMBERED: dict[str, bool] = {}


def overlay_works(directory: Path, cache: Path | None = None) -> bool:
    """Return whether a builder can change `Layers` whose upper directory is in *directory*.

    That is tried there once per process, or once per machine if its answers are kept in the directory *cache*.

    Raises:
        NoBubblewrap, NoBuildUser: there is no sandbox.
        OSError: the trial could not be prepared.
    """
    key = hashlib.sha256(_circumstances(directory).encode(errors="surrogateescape")).hexdigest()[:32]
    if key not in _REMEMBERED:
        record = None if cache is None else cache / "overlay" / key
        found = None if record is None else _recorded(record)
        if found is None:
            found = _try(directory)
            if record is not None:
                _record(record, found)
        _REMEMBERED[key] = found
    return _REMEMBERED[key]


def _circumstances(directory: Path) -> str:
    """Return what the answer depends on: the machine, ourselves, and the mount that has *directory*."""
    system, status = os.uname(), directory.stat()
    own = [line for line in _text("/proc/self/status").splitlines() if line.startswith(("CapEff", "CapBnd", "Seccomp"))]
    settings = ("kernel/unprivileged_userns_clone", "user/max_user_namespaces", "kernel/apparmor_restrict_unprivileged_userns")
    return "\n".join(
        (
            _text("/etc/machine-id") or system.nodename,
            system.release,
            system.version,
            *own,
            _text("/proc/self/attr/current"),
            _text("/proc/self/uid_map"),
            *(_text(f"/proc/sys/{it}") for it in settings),
            f"{os.geteuid()} {os.getegid()} {status.st_uid} {status.st_gid} {status.st_mode}",
            _mount_of(directory),
        )
    )


def _mount_of(directory: Path) -> str:
    """Return what proc_pid_mountinfo(5) says of the mount that has *directory*, but for its numbers."""
    descriptor = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        number = _number(descriptor)
    finally:
        os.close(descriptor)
    for line in _text("/proc/self/mountinfo").splitlines():
        own, _, rest = line.split(" ", 2)
        if own == number:
            return rest
    return str(directory.stat().st_dev)


def _number(descriptor: int) -> str:
    for line in _text(f"/proc/self/fdinfo/{descriptor}").splitlines():
        if line.startswith("mnt_id:"):
            return line.split()[1]
    return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape").strip("\n\0")
    except OSError:
        return ""


def _recorded(record: Path) -> bool | None:
    """Return the answer in *record*, if there is one that still counts."""
    with contextlib.suppress(OSError):
        text = record.read_text(encoding="ascii", errors="replace")
        if text == "works" or (text == "refused" and 0 <= time.time() - record.stat().st_mtime < _DAY):
            return text == "works"
    return None


def _record(record: Path, answer: bool) -> None:
    with contextlib.suppress(OSError):  # then the next process tries it as well
        record.parent.mkdir(exist_ok=True)
        part = record.with_name(f"{record.name}.{secrets.token_hex(4)}")
        part.write_text("works" if answer else "refused", encoding="ascii")
        part.replace(record)


def _try(directory: Path) -> bool:
    """Run the script on layers in *directory*, and return whether it did what it should."""
    place = Path(tempfile.mkdtemp(prefix=".layers-", dir=directory))
    try:
        return _run(_prepared(place)) and _outcome(place)
    finally:
        remove_tree(place)


def _prepared(place: Path) -> Layers:
    for name in ("one/dir", "two/emptied", "upper", "work"):
        (place / name).mkdir(parents=True)
    for name in ("one/grown", "one/cut", "one/dir/gone", "one/dir/moved", "two/old", "two/gone", "two/emptied/file"):
        (place / name).write_text("old\n", encoding="ascii")
    return Layers(lower=(place / "one", place / "two"), upper=place / "upper", work=place / "work")


def _run(layers: Layers) -> bool:
    """Run the script with the programs of this machine."""
    with contextlib.ExitStack() as stack:
        files = Files(stack)
        starter = stack.enter_context(launcher(layered=True))
        build = starter.place(layers)
        options = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run")
        argv = [str(probe.bubblewrap()), *bubblewrap.OPTIONS, "--setenv", "PATH", _PATH, *options]
        argv += ["--bind", build, "/build", "--", "/bin/sh", "-ec", _SCRIPT]
        done = subprocess.run(
            starter.command(argv, {}, files.open),
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=files.descriptors,
            check=False,
        )
    return done.returncode == 0
