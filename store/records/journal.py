"""The journal: every registration as a line of JSON, from which the database can be rebuilt.

    {"journal":1}                                                                  the first line
    {"object":path,"digest":hex,"size":n,"nodes":n,"registered":s,"retention":r,"deriver":path|null,"references":[path…]}
    {"key":hex,"output":name,"object":path}                                        a realisation
    {"verdict":hex,"of":name,"derivation":hex,"action":hex,"equal":b,"seen":s,"conditions":text,"withdrawn":b,"object":path}

Lines are appended before an object is registered, so some are for objects that were never registered
or have been deleted since; readers have to check the objects themselves. A batch is one write that
begins with a newline, so that it does not become part of half a line that a crash left at the end.
Lines that are not JSON are skipped.

Appending needs the gate shared (`store.osutil.locks`). The collector replaces the file by one without
the lines of deleted objects. A registration appends early, so that one `syncfs` covers its lines, and
passes the gate a second time to register; if the file was replaced in between, its lines may have been
dropped because they had no object yet, and it appends them again.
"""

from __future__ import annotations

import contextlib
import json
import os

from typing import TYPE_CHECKING, Any, BinaryIO

import attrs

from store.errors import Error
from store.gc.retention import Retention
from store.osutil.failpoints import reach
from store.parsing import parse_json
from store.path import InvalidStorePath, StorePath
from store.records.verdicts import Verdict


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from store.records.database import PathInfo


JOURNAL_VERSION = 1


class JournalTooNew(Error):
    """The journal was written by a newer kernix."""

    path: Path
    found: int

    def __str__(self) -> str:
        return f"{self.path} has format {self.found}, but this kernix supports {JOURNAL_VERSION}"


@attrs.frozen(kw_only=True)
class ObjectLine:
    """The registration of an object, with units as in `PathInfo`."""

    path: StorePath
    digest: bytes
    size: int
    nodes: int
    registered: int
    retention: Retention
    deriver: StorePath | None
    references: tuple[StorePath, ...]

    @classmethod
    def of(cls, info: PathInfo) -> ObjectLine:
        """Return the line of a registered object."""
        return cls(
            path=info.path,
            digest=info.digest,
            size=info.size,
            nodes=info.nodes,
            registered=info.registered,
            retention=info.retention,
            deriver=info.deriver,
            references=info.references,
        )

    def encode(self) -> str:
        """Return the line."""
        return _dump(
            {
                "object": str(self.path),
                "digest": self.digest.hex(),
                "size": self.size,
                "nodes": self.nodes,
                "registered": self.registered,
                "retention": str(self.retention),
                "deriver": None if self.deriver is None else str(self.deriver),
                "references": [str(reference) for reference in self.references],
            }
        )


@attrs.frozen(kw_only=True)
class RealisationLine:
    """The registration of a result for a key."""

    key: bytes
    output: str
    path: StorePath

    def encode(self) -> str:
        """Return the line."""
        return _dump({"key": self.key.hex(), "output": self.output, "object": str(self.path)})


@attrs.frozen
class VerdictLine:
    """What became of building a result again."""

    verdict: Verdict

    @property
    def path(self) -> StorePath:
        """Return the object that it is about."""
        return self.verdict.path

    def encode(self) -> str:
        """Return the line; it has no member `key`, by which a realisation is known."""
        it = self.verdict
        return _dump(
            {
                "verdict": it.rebuilt.hex(),
                "of": it.output,
                "derivation": it.key.hex(),
                "action": it.action.hex(),
                "equal": it.equal,
                "seen": it.seen,
                "conditions": it.conditions,
                "withdrawn": it.withdrawn,
                "object": str(it.path),
            }
        )


Line = ObjectLine | RealisationLine | VerdictLine


class Appended:
    """Lines that were appended to the journal; the file they went to stays open."""

    def __init__(self, path: Path, text: bytes) -> None:
        self._path = path
        self._text = text
        self._descriptor = _append(path, text)

    def ensure(self) -> None:
        """Append the lines again, durably, if the file has been replaced. Needs the gate shared."""
        if os.fstat(self._descriptor).st_nlink == 0:
            os.close(self._descriptor)
            self._descriptor = _append(self._path, self._text)
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


