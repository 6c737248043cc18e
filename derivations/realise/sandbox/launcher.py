"""Start bubblewrap: directly, as the unprivileged user of one build, or after mounting layers for it."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.sandbox import launch
from derivations.realise.sandbox.layers import Layers
from derivations.realise.sandbox.users import USERS, build_user
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


KVM = Path("/dev/kvm")

_CODE = (
    "import sys; place = sys.argv[1]; exec(compile(open(place, encoding='utf-8').read(), place, 'exec')); "
    "launch(int(sys.argv[2]), sys.argv[3:])"
)


class Files:
    """Data that a child process reads from descriptors."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.descriptors: list[int] = []
        self._stack = stack

    def open(self, data: bytes) -> int:
        """Return a descriptor from which *data* can be read."""
        descriptor = os.memfd_create("kernix")
        self._stack.callback(os.close, descriptor)
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        self.descriptors.append(descriptor)
        return descriptor


@attrs.define
class Launcher:
    """How one sandbox starts.

    Attributes:
        user: The user that it runs as, None for our own.
        caller_owned: Writable directories in it that belong to the caller, like everything made there.
        terminal: Whether it has its own terminal.
        layered: Whether it sees several directories as one anywhere.
        sources: What it mounts, in the order of the calls to `place`.
    """

    user: int | None
    caller_owned: frozenset[Path] = frozenset()
    terminal: bool = False
    layered: bool = False
    sources: dict[Path | Layers, str] = attrs.field(factory=dict)

    def place(self, source: Path | Layers) -> str:
        """Return the path at which bubblewrap finds *source*."""
        if not self._is_staged:
            return str(source)
        return self.sources.setdefault(source, f"{launch.STAGE}/{len(self.sources)}")

    def grant(self, directories: Iterable[Path | Layers]) -> None:
        """Give the user those of *directories*, all empty, that are ours; layers stay ours, and get an empty directory."""
        for directory in directories:
            if isinstance(directory, Layers):
                _empty(directory)
            elif self.user is not None and directory not in self.caller_owned:
                os.chown(directory, self.user, self.user)

    def revoke(self) -> None:
        """Take back the ownership of what was lent; no process of the user may still run."""
        if self.user is not None:
            for directory in self.caller_owned:
                if directory.lstat().st_uid == self.user:
                    reclaim(directory)

    @property
    def _is_staged(self) -> bool:
        """Return whether what it sees is mounted before bubblewrap starts."""
        return self.user is not None or self.layered

    def command(
        self, argv: Iterable[str], limits: Mapping[str, int], open_data: Callable[[bytes], int], *, kvm: bool = False
    ) -> list[str]:
        """Return the command that execs *argv*; *open_data* returns a descriptor from which the given bytes can be read.

        For root, it first sets *limits* (names of `resource` -> values). With *kvm* the user gets the group of
        /dev/kvm.
        """
        if self.user is None:
            launch.join_session_keyring()
        if not self._is_staged:
            return list(argv)
        plan = {
            "user": self.user,
            "users": [USERS.start, USERS.stop],
            "groups": [KVM.stat().st_gid] if kvm and KVM.exists() else [],
            "sources": [_described(it) for it in self.sources],
            "terminal": self.terminal,
            "lent": [] if self.user is None else [str(it) for it in self.sources if it in self.caller_owned],
            "limits": {} if self.user is None else dict(limits),
        }
        descriptor = open_data(json.dumps(plan).encode())
        return [sys.executable, "-I", "-S", "-c", _CODE, str(Path(launch.__file__)), str(descriptor), *argv]


def _empty(layers: Layers) -> None:
    """Empty the directory of *layers* that is for the kernel, which refuses what it has left there."""
    if layers.work is not None and any(layers.work.iterdir()):
        remove_tree(layers.work)
        layers.work.mkdir()


def _described(source: Path | Layers) -> str | dict[str, object]:
    """Return *source* in terms of JSON."""
    if not isinstance(source, Layers):
        return str(source)
    upper, work = (None if it is None else str(it) for it in (source.upper, source.work))
    return {"lower": [str(it) for it in source.lower], "upper": upper, "work": work}


@contextlib.contextmanager
def launcher(lent: Iterable[Path] = (), *, terminal: bool = False, layered: bool = False) -> Iterator[Launcher]:
    """Give the body a launcher for one sandbox, with a user of its own if we are root.

    Raises:
        NoBuildUser: we are root, and no other user is available.
    """
    with build_user() as user:
        found = Launcher(user, frozenset(lent), terminal, layered)
        try:
            yield found
        finally:
            found.revoke()


def reclaim(tree: Path) -> None:
    """Take the ownership of *tree*, and of everything in it with the same owner; nothing may change it meanwhile."""
    owner, mine = tree.lstat().st_uid, (os.geteuid(), os.getegid())
    if owner == mine[0]:
        return
    for _, directories, files, descriptor in os.fwalk(tree, topdown=False, follow_symlinks=False):
        for name in (*directories, *files, "."):
            if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_uid == owner:
                os.chown(name, *mine, dir_fd=descriptor, follow_symlinks=False)
