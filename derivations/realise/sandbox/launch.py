"""Start a sandbox for root, as an unprivileged user who must reach files below closed directories; or one with layers.

This runs as a separate program (`launcher.command`) that uses only the standard library, between kernix, which
is root, and bubblewrap, which must not be: root outside all user namespaces is also root inside where
files such as /proc/sys/kernel/core_pattern are concerned. The steps:

    mounts of our own ─▶ each source at /tmp/0, /tmp/1, … ─▶ limits ─▶ the builder's user ─▶ bubblewrap

A store may be below /root, whose mode is 0700. So each source is mounted at a place that the user can reach, in a
private mount namespace; the sources themselves stay as closed as they are. A container's root may
lack the right to mount; it then makes a user namespace in which it has that right, and in which it and
the builder's user are the only users.

Lent directories (the caller's, not ours) are mounted so that the user's files belong to root on the disk
(mount_setattr(2)). Where the file system does not support this, the files are given to the user, and the process
that started us takes them back.

Layers (`derivations.realise.sandbox.layers`) are mounted here too, since bubblewrap learned that only in 0.11. Whoever
changes the mode or the time of a file must own it. So each writable layer of root's is seen through a mount like that
of a lent directory, and changes to a file of root's make another file of root's. An ordinary user's builders own the
user's files anyway; the user makes a user namespace, and mounts in that, which leaves all marks of overlayfs in
extended attributes that a user may set. Where any of this is refused, so is the sandbox.

If kernix dies meanwhile, bubblewrap finds no options and ends (`derivations.realise.sandbox.process`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import stat
import struct

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


STAGE = "/tmp"  # noqa: S108 -- covered, in a mount namespace of our own

# From linux/sched.h, mount.h, prctl.h, keyctl.h and fcntl.h.
_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # on every architecture
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_JOIN_SESSION_KEYRING = 1
_MNT_DETACH = 2
_CAPABILITIES = 0x20080522  # the third version of capget(2)
_AT_FDCWD, _AT_EMPTY_PATH, _OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = -100, 0x1000, 1, 4
_MOUNT_ATTR_IDMAP = 0x100000

_libc = ctypes.CDLL(None, use_errno=True)


class _Complaint(Exception):
    """A step failed; its message goes to the builder's log."""


def launch(plan: int, argv: Sequence[str]) -> None:
    """Exec *argv* as planned in the descriptor *plan*: a JSON object, written by `launcher.Launcher.command`."""
    with open(plan, encoding="ascii") as file:
        wanted = json.load(file)
    try:
        _start(wanted, argv)
    except _Complaint as complaint:
        os.write(2, f"bwrap: {complaint}\n".encode(errors="replace"))
        raise SystemExit(1) from None


def join_session_keyring() -> None:
    """Give this thread, and what it starts, a new session keyring, if this kernel has keyrings."""
    number = _KEYCTL.get(platform.machine())
    if number is not None:
        _libc.syscall(ctypes.c_long(number), ctypes.c_int(_JOIN_SESSION_KEYRING), None)


