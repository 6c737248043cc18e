"""What a builder sees, as arguments for bubblewrap.

    /           a file system of its own, read-only, made of the derivation's mounts
    /build      empty, writable, where the builder starts
    /out        empty, writable, for its outputs
    /tmp        empty, writable, in memory; so is /dev/shm
    /proc /dev  private to this sandbox, read-only
    /etc        the sandbox's passwd, group and hosts, besides what is mounted

A mount at `/` is split into its entries, so that other mount points fit beside its directories;
the same happens to a deeper directory that lacks a mount point. Symbolic links are recreated and
never followed on the host: if a mount followed one, a result that is a link to a host file would
show that file.

All namespaces are new: the only network is `lo`, the only processes are the builder's own, and the only
user is 1000; further user namespaces are refused. What exists only once per machine (/proc/sys and the like) would
be writable for a builder started by root, if /proc were not read-only and the builder were root
(`derivations.realise.sandbox.users`): either protection is enough. The environment comes from the derivation; the
host name, the user's name (`derivations.proof.conditions`) and what `uname` says are fixed.
"""

from __future__ import annotations

import os
import stat

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import attrs

from derivations.proof.conditions import USUAL, Conditions
from derivations.realise.sandbox import anonymous
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.mounts import (
    Bind,
    Cover,
    DataFile,
    Inside,
    Opened,
    Operation,
    Overlaid,
    PlainDirectory,
    Scratch,
    Special,
    Symlink,
)
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from derivations.realise.sandbox.mounts import Found


BUILD, OUT, TMP, SHARED = "/build", "/out", "/tmp", "/dev/shm"  # noqa: S108 -- a path inside the sandbox, which nobody else uses
ENVIRONMENT = {
    "HOME": "/homeless",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "TMPDIR": TMP,
    "KERNIX_BUILD_TOP": BUILD,
}
"""The builder's environment, unless its derivation overrides it."""

FILES = USUAL.files
OPTIONS = (
    "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--disable-userns",  # most kernel exploits need a user namespace
    "--cap-drop", "ALL",
    "--die-with-parent",
    "--new-session",  # no controlling terminal that a builder could type into
    "--clearenv",
)  # fmt: skip

COVERED = ("/proc/kcore", "/proc/key-users", "/proc/keys", "/proc/sched_debug", "/proc/timer_list")
"""Files that reveal the whole machine, or other users' keys."""

_CLOSED = ("/proc", "/dev", OUT)


