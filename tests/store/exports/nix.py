"""This machine's Nix, with its files in a directory of the test."""

from __future__ import annotations

import os
import subprocess

from typing import TYPE_CHECKING

import attrs

from tests.programs import program


if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen
class Nix:
    """A client with a store of its own below *root*; it has no keys, and trusts nobody's signature."""

    root: Path

    def copy(self, source: str, *paths: str) -> subprocess.CompletedProcess[str]:
        """Copy *paths* with what they refer to from the binary cache *source*."""
        program("nix")
        return self._run("nix", "--extra-experimental-features", "nix-command", "copy", "--from", source, *paths)

    def verify(self) -> subprocess.CompletedProcess[str]:
        """Let it compare every file of its store with what it has registered."""
        return self._run("nix-store", "--verify", "--check-contents")

    def place(self, path: str) -> Path:
        """Return where the store path *path* is."""
        return self.root / "store" / path.lstrip("/")

    def references(self, path: str) -> list[str]:
        """Return what it knows *path* to refer to."""
        return self._run("nix-store", "--query", "--references", path).stdout.split()

    def _run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        store = ["--store", str(self.root / "store")]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "NIX_CONFIG": "require-sigs = true"}
        command = [program(name), *words[:2], *store, *words[2:]] if name == "nix-store" else [program(name), *words]
        if name == "nix":
            at = command.index("copy") + 1
            command[at:at] = ["--to", str(self.root / "store")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def dump(path: Path) -> bytes:
    """Return what Nix makes of the tree at *path*."""
    return subprocess.run([program("nix-store"), "--dump", path], capture_output=True, check=True).stdout