def _start(wanted: dict[str, Any], argv: Sequence[str]) -> None:
    user, groups = wanted["user"], wanted["groups"]
    if user is not None:
        _let_open_again(user, terminal=wanted["terminal"])
    with _step("making a mount namespace"):
        owns_machine = _separate(user, groups)
        _mount(None, "/", None, _MS_SLAVE | _MS_REC)
    with _step("mounting what the builder sees"):
        lent = {source: _borrowed(source, wanted) for source in wanted["lent"]}
        _show(wanted["sources"], lent, user, "" if owns_machine else "userxattr,")
    with _step("setting limits"):
        for name, value in wanted["limits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
    with _step(f"becoming user {user}"):
        if user is not None:
            os.setgroups(groups)
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if user is not None:
        join_session_keyring()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and the program it execs would inherit that
        signal.signal(number, signal.SIG_DFL)
    with _step(f"running {argv[0]}"):
        os.execve(argv[0], list(argv), {})  # noqa: S606 -- there is no shell


def _let_open_again(user: int, *, terminal: bool) -> None:
    """Let *user* open its standard streams by name (/dev/stderr) if they are pipes, or its own *terminal*."""
    for stream in range(3):
        mode = os.fstat(stream).st_mode
        if stat.S_ISFIFO(mode) or (terminal and stat.S_ISCHR(mode)):
            with contextlib.suppress(OSError):
                os.fchown(stream, user, -1)


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise _Complaint(f"{name}: {error.strerror}{where}") from None


def _separate(user: int | None, groups: Sequence[int]) -> bool:
    """Enter a new mount namespace, through a user namespace if we may not make one directly; return whether we may."""
    if user is None:
        _become_mounter()
        return False
    try:
        _unshare(_CLONE_NEWNS)
    except PermissionError:
        with _mapper(f"0 0 1\n{user} {user} 1\n", {0, user, *groups}):
            _unshare(_CLONE_NEWUSER | _CLONE_NEWNS)
        return False
    return True


def _become_mounter() -> None:
    """Enter a mount namespace, and a user namespace in which we are who we were, and may mount."""
    user, group = os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWUSER | _CLONE_NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 -- pathlib takes too long to load
            file.write(text)


@contextlib.contextmanager
def _mapper(users: str, groups: set[int]) -> Iterator[None]:
    """Write the maps of the body's new user namespace from outside: only then may they have several entries."""
    pid, (reader, writer) = os.getpid(), os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(writer)
        if not os.read(reader, 1):
            os._exit(1)
        _write_maps(pid, users, "".join(f"{it} {it} 1\n" for it in sorted(groups)))
        os._exit(0)
    os.close(reader)
    try:
        yield
        os.write(writer, b"x")
    finally:
        os.close(writer)
        _, status = os.waitpid(helper, 0)
    if status:
        raise OSError(os.waitstatus_to_exitcode(status), "its user and group maps were refused")


def _write_maps(pid: int, users: str, groups: str) -> None:
    try:
        for name, text in (("uid_map", users), ("gid_map", groups)):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 -- pathlib takes too long to load
                file.write(text)
    except OSError:
        os._exit(2)


def _show(sources: Sequence[Any], lent: Mapping[str, int | None], user: int | None, options: str) -> None:
    """Mount each of *sources*, or its mount in *lent*, at its number in the stage, which may cover some of them.

    Layers belong to *user* and get the *options*.
    """
    opened = [_Layers.open(it) if isinstance(it, dict) else _open(it) for it in sources]
    _mount("tmpfs", STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
    for number, (source, found) in enumerate(zip(sources, opened, strict=True)):
        place = f"{STAGE}/{number}"
        if isinstance(found, _Layers):
            with _step(f"mounting {source['upper'] or source['lower'][0]} with its lower layers"):
                found.mount(_made(place), user, options)
            continue
        if stat.S_ISDIR(os.fstat(found).st_mode):
            _made(place)
        else:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        if (tree := lent.get(source)) is not None:
            _attach(tree, place)
        else:
            _mount(f"/proc/self/fd/{found}", place, None, _MS_BIND | _MS_REC)


class _Layers:
    """Directories to be mounted as one: descriptors, since their paths may be covered, or have a comma."""

    def __init__(self, lower: list[int], parent: int | None, names: tuple[str, ...]) -> None:
        """Combine *lower* with the directories *names* in *parent*: the upper one, and the kernel's."""
        self._lower, self._parent, self._names = lower, parent, names

    @classmethod
    def open(cls, source: Mapping[str, Any]) -> _Layers:
        """Open *source*, as `launcher` describes it."""
        lower = [_open(it) for it in source["lower"]]
        if source["upper"] is None:
            return cls(lower, None, ())
        parent, name = os.path.split(source["upper"])
        return cls(lower, _open(parent), (name, os.path.basename(source["work"])))  # noqa: PTH119 -- pathlib takes too long to load

    def mount(self, place: str, user: int | None, options: str) -> None:
        """Mount them at *place*, as files of *user* if that is not None and they can be changed."""
        if self._parent is None:
            self._lower.append(_open(_made(f"{place}.empty")))  # the kernel wants two, if nothing can be changed
            self._combine(place, options)
            return
        if user is None:
            self._combine(place, f"{self._below(self._parent)}{options}volatile,")
            return
        owner = _users(user)
        stages = [_made(f"{place}.{number}") for number in range(len(self._lower) + 1)]
        for descriptor, stage in zip((self._parent, *self._lower), stages, strict=True):
            _attach(_as_owned(descriptor, owner), stage)  # overlayfs takes nothing that is not attached
        parent, *self._lower = map(_open, stages)
        with _acting_as(user):
            self._combine(place, f"{self._below(parent)}{options}volatile,")
        for stage in stages:
            _check(_libc.umount2(os.fsencode(stage), ctypes.c_int(_MNT_DETACH)), stage)

    def _below(self, parent: int) -> str:
        upper, work = (_open(name, parent) for name in self._names)
        return f"upperdir=/proc/self/fd/{upper},workdir=/proc/self/fd/{work},"

    def _combine(self, place: str, options: str) -> None:
        lower = ":".join(f"/proc/self/fd/{it}" for it in self._lower)
        plain = "index=off,redirect_dir=nofollow,metacopy=off,xino=off"  # whatever the machine's defaults are
        _mount("overlay", place, "overlay", _MS_NOSUID | _MS_NODEV, f"{options}lowerdir={lower},{plain}")


def _open(path: str, parent: int | None = None) -> int:
    return os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)


def _made(path: str) -> str:
    os.mkdir(path, 0o755)  # noqa: PTH102 -- pathlib takes too long to load
    return path


@contextlib.contextmanager
def _acting_as(user: int) -> Iterator[None]:
    """Make files as *user*, with all rights of root: so does overlayfs, for what is mounted meanwhile."""
    header, rights = struct.pack("=Ii", _CAPABILITIES, 0), ctypes.create_string_buffer(24)
    _check(_libc.capget(header, rights))
    effective = [struct.unpack_from("=III", rights.raw, it)[0] for it in (0, 12)]
    _libc.setfsgid(user)
    _libc.setfsuid(user)  # which takes some rights away
    try:
        _check(_libc.capget(header, rights))
        for it, value in zip((0, 12), effective, strict=True):
            struct.pack_into("=I", rights, it, value)
        _check(_libc.capset(header, rights))
        yield
    finally:
        _libc.setfsuid(0)
        _libc.setfsgid(0)


def _attach(tree: int, place: str) -> None:
    """Attach the mount *tree* at *place*."""
    _syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, place.encode(), _MOVE_MOUNT_F_EMPTY_PATH)


