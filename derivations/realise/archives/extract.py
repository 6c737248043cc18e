"""Write what an archive says to a tree, and refuse what it must not say.

Refused are absolute names and names with `..`, what is neither file, directory nor link, whatever would
be written through a symbolic link, hard links to what the archive has not brought itself, and, for
sources, symbolic links that lead out of the tree, if need be through others. A name that comes twice is what it was
last, as with `tar --update`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.archives.decompress import Reader, Section
from derivations.realise.archives.links import Entangled, Links
from derivations.realise.archives.tar import DIRECTORY, FILE, HARD_LINK, SYMLINK, Member, TarReader
from derivations.realise.job import Cancelled
from derivations.realise.room import Room
from store.errors import Error
from store.trees.content import InvalidTree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from derivations.realise.archives.decompress import ByteSource
    from derivations.realise.job import Job
    from store.trees.content import Content


WHOLE = 1024 * 1024
"""Files up to this size are hashed in memory, so that nothing is written if the pool has them."""

_REPORT_EVERY = 256
_ENOUGH = 0.1
"""The share of an archive from which the rest can be guessed."""
_SHOWN = 300
_ENTRY = 512
"""Bytes that a member takes besides its data: as in the archive."""


class Refused(Error):
    """An archive wants what no archive may want."""

    archive: str
    member: str
    reason: str

    def __str__(self) -> str:
        return f"{self.archive} was not unpacked: {self.member}: {self.reason}"

    @property
    def hint(self) -> str:
        """Tell what such an archive may be."""
        return "archives of sources have nothing of the kind; this one is broken or hostile"


class CaseFolding(Error):
    """The store lies on a file system that takes two names for one."""

    directory: Path

    def __str__(self) -> str:
        return f"the file system of {self.directory} does not distinguish upper and lower case, as sources need it"

    @property
    def hint(self) -> str:
        """Tell what to do."""
        return "put the store elsewhere: set KERNIX_HOME to a directory on ext4, btrfs or xfs"


@attrs.define(kw_only=True)
class Extraction:
    """Writes the members of one archive.

    Attributes:
        writer: Where they are written.
        archive: What the archive is called in errors.
        strip: How many leading directories are left out.
        room: The room for it on the disk, if that is looked at.
        links_may_leave: Whether symbolic links may lead anywhere: in a root file system, they may.
    """

    writer: TreeWriter
    archive: str
    strip: int = 0
    links_may_leave: bool = False
    room: Room | None = None
    _stripped: bytes | None = attrs.field(default=None, init=False)
    _links: Links = attrs.field(factory=Links, init=False)

    def extract(self, reader: Reader, each: Callable[[int], None]) -> None:
        """Write all members that *reader* gives; *each* is called now and then with how many there were.

        Raises:
            Refused: the archive wants what it must not.
            Corrupt: it cannot be read to its end.
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
        if self.room is not None:
            self.room.take(_ENTRY)
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
            if self.room is not None:
                self.room.take(member.size)
            return tar.read(member)
        chunks = tar.chunks(member)
        return chunks if self.room is None else self.room.counted(chunks)

    def _place(self, member: Member, name: bytes) -> bytes | None:
        """Return where in the tree *name* lies; None for the root itself and what was stripped."""
        if name.startswith(b"/"):
            raise self._refusal(member, "its name is absolute")
        parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
        if b".." in parts:
            raise self._refusal(member, "its name has `..` in it")
        if self.strip and parts:
            self._check_stripped(member, parts)
        return b"/".join(parts[self.strip :]) or None

    def _check_stripped(self, member: Member, parts: list[bytes]) -> None:
        top = b"/".join(parts[: self.strip])
        if len(parts) < self.strip or (len(parts) == self.strip and member.type != DIRECTORY):
            if member.type == DIRECTORY:
                return
            raise self._refusal(member, f"it does not lie in a directory that could be left out (strip={self.strip})")
        if self._stripped is None:
            self._stripped = top
        elif self._stripped != top:
            known = _show(self._stripped)
            raise self._refusal(member, f"it does not lie in {known}, which is left out (strip={self.strip})")

    def _check_links(self) -> None:
        if self.links_may_leave:
            return
        try:
            for path, target in self._links.leaving():
                way = "to the absolute place" if target.startswith(b"/") else "out of the tree, to"
                raise Refused(self.archive, _show(path), f"it is a symbolic link {way} {_show(target)}")
        except Entangled:
            raise Refused(self.archive, "its symbolic links", "they lead through each other without end") from None

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
    """Return the content of the tree that was made of *source*, an archive, as the output of *job*.

    The tree has at most *limit* bytes. With *progress*, the job's progress is the number of files, and those expected where the size of *source* is known.

    Raises:
        Refused: the archive wants what it must not.
        Corrupt: it cannot be read to its end.
        CaseFolding: the store's file system cannot hold it.
        NoRoom: too little of the disk would be left free.
        TooLarge: the tree would be larger than *limit*.
        Cancelled: the user gave up.
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
            room=Room(archive, job.out, job.settings.bounds, check, limit),
            strip=strip,
            links_may_leave=links_may_leave,
        )
        extraction.extract(reader, each)
        return writer.finish()


def _expected(files: int, source: ByteSource, reader: Reader) -> int | None:
    """Return about how many files there will be if those to come are like the *files* so far: an archive does not say.

    What is read ahead is not counted, as far as it is known. The first guesses would be of little worth.
    """
    if not isinstance(source, Section):
        return None
    unpacked = source.done / source.size * reader.share if source.size else 1.0
    if unpacked < _ENOUGH:
        return None
    guess = max(files, int(files / unpacked))
    step: int = 10 ** max(0, len(str(guess)) - 2)
    return -(-guess // step) * step


def check_case(directory: Path, exists: Callable[[Path], bool] = Path.exists) -> None:
    """Refuse a *directory* in which two names that differ in case are one.

    Raises:
        CaseFolding: it is such a directory.
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