class MountRefused(Error):
    """A derivation's mount point is not possible."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"cannot mount anything at {self.place}: {self.reason}"


@attrs.frozen(kw_only=True)
class Sandbox:
    """What one builder sees and runs.

    Attributes:
        mounts: Mount point -> the host's path or directories that are seen there, read-only.
        build: The host's directory for /build, or directories that are seen there as one.
        out: The host's directory for /out.
        argv: The builder and its arguments.
        env: The builder's variables, besides those of `ENVIRONMENT`.
        kvm: Whether the builder gets /dev/kvm.
        writable: Mount point -> the host's directory that is writable there.
        is_session_leader: Whether the builder itself leads the session, as the first process in its namespace.
        bounds: How much of the machine it may use, with the machine's defaults filled in.
        caller_owned: Those of the writable directories that belong to the caller, and still do after the build.
        conditions: What it runs under that must not matter to it.
    """

    mounts: Mapping[str, Path | Layers]
    build: Path | Layers
    out: Path
    argv: tuple[str, ...]
    env: Mapping[str, str] = attrs.field(factory=dict)
    kvm: bool = False
    writable: Mapping[str, Path] = attrs.field(factory=dict)
    is_session_leader: bool = False
    bounds: Bounds = attrs.field(factory=lambda: Bounds().for_machine())
    caller_owned: frozenset[Path] = frozenset()
    conditions: Conditions = USUAL

    @property
    def is_layered(self) -> bool:
        """Return whether several directories are seen as one anywhere."""
        return any(isinstance(it, Layers) for it in (self.build, *self.mounts.values()))

    @property
    def build_directory(self) -> Path:
        """Return the host's directory that receives what is written to /build."""
        if not isinstance(self.build, Layers):
            return self.build
        if self.build.upper is None:
            raise MountRefused(BUILD, "its layers are all read-only")
        return self.build.upper

    def arguments(self, open_data: Callable[[bytes], int], place: Found = str) -> list[str]:
        """Return bubblewrap's options.

        *open_data* returns a descriptor from which the given bytes can be read; *place* returns where bubblewrap
        finds a path of the host.

        Raises:
            MountRefused: two mounts contradict each other.
        """
        arguments = [*OPTIONS, *self.conditions.options]
        for name, value in {**ENVIRONMENT, **self.conditions.env, **self.env}.items():
            arguments += ("--setenv", name, value)
        arguments += _emit(self._layout(open_data), "/", place)
        if self.is_session_leader:
            arguments.append("--as-pid-1")
        if self.kvm:
            arguments += ("--dev-bind-try", "/dev/kvm", "/dev/kvm")
        for covered in COVERED:
            if os.path.lexists(covered):
                arguments += ("--ro-bind", "/dev/null", covered)
        for covered, text in anonymous.FILES.items():
            if os.path.lexists(covered):
                arguments += Cover(open_data(text)).options(covered, place)
        for closed in ("/proc", "/dev", "/"):
            arguments += ("--remount-ro", closed)
        arguments += ("--chdir", BUILD)
        return arguments

    def _layout(self, open_data: Callable[[bytes], int]) -> _Node:
        """Return the tree of mounts."""
        root = _Node(PlainDirectory())
        mounts = {**self.mounts, **self.conditions.mounts}
        for place in sorted({**mounts, **self.writable}):
            if place == "/":
                root.children = _entries(mounts[place])
            elif place in {BUILD, TMP} or any(place == it or place.startswith(f"{it}/") for it in _CLOSED):
                raise MountRefused(place, "the sandbox uses that path itself")
        root.children |= {
            "build": _Node(Overlaid(self.build) if isinstance(self.build, Layers) else Bind(self.build, writable=True)),
            "dev": _Node(Special("dev"), {"shm": _Node(self._memory)}),
            "out": _Node(Bind(self.out, writable=True)),
            "proc": _Node(Special("proc")),
            "tmp": _Node(self._memory),
        }
        for place in sorted(mounts):
            if place != "/":
                _insert(root, place, _Node(_bound(mounts[place])))
        for place, directory in sorted(self.writable.items()):
            _insert(root, place, _Node(Bind(directory, writable=True)))
        files = self.conditions.files
        for place in sorted(files.keys() - mounts.keys()):
            _insert(root, place, _Node(DataFile(open_data(files[place]))))
        for place in self._unames():
            _insert(root, place, _Node(Cover(open_data(anonymous.uname()), executable=True)))
        return root

    def _unames(self) -> list[str]:
        """Return where the program `uname` is in the root file system; the derivation may have put one there itself."""
        top = self.mounts.get("/")
        if not isinstance(top, Path) or not (top / "bin/sh").exists():
            return []
        return [
            place
            for place in anonymous.PROGRAMS
            if not any(place == it or place.startswith(f"{it}/") for it in self.mounts if it != "/")
            and all(_kind(top / str(it)[1:]) == "directory" for it in PurePath(place).parents)
            and _kind(top / place[1:]) == "file"
        ]

    @property
    def _memory(self) -> Scratch:
        return Scratch(self.bounds.tmpfs)


@attrs.define
class _Node:
    """A path in the sandbox: its mount, and the nodes below it."""

    mount: Operation
    children: dict[str, _Node] = attrs.field(factory=dict)


