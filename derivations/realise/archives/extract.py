"""Extract an archive to a tree, and refuse what no archive may contain.

Refused are: absolute names and names with `..`; anything but files, directories and links; whatever would
be written through a symbolic link; hard links to files that are not from the archive; and, for sources,
symbolic links that lead out of the tree, directly or through others. If a name occurs twice, the last
entry counts, as with `tar --update`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.archives.decompress import FileSection, Reader
from derivations.realise.archives.links import Entangled, Links
from derivations.realise.archives.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK, Member, TarReader
from derivations.realise.job import Cancelled
from derivations.realise.unpack_budget import UnpackBudget
from store.errors import Error
from store.trees.content import InvalidTree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.realise.archives.decompress import ByteSource
    from derivations.realise.job import Job
    from store.trees.content import Content


WHOLE = 1024 * 1024
"""Files up to this size, in bytes, are hashed in memory, and not written at all if the pool has them.

Almost all source files are smaller.
"""

_REPORT_EVERY = 256  # files: often enough for a smooth display, seldom enough to cost nothing
_ENOUGH = 0.1
"""The share of an archive that must be read before its number of files is estimated: earlier guesses jump."""
_SHOWN = 300  # bytes of a name, or characters of a reason, that an archive has chosen: some lines
_ENTRY = 512
"""Bytes charged for a member besides its data: its header in the archive."""


class Refused(Error):
    """An archive contains something that is not allowed."""

    archive: str
    member: str
    reason: str

    def __str__(self) -> str:
        return f"cannot unpack {self.archive}: {self.member}: {self.reason}"

    @property
    def hint(self) -> str:
        """Return what such an archive may be."""
        return "no archive of sources contains this; it is broken or hostile"


class CaseFolding(Error):
    """The store is on a case-insensitive file system."""

    directory: Path

    def __str__(self) -> str:
        return f"the file system of {self.directory} is case-insensitive, and sources need case-sensitive names"

    @property
    def hint(self) -> str:
        """Return what to do."""
        return "move the store: set KERNIX_HOME to a directory on ext4, btrfs or xfs"


@attrs.define(kw_only=True)
class Extraction:
    """Writes the members of one archive.

    Attributes:
        writer: Writes them to the tree.
        archive: The archive's name in errors.
        strip: How many leading directories to strip.
        budget: The free space on the disk, if it is checked.
        links_may_leave: Whether symbolic links may lead anywhere, as they may in a root file system.
    """

    writer: TreeWriter
    archive: str
    strip: int = 0
    links_may_leave: bool = False
    budget: UnpackBudget | None = None
    _stripped: bytes | None = attrs.field(default=None, init=False)
    _links: Links = attrs.field(factory=Links, init=False)

    def extract(self, reader: Reader, each: Callable[[int], None]) -> None:
        """Write all members read from *reader*; *each* is called regularly with their number so far.

        Raises:
            Refused: the archive contains something that is not allowed.
            Corrupt: it is damaged or truncated.
        """
        tar = TarReader(reader)
        for number, member in enumerate(tar):
            try:
                self._write(member, tar)
            except InvalidTree as error:
                raise self._refusal(member, error.reason) from None
            if number % _REPORT_EVERY == 0:
                each(number)
        self._check_links()

    def _write(self, member: Member, tar: TarReader) -> None:
        path = self._place(member, member.path)
        if path is None:
            return
        if self.budget is not None:
            self.budget.count(_ENTRY)
        if member.type == FILE:
            self.writer.file(path, self._data(member, tar), executable=member.executable, replace=True)
            self._links.drop(path)
        elif member.type == DIRECTORY:
            self.writer.directory(path)
        elif member.type == SYMLINK:
            self.writer.symlink(path, member.target, replace=True)
            self._links.put(path, member.target)
        elif member.type == HARD_LINK:
            self._link(member, path)
        else:
            raise self._refusal(member, f"it is {member.kind}")

    def _data(self, member: Member, tar: TarReader) -> bytes | Iterator[memoryview]:
        if member.size <= WHOLE:
            if self.budget is not None:
                self.budget.count(member.size)
            return tar.read(member)
        chunks = tar.chunks(member)
        return chunks if self.budget is None else self.budget.counted(chunks)

    def _place(self, member: Member, name: bytes) -> bytes | None:
        """Return the path of *name* in the tree; None for the root itself and for what was stripped."""
        if name.startswith(b"/"):
            raise self._refusal(member, "its name is absolute")
        parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
        if b".." in parts:
            raise self._refusal(member, "its name contains `..`")
        if self.strip and parts:
            self._check_stripped(member, parts)
        return b"/".join(parts[self.strip :]) or None

    def _check_stripped(self, member: Member, parts: list[bytes]) -> None:
        top = b"/".join(parts[: self.strip])
        if len(parts) < self.strip or (len(parts) == self.strip and member.type != DIRECTORY):
            if member.type == DIRECTORY:
                return
            raise self._refusal(member, f"it has too few leading directories (strip={self.strip})")
        if self._stripped is None:
            self._stripped = top
        elif self._stripped != top:
            known = _show(self._stripped)
            raise self._refusal(member, f"it is outside {known}, the directory that is stripped (strip={self.strip})")

    def _check_links(self) -> None:
        if self.links_may_leave:
            return
        try:
            for path, target in self._links.leaving():
                way = "to the absolute path" if target.startswith(b"/") else "out of the tree, to"
                raise Refused(self.archive, _show(path), f"it is a symbolic link {way} {_show(target)}")
        except Entangled:
            raise Refused(
                self.archive, "its symbolic links", "they lead through each other in too many steps"
            ) from None

    def _link(self, member: Member, path: bytes) -> None:
        target = self._place(member, member.target)
        if target is None:
            raise self._refusal(member, "it is a hard link to a directory")
        if target != path:
            self.writer.link(path, target, replace=True)
            self._links.copy(path, target)

    def _refusal(self, member: Member, reason: str) -> Refused:
        return Refused(self.archive, _show(member.path), reason[:_SHOWN])


def extract(
    job: Job,
    source: ByteSource,
    *,
    archive: str,
    strip: int = 0,
    links_may_leave: bool = False,
    progress: bool = False,
    limit: int | None = None,
) -> Content:
    """Extract *source*, an archive, as the output of *job*, and return the content of the tree.

    The tree may have at most *limit* bytes. With *progress*, the job reports the number of files so far, and of those
    expected if the size of *source* is known.

    Raises:
        Refused: the archive contains something that is not allowed.
        Corrupt: it is damaged or truncated.
        CaseFolding: the store's file system is case-insensitive.
        WouldFillDisk: too little of the disk would be left free.
        TooLarge: the tree would be larger than *limit*.
        Cancelled: the user interrupted it.
    """
    check_case(job.out)

    def each(number: int) -> None:
        if progress:
            job.progress(number, _expected(number, source, reader))

    def check() -> None:
        if job.cancelled():
            raise Cancelled(job.derivation.name)

    with TreeWriter(job.store.pool, job.out / "out") as writer, Reader(source, archive, check) as reader:
        extraction = Extraction(
            writer=writer,
            archive=archive,
            budget=UnpackBudget(archive, job.out, job.settings.bounds, check, limit),
            strip=strip,
            links_may_leave=links_may_leave,
        )
        extraction.extract(reader, each)
        return writer.finish()


def _expected(files: int, source: ByteSource, reader: Reader) -> int | None:
    """Estimate the total number of files, which an archive does not record, by extrapolating from the *files* so far.

    Data read ahead is not counted, as far as it is known. There is no estimate at the start, where it would be poor.
    """
    if not isinstance(source, FileSection):
        return None
    unpacked = source.done / source.size * reader.share if source.size else 1.0
    if unpacked < _ENOUGH:
        return None
    guess = max(files, int(files / unpacked))
    step: int = 10 ** max(0, len(str(guess)) - 2)  # an estimate has two digits
    return -(-guess // step) * step


def check_case(directory: Path, exists: Callable[[Path], bool] = Path.exists) -> None:
    """Check that names in *directory* are case-sensitive.

    Raises:
        CaseFolding: they are not.
    """
    probe = directory / "case-probe"
    probe.touch()
    folds = exists(directory / "CASE-PROBE")
    probe.unlink()
    if folds:
        raise CaseFolding(directory)


def _show(name: bytes) -> str:
    text = name[:_SHOWN].decode(errors="backslashreplace")
    return text if len(name) <= _SHOWN else f"{text}…"
