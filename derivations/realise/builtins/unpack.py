"""builtin:unpack: the tree in an archive.

Mount `/archive`: the archive, or a tree that has it at `member`. Environment: `member`, `strip`.
"""

from __future__ import annotations

import os
import stat

from typing import TYPE_CHECKING

from derivations.realise.archives.decompress import FileSection
from derivations.realise.archives.extract import extract
from derivations.realise.merged_usr import spellings
from derivations.realise.unpack_budget import allowed_size
from derivations.unpack import ARCHIVE
from store.errors import Error


if TYPE_CHECKING:
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


class NoArchive(Error):
    """The archive to unpack does not exist."""

    name: str
    member: str
    reason: str

    def __str__(self) -> str:
        return f"cannot unpack {self.name}: {self.member or 'the input'} {self.reason}"


def unpack(job: Job) -> Content:
    """Unpack the archive that *job* mounts.

    Raises:
        NoArchive: it does not exist.
        Corrupt: it is damaged or truncated.
        Refused: it contains something that is not allowed.
        TooLarge: it unpacks to more than its limit.
    """
    member = job.derivation.env.get("member", "")
    place = _member(job, job.inputs[ARCHIVE], member)
    with place.open("rb", buffering=0) as file:
        source = FileSection(file, os.fstat(file.fileno()).st_size)
        name = member.rpartition("/")[2] or place.name.partition("-")[2]
        strip = int(job.derivation.env.get("strip", "0"))
        limit = allowed_size(source.size, job.derivation.hints.max_size)
        return extract(job, source, archive=name, strip=strip, progress=True, limit=limit)


def _member(job: Job, root: Path, member: str) -> Path:
    """Return the file *member* below *root*, before or after the merge of `/usr`.

    Raises:
        NoArchive: it does not exist.
    """
    missing: NoArchive | None = None
    for path in spellings(member):
        try:
            return _file(job.derivation.name, root, path, member)
        except NoArchive as error:
            missing = missing or error
    raise missing or NoArchive(job.derivation.name, member, "is not in the input")


def _file(name: str, root: Path, path: str, member: str) -> Path:
    """Return the file *path* below *root*; symbolic links are not followed, because they may lead out of the input."""
    place = root
    for part in path.split("/") if path else []:
        if part in {"", ".", ".."}:
            raise NoArchive(name, member, "is not a path in a tree")
        place /= part
        if place.is_symlink():
            raise NoArchive(name, member, "is behind a symbolic link")
    try:
        mode = place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise NoArchive(name, member, "is not in the input") from None
    if not stat.S_ISREG(mode):
        raise NoArchive(name, member, "is not a file")
    return place
