"""Whether layers work on this machine, and what their upper directory says after a build.

No setting shows whether they work: it depends on the kernel, on what is around us, and on the file system that has
the upper directory, which may be an overlay itself. So a small sandbox with layers is tried, with everything that
builds do to files of lower layers. The answer is remembered, in a file per machine, user and mount if there is a
cache. A machine may come to allow what it refused, so a refusal is forgotten after a day.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
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
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterator


_DAY = 86400.0
_PATH = "/usr/bin:/bin:/run/current-system/sw/bin"
_TIME, _MODE = 1000000000, 0o700
_FILES = ("one/grown", "one/cut", "one/dir/gone", "one/dir/moved", "two/old", "two/gone", "two/emptied/file")
_SETTINGS = (
    "kernel/apparmor_restrict_unprivileged_userns",
    "kernel/unprivileged_userns_clone",
    "user/max_user_namespaces",
)
_SCRIPT = f"""
cd /tmp
echo more >> grown
echo other > cut
chmod {_MODE:o} cut
touch -d @{_TIME} old
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


@attrs.frozen
class Change:
    """An entry of an upper directory.

    Attributes:
        path: Where it is, relative to that directory.
        kind: What it is; a "whiteout" hides what lower layers have there.
        opaque: Whether it is a directory that hides those of lower layers.
    """

    path: str
    kind: Literal["file", "link", "directory", "whiteout", "other"]
    opaque: bool = False


def changes(upper: Path) -> Iterator[Change]:
    """Yield what *upper* has after a build, in the order of the names, each directory before what is in it.

    A directory is there if it was made, or changed, or anything in it was.

    Raises:
        OSError: a directory cannot be read.
    """
    opaque = "trusted.overlay.opaque" if is_root() else "user.overlay.opaque"
    todo = [""]
    while todo:
        here = todo.pop()
        if here:
            yield (change := _change(upper, here, opaque))
            if change.kind != "directory":
                continue
        with os.scandir(upper / here) as entries:
            todo += sorted((os.path.join(here, it.name) for it in entries), reverse=True)  # noqa: PTH118 -- as text


def _change(upper: Path, path: str, opaque: str) -> Change:
    status = (upper / path).lstat()
    if is_whiteout(status):
        return Change(path, "whiteout")
    if stat.S_ISDIR(status.st_mode):
        return Change(path, "directory", opaque=_has_mark(upper / path, opaque))
    return Change(path, "file" if stat.S_ISREG(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "other")


def _has_mark(directory: Path, name: str) -> bool:
    try:
        return os.getxattr(directory, name, follow_symlinks=False) == b"y"
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.EOPNOTSUPP}:
            return False
        raise


def whiteout(path: Path) -> None:
    """Make an entry at *path* that hides what lower layers have there.

    Raises:
        OSError: something is there already, or the file system has no such entries.
    """
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


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
    return "\n".join(
        (
            _text("/etc/machine-id") or system.nodename,
            system.release,
            system.version,
            *own,
            _text("/proc/self/attr/current"),
            _text("/proc/self/uid_map"),
            *(_text(f"/proc/sys/{it}") for it in _SETTINGS),
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


_CHANGES = {
    *(Change(it, "file") for it in ("cut", "dir/new", "gone", "grown", "linked", "moved", "old")),
    *(Change(it, "whiteout") for it in ("dir/gone", "dir/moved")),
    Change("dir", "directory"),
    Change("emptied", "directory", opaque=True),
}


def _prepared(place: Path) -> Layers:
    for name in ("one/dir", "two/emptied", "upper", "work"):
        (place / name).mkdir(parents=True)
    for name in _FILES:
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
        argv += ["--bind", build, bubblewrap.TMP, "--", "/bin/sh", "-ec", _SCRIPT]
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


def _outcome(place: Path) -> bool:
    """Return whether the script did all that it should, and nothing else."""
    upper, old = place / "upper", (place / "two/old").lstat()
    return (
        set(changes(upper)) == _CHANGES
        and (upper / "grown").read_bytes() == b"old\nmore\n"
        and (upper / "cut").read_bytes() == b"other\n"
        and stat.S_IMODE((upper / "cut").lstat().st_mode) == _MODE
        and (upper / "old").lstat().st_mtime == _TIME != old.st_mtime
        and {it.lstat().st_uid for it in upper.rglob("*")} == {os.geteuid()}
        and all((place / it).read_bytes() == b"old\n" for it in _FILES)
    )