def _bound(source: Path | Layers) -> Bind | Overlaid | Symlink:
    """Return the mount that shows *source*: a link stays a link, whatever it points to."""
    if isinstance(source, Layers):
        return Overlaid(source)
    return Symlink(str(source.readlink())) if stat.S_ISLNK(source.lstat().st_mode) else Bind(source)


def _entries(directory: Path | Layers) -> dict[str, _Node]:
    if isinstance(directory, Layers):
        place = "/"
        raise MountRefused(place, "several directories cannot be the root as one")
    if _kind(directory) != "directory":
        place = "/"
        raise MountRefused(place, f"{directory.name} is not a directory")
    return {entry.name: _Node(_bound(directory / entry.name)) for entry in os.scandir(directory)}


def _kind(path: Path) -> Literal["directory", "link", "file", "nothing"]:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return "nothing"
    return "directory" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"


def _insert(root: _Node, place: str, new: _Node) -> None:
    """Put *new* at *place*, splitting the directories that lack its mount point."""
    *above, name = place[1:].split("/")
    node, inside = root, True  # *inside*: whether the sandbox can make an entry in *node*
    for i, part in enumerate(above):
        node, inside = _descend(node, part, inside, place, "/" + "/".join(above[: i + 1]))
    _check_layers(node, name, place)
    shown, above_it = new.mount.shown, node.mount.shown
    is_directory = isinstance(new.mount, Overlaid) or (shown is not None and _kind(shown) == "directory")
    has_point = above_it is not None and _kind(above_it / name) == ("directory" if is_directory else "file")
    if not inside and not (has_point and isinstance(new.mount, Bind | Cover | Overlaid)):
        _open(node)
    node.children[name] = new


def _descend(node: _Node, name: str, inside: bool, place: str, here: str) -> tuple[_Node, bool]:
    """Return the directory *name* of *node*, and whether the sandbox can make an entry in it."""
    _check_layers(node, name, place)
    child, shown = node.children.get(name), node.mount.shown
    if child is None and shown is not None and (kind := _kind(shown / name)) != "nothing":
        if kind != "directory":
            raise MountRefused(place, f"{here} is a {kind}")
        child = node.children[name] = _Node(Inside(shown / name))
    if child is None:
        if not inside:
            _open(node)
        child = node.children[name] = _Node(PlainDirectory())
    mount = child.mount
    if isinstance(mount, Symlink):
        raise MountRefused(place, f"{here} is a link to {mount.target}")
    if mount.shown is not None and _kind(mount.shown) != "directory":
        raise MountRefused(place, f"{here} is a file")
    return child, mount.shown is None or (isinstance(mount, Bind) and mount.writable)


def _check_layers(node: _Node, name: str, place: str) -> None:
    """Check that the sandbox can make an entry *name* in *node*, if that shows several directories as one."""
    if isinstance(node.mount, Overlaid) and name not in node.children:
        if node.mount.layers.upper is None:
            raise MountRefused(place, "it is inside directories that are read-only and seen as one")
        if node.mount.layers.has(name):
            raise MountRefused(place, f"directories that are seen as one have the entry {name}")


def _open(node: _Node) -> None:
    """Show the entries of *node* one by one, in a directory that the sandbox makes."""
    if node.mount.shown is not None:
        node.children = {**_entries(node.mount.shown), **node.children}
        for child in node.children.values():
            if isinstance(child.mount, Inside):
                child.mount = _bound(child.mount.source)
    node.mount = Opened()


def _emit(node: _Node, place: str, found: Found) -> Iterator[str]:
    """Yield the options that make *node* at *place*, and then the nodes below it; *found* maps sources."""
    if not (isinstance(node.mount, PlainDirectory) and node.children):  # its children create it
        yield from node.mount.options(place, found)
    for name in sorted(node.children):
        yield from _emit(node.children[name], f"{place.rstrip('/')}/{name}", found)
    yield from node.mount.closing(place)