def _as_owned(directory: int, owner: int) -> int:
    """Return a mount of *directory* that shows root's files as those of root in the user namespace *owner*."""
    tree = _syscall(_OPEN_TREE, directory, b"", _AT_EMPTY_PATH | _OPEN_TREE_CLONE | os.O_CLOEXEC)
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_IDMAP, 0, 0, owner)
    _syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attributes, ctypes.c_size_t(len(attributes)))
    return tree


def _borrowed(source: str, wanted: Mapping[str, Any]) -> int | None:
    """Return a mount of *source* that shows root's files as the user's; None if the user got the files instead."""
    with contextlib.suppress(OSError):
        return _as_owned(_open(source), _users(wanted["user"]))
    _give(source, wanted["user"], range(*wanted["users"]))
    return None


def _users(user: int) -> int:
    """Return a user namespace whose root is *user*."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(OSError):
            _unshare(_CLONE_NEWUSER)
            os.write(writer, b"x")
            signal.pause()
        os._exit(1)
    os.close(writer)
    try:
        if not os.read(reader, 1):
            raise PermissionError
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 -- pathlib takes too long to load
                file.write(f"0 {user} 1\n")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _give(source: str, user: int, users: range) -> None:
    """Give the tree *source* to *user*, if all of it is ours, or was given to one of *users* and never taken back."""
    for change in (False, True):
        for _, directories, files, descriptor in os.fwalk(source, follow_symlinks=False):
            for name in (".", *directories, *files):
                owner = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid
                if change:
                    os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)
                elif owner != os.geteuid() and owner not in users:
                    raise PermissionError(1, "it belongs to another user", f"{source}: {name}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)))


def _mount(source: str | None, place: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if it is None else os.fsencode(it) for it in (source, place, kind, data)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), place)


def _syscall(number: int, *arguments: object) -> int:
    return _check(_libc.syscall(ctypes.c_long(number), *arguments))


def _check(result: int, place: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)
    return result
