"""Trees in memory for the tests of patches, and functions that apply patches with git and `patch`."""

from __future__ import annotations

import os
import shutil
import subprocess

from typing import TYPE_CHECKING

from derivations.patching.apply import Rules, apply
from derivations.patching.read import commits
from derivations.patching.tree import PatchedTree, TreeEntry


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any


class Memory(dict[str, TreeEntry]):
    """A tree in memory: path to entry."""

    def entry(self, path: str) -> TreeEntry | None:
        """Return the file or link at *path*."""
        return self.get(path)

    def is_directory(self, path: str) -> bool:
        """Return whether *path* is a directory."""
        return any(it.startswith(f"{path}/") for it in self)


def files(**texts: str) -> dict[str, TreeEntry]:
    """Return a tree of files; in their names, two underscores stand for a slash and one for a dot."""
    return {name.replace("__", "/").replace("_", "."): TreeEntry(text.encode()) for name, text in texts.items()}


def patched(tree: Mapping[str, TreeEntry], patch: bytes | str, **rules: Any) -> tuple[dict[str, TreeEntry], list[str]]:  # noqa: ANN401 -- fields of Rules
    """Apply *patch* to *tree*, and return the result and the remarks."""
    remarks: list[str] = []
    data = patch.encode() if isinstance(patch, str) else patch
    options = Rules(name="fix", **rules)
    state = apply(options, commits(data, "fix", options.strip), PatchedTree(Memory(tree)), remarks.append)
    found = {**tree, **state.changed}
    return {path: entry for path, entry in found.items() if entry is not None}, remarks


def write(tree: Mapping[str, TreeEntry], root: Path) -> None:
    """Write *tree* to the directory *root*."""
    for path, entry in tree.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            place.symlink_to(os.fsdecode(entry.data))
        else:
            place.write_bytes(entry.data)
            place.chmod(0o755 if entry.executable else 0o644)


def read(root: Path) -> dict[str, TreeEntry]:
    """Return the tree in the directory *root*."""
    found = {}
    for place in sorted(root.rglob("*")):
        path = str(place.relative_to(root))
        if place.is_symlink():
            found[path] = TreeEntry(os.fsencode(place.readlink()), link=True)
        elif place.is_file():
            found[path] = TreeEntry(place.read_bytes(), executable=bool(place.stat().st_mode & 0o100))
    return found


def git(tree: Mapping[str, TreeEntry], patch: bytes, root: Path, *options: str) -> dict[str, TreeEntry] | None:
    """Apply *patch* to *tree* with `git apply`; return None if it refuses."""
    return _other(["git", "apply", "--whitespace=nowarn", *options, "-"], tree, patch, root)


def gnu(tree: Mapping[str, TreeEntry], patch: bytes, root: Path) -> dict[str, TreeEntry] | None:
    """Apply *patch* to *tree* with GNU patch; return None if it refuses."""
    return _other(["patch", "-p1", "-f", "-s", "--no-backup-if-mismatch", "-r", "-"], tree, patch, root)


def _other(command: list[str], tree: Mapping[str, TreeEntry], patch: bytes, root: Path) -> dict[str, TreeEntry] | None:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    write(tree, root)
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(command, cwd=root, input=patch, env=environment, capture_output=True, check=False)
    return read(root) if done.returncode == 0 else None


def diff(old: Mapping[str, TreeEntry], new: Mapping[str, TreeEntry], root: Path, *options: str) -> bytes:
    """Return git's diff of two trees."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    _git(root, "init", "-q")
    write(old, root)
    _git(root, "add", "-A")
    for path in old:
        (root / path).unlink()
    write(new, root)
    _git(root, "add", "-N", "--ignore-removal", ".")
    return _git(root, "diff", "--no-color", "--no-ext-diff", *options)


def _git(root: Path, *words: str) -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["/usr/bin/env", "git", *words], cwd=root, env=environment, capture_output=True, check=True
    ).stdout
