"""builtin:patch: the files of a tree that patches change.

Mounts `/src`: the tree; others: patch files, or directories with a series of them. Environment: `patches`, JSON: a
list of patches, each with `name`, `strip`, `max_fuzz`, `drop_applied` and its mounts, `places`. Outputs: `out`, the
changed and new files; `removed`, the paths of those that are gone, one a line, with a slash for a directory that has
become a file.

A series is in quilt's format: a file `series` with the name of a patch on each line, perhaps with `-p` and `-R`, and
comments after `#`. Without that file, all files with the suffix of a patch or mail count, in the order of their names;
patches in sub-directories are then left out, and reported.
"""

from __future__ import annotations

import json
import os
import re
import stat

from typing import TYPE_CHECKING

import attrs

from derivations.patching.apply import Rules, apply
from derivations.patching.errors import Malformed
from derivations.patching.read import commits
from derivations.patching.tree import PatchedTree, TreeEntry
from derivations.realise.archives.decompress import FileSection, decompress_all
from derivations.realise.job import Cancelled
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from derivations.patching.change import Commit
    from derivations.realise.job import Job


MAX_SIZE = 1 << 30
"""Largest size of a patch, decompressed, in bytes: ten times that of a whole Linux release."""

_SUFFIXES = tuple(
    f".{kind}{packed}"
    for kind in ("patch", "diff", "mbox", "mbx", "eml")
    for packed in ("", ".gz", ".bz2", ".xz", ".zst")
)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_STRIP = re.compile(r"-p(\d|ab)")


def patch(job: Job) -> None:
    """Apply the patches of *job* to its tree.

    Raises:
        Malformed: one of them is not a patch, or is incomplete.
        DoesNotApply: one of them does not fit the tree.
        AlreadyApplied: the tree already has one of them.
        Corrupt: one of them cannot be decompressed.
    """
    state = PatchedTree(_Directory(job.inputs["/src"]))
    for each in json.loads(job.derivation.env["patches"]):
        if job.cancelled():
            raise Cancelled(job.derivation.name)
        places = each.pop("places")
        rules = Rules(**each)
        found: list[Commit] = []
        for place in places:
            name = job.derivation.mounts[place].derivation.name if len(places) > 1 else ""
            found += commits_at(job.inputs[place], rules, name, job.warn)
        state = apply(rules, found, state, job.warn)
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.directory("")
        for path, entry in sorted(state.changed.items()):
            if entry is not None and entry.link:
                writer.symlink(path, entry.data)
            elif entry is not None:
                writer.file(path, entry.data, executable=entry.executable)
        writer.finish()
    gone = [path for path, entry in state.changed.items() if entry is None and state.tree.entry(path) is not None]
    gone += [f"{path}/" for path, entry in state.changed.items() if entry is not None and state.tree.is_directory(path)]
    (job.out / "removed").write_bytes(b"".join(os.fsencode(path) + b"\n" for path in sorted(gone)))


def commits_at(place: Path, rules: Rules, title: str, remark: Callable[[str], None]) -> Iterator[Commit]:
    """Yield the commits of the patch or series at *place*; commits without a title get *title*.

    Raises:
        Malformed: it is not a patch, or is incomplete.
        Corrupt: it cannot be decompressed.
    """
    if not place.is_dir():
        name = f"{rules.name}/{title}" if title else rules.name
        for commit in commits(_read(place, name), name, rules.strip, is_named=not title):
            yield attrs.evolve(commit, title=commit.title or title)
        return
    for each in _series(place, rules, remark):
        inner = f"{rules.name}/{each.name}"
        found = commits(_read(_inside(place, each.name, rules.name), inner), inner, each.strip)
        for commit in _taken_back(found, inner) if each.reverse else found:
            yield attrs.evolve(commit, title=commit.title or each.name)


