"""Nix as a peer: single user, no daemon, with its own store in any directory.

Debian's package `nix-bin` is enough. Nix takes the location of its store from variables, so nothing
is needed in /nix; the hash in a store path depends on that location, so nothing is substituted either.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat

from typing import TYPE_CHECKING

import attrs

from benchmarks.timing import run, seconds
from store.trees.remove import remove_tree


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


MISSING = "nix-bin is not installed, so Nix was not measured (`apt-get install nix-bin`)"

_CONFIGURATION = """\
build-users-group =
sandbox = {sandbox}
sandbox-paths = /bin/sh={shell}
max-jobs = 2
substituters =
"""


@attrs.frozen
class Nix:
    """A Nix whose store, state and configuration are in *home*; builders have *busybox* as /bin/sh."""

    home: Path
    busybox: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Nix runs with."""
        return {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "NIX_STORE_DIR": str(self.store),
            "NIX_STATE_DIR": str(self.home / "state"),
            "NIX_LOG_DIR": str(self.home / "log"),
            "NIX_CONF_DIR": str(self.home / "conf"),
        }

    @property
    def store(self) -> Path:
        """The directory of its store paths."""
        return self.home / "store"

    @property
    def database(self) -> Path:
        """The database of its store."""
        return self.home / "state/db/db.sqlite"

    def reset(self, *, sandbox: bool = False) -> None:
        """Start with an empty store; with *sandbox*, builders run in Nix' sandbox."""
        self.clear()
        (self.home / "conf").mkdir(parents=True)
        text = _CONFIGURATION.format(sandbox=str(sandbox).lower(), shell=self.busybox)
        (self.home / "conf/nix.conf").write_text(text, encoding="utf-8")
        self.run("nix-store", "--init")

    def clear(self) -> None:
        """Remove the store and everything that belongs to it."""
        if self.home.exists():
            remove_tree(self.home)

    def run(self, *command: str | Path) -> str:
        """Run one of Nix' programs and return its output."""
        return run(command, env=self.environment, cwd=self.home)

    def seconds(self, *command: str | Path, durable: bool = False) -> float:
        """Return how long one of Nix' programs takes; with *durable*, until its output is on the disk."""
        return seconds(command, env=self.environment, cwd=self.home, durable=self.home if durable else None)

    def register(self, objects: Iterable[tuple[str, bytes, list[str]]]) -> None:
        """Put files into the store and its database: name, content, names of the references."""
        connection = sqlite3.connect(self.database, isolation_level=None)
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        numbers: dict[str, int] = {}
        for name, content, references in objects:
            place = self.store / name
            place.write_bytes(content)
            place.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
            row = connection.execute(
                "insert into ValidPaths (path, hash, registrationTime, narSize) values (?, ?, 1, ?)",
                (str(place), f"sha256:{0:064x}", len(content)),
            )
            numbers[name] = row.lastrowid or 0
            connection.executemany(
                "insert into Refs values (?, ?)", [(numbers[name], numbers[other]) for other in references]
            )
        connection.execute("commit")
        connection.close()


def copy_home(source: Path, target: Path) -> None:
    """Make *target* a copy of the store directory *source*, with its times, links and hard links."""
    if target.exists():
        remove_tree(target)
    run([shutil.which("cp") or "cp", "-a", source, target], env=dict(os.environ), cwd=source.parent)