@attrs.frozen
class Journal:
    """The journal at *path*."""

    path: Path

    @contextlib.contextmanager
    def appended(self, lines: Iterable[Line]) -> Iterator[Appended]:
        """Append *lines*; needs the gate shared on entry."""
        appended = Appended(self.path, _text(lines))
        try:
            yield appended
        finally:
            appended.close()

    def lines(self) -> Iterator[Line]:
        """Yield every readable line, first to last.

        Raises:
            JournalTooNew: a newer kernix wrote the journal.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            for text in file:
                if (line := self._parse(text)) is not None:
                    yield line

    def compact(
        self,
        kept: set[str],
        registered: Callable[[set[str]], set[str]],
        exclusive: Callable[[], contextlib.AbstractContextManager[None]],
    ) -> None:
        """Drop the lines whose object is neither in *kept* nor among the *registered* at the end.

        Most of the file is read before *exclusive* closes the gate; what was appended
        meanwhile is copied unchanged.
        """
        with self.path.open("rb") as old, self._new.open("wb") as new:
            # While we are inside the gate, no batch is half written.
            with exclusive():
                end = os.fstat(old.fileno()).st_size
            dropped = _copy_kept(old, new, end, kept)
            with exclusive():
                # Objects that were on their way to registration may be registered by now.
                arrived = registered({path for path, _ in dropped})
                new.writelines(text for path, text in dropped if path in arrived)
                old.seek(end)
                new.write(old.read())
                new.flush()
                os.fsync(new.fileno())
                reach("journal: replace")
                self._new.rename(self.path)

    def replace(self, lines: Iterable[Line]) -> None:
        """Make the journal consist of *lines*. Needs the gate exclusively."""
        with self._new.open("wb") as file:
            file.write(_HEADER)
            file.write(_text(lines))
            file.flush()
            os.fsync(file.fileno())
        self._new.rename(self.path)

    @property
    def interrupted(self) -> bool:
        """Whether a replacement of the journal was begun and not finished."""
        return self._new.exists()

    @property
    def _new(self) -> Path:
        return self.path.with_suffix(".new")

    def _parse(self, text: bytes) -> Line | None:
        try:
            fields = parse_json(text)
            if isinstance(fields, dict) and "journal" in fields:
                if fields["journal"] > JOURNAL_VERSION:
                    raise JournalTooNew(self.path, fields["journal"])
                return None
            if "verdict" in fields:
                return _verdict_line(fields)
            return _realisation_line(fields) if "key" in fields else _object_line(fields)
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError, InvalidStorePath):
            return None


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:  # SQLite's integers
        msg = "not a count"
        raise ValueError(msg)
    return value


def _object_line(fields: dict[str, Any]) -> ObjectLine:
    return ObjectLine(
        path=StorePath.parse(fields["object"]),
        digest=bytes.fromhex(fields["digest"]),
        size=_count(fields["size"]),
        nodes=_count(fields["nodes"]),
        registered=_count(fields["registered"]),
        retention=Retention(fields["retention"]),
        deriver=None if fields["deriver"] is None else StorePath.parse(fields["deriver"]),
        references=tuple(StorePath.parse(reference) for reference in fields["references"]),
    )


def _realisation_line(fields: dict[str, Any]) -> RealisationLine:
    output = str(fields["output"])
    output.encode()  # fails for some texts that JSON can hold
    return RealisationLine(key=bytes.fromhex(fields["key"]), output=output, path=StorePath.parse(fields["object"]))


def _verdict_line(fields: dict[str, Any]) -> VerdictLine:
    output, conditions = str(fields["of"]), str(fields["conditions"])
    (output + conditions).encode()  # as above
    verdict = Verdict(
        path=StorePath.parse(fields["object"]),
        key=bytes.fromhex(fields["derivation"]),
        action=bytes.fromhex(fields["action"]),
        output=output,
        seen=_count(fields["seen"]),
        rebuilt=bytes.fromhex(fields["verdict"]),
        equal=fields["equal"] is True,
        conditions=conditions,
        withdrawn=fields["withdrawn"] is True,
    )
    return VerdictLine(verdict)


def _copy_kept(old: BinaryIO, new: BinaryIO, end: int, kept: set[str]) -> list[tuple[str, bytes]]:
    new.write(_HEADER)
    dropped = []
    position = 0
    for text in old:
        position += len(text)
        if position > end:
            break
        path = _object(text)
        if path in kept:
            new.write(text)
        elif path is not None:
            dropped.append((path, text))
    return dropped


def _object(text: bytes) -> str | None:
    # Not parsed, as there may be millions. No character of a path is ever escaped in JSON.
    _, found, rest = text.partition(b'"object":"')
    return rest.partition(b'"')[0].decode(errors="replace") if found else None


def _append(path: Path, text: bytes) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(descriptor).st_size == 0:
            text = _HEADER + text
        while text:  # a short write means a nearly full disk; the next write reports it
            text = text[os.write(descriptor, text) :]
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _text(lines: Iterable[Line]) -> bytes:
    return b"".join([b"\n", *((line.encode() + "\n").encode() for line in lines)])


def _dump(fields: dict[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":"))


_HEADER = _dump({"journal": JOURNAL_VERSION}).encode() + b"\n"