def _taken_back(found: list[Commit], patch: str) -> Iterator[Commit]:
    """Yield commits that revert the commits *found*, the last one first."""
    for commit in reversed(found):
        if (back := commit.reversed()) is None:
            raise Malformed(patch, 0, "its series reverts it with -R, but it does not have the old contents")
        yield back


@attrs.frozen
class _Listed:
    """A patch in a series: its name, its `-p`, and whether to revert it."""

    name: str
    strip: int
    reverse: bool = False


def _series(directory: Path, rules: Rules, remark: Callable[[str], None]) -> list[_Listed]:
    """Return the patches in *directory*, in order."""
    listed = directory / "series"
    if not listed.is_file():
        found = sorted(it.name for it in directory.iterdir() if it.name.endswith(_SUFFIXES))
        below = _below(directory)
        if not found:
            which = f" except in sub-directories ({', '.join(below)})" if below else ""
            reason = f"the directory has no file `series`, and none that ends in .patch, .diff or .mbox{which}"
            raise Malformed(rules.name, 0, reason, "give the list of all patches, in order" if below else None)
        for name in below:
            remark(
                f"patch {rules.name!r}: the patches in its sub-directory {name} are left out: no file `series` names them"
            )
        return [_Listed(name, rules.strip) for name in found]
    lines = listed.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    series = [_listed(words, number, rules) for number, line in enumerate(lines, 1) if (words := _words(line))]
    if not series:
        raise Malformed(rules.name, 0, "its file `series` names no patch")
    return series


def _below(directory: Path) -> list[str]:
    """Return the sub-directories of *directory* in which there are patches; hidden ones are not looked at."""
    found = [it for it in directory.iterdir() if it.is_dir() and not it.is_symlink() and not it.name.startswith(".")]
    return sorted(it.name for it in found if any(each.name.endswith(_SUFFIXES) for each in it.rglob("*")))


def _words(line: str) -> list[str]:
    return _COMMENT.sub("", line).split()


def _listed(words: list[str], line: int, rules: Rules) -> _Listed:
    """Return the patch described by *words*, line *line* of a series."""
    strip, reverse = rules.strip, False
    for option in words[1:]:
        if (match := _STRIP.fullmatch(option)) is not None:
            strip = 1 if match[1] == "ab" else int(match[1])
        elif option == "-R":
            reverse = True
        else:
            reason = f"{words[0]} has the option {option}, and only -p and -R are supported"
            raise Malformed(f"{rules.name}/series", line, reason, "apply it as a separate `Patch`")
    return _Listed(words[0], strip, reverse)


def _inside(directory: Path, name: str, patch_name: str) -> Path:
    """Return the file *name* in *directory*; links are not followed, because they may lead out."""
    place = directory
    for part in name.split("/"):
        place /= part
        if part in {"", ".", ".."} or place.is_symlink():
            raise Malformed(patch_name, 0, f"its series names {name!r}, which leads out of its directory")
    if not place.is_file():
        raise Malformed(patch_name, 0, f"its series names {name!r}, which is not there")
    return place


def _read(place: Path, name: str) -> bytes:
    """Return the contents of the file at *place*, decompressed."""
    with place.open("rb", buffering=0) as file:
        return decompress_all(FileSection(file, os.fstat(file.fileno()).st_size), f"patch {name!r}", MAX_SIZE)


@attrs.frozen
class _Directory:
    """A tree on disk."""

    root: Path

    def entry(self, path: str) -> TreeEntry | None:
        """Return the file or link at *path*."""
        place = self.root / path
        try:
            status = place.lstat()
            if stat.S_ISLNK(status.st_mode):
                return TreeEntry(os.fsencode(place.readlink()), link=True)
            if stat.S_ISREG(status.st_mode):
                return TreeEntry(place.read_bytes(), executable=bool(status.st_mode & stat.S_IXUSR))
        except (FileNotFoundError, NotADirectoryError):
            pass
        return None

    def is_directory(self, path: str) -> bool:
        """Return whether *path* is a directory."""
        try:
            return stat.S_ISDIR((self.root / path).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
