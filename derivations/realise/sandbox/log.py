"""The logs of builders: stored on disk, and split into lines as they arrive.

A log is `logs/<2>/<62>.zst` in the store's home, named after the hexadecimal key of the derivation: the
builder's unchanged output, compressed; for a silent builder it is empty. While the builder runs, the
name has `.<random>.part` appended, and the writer holds a lock on the file (`flock(2)`);
others can read there what was written a moment ago (`derivations.realise.sandbox.follow_log`). A log never stops a
build: once it cannot be written, the rest of the output is read and dropped, so that the builder never
blocks.

A line `@kernix {...}` is a message from a builder to us, a JSON object on one line:

    {"error": "…", "hint": "…", "kind": "…"}    why it will fail; the last one counts
    {"progress": [done, expected]}              expected may be null
    {"warning": "…"}                            what the user should know, though nothing failed
    {"kvm": "…"}                                why KVM does not work on this machine, where emulation did
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import re
import secrets
import shlex
import sys
import time

from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import attrs

from store.errors import Error
from store.parsing import parse_json


if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from pathlib import Path


TAIL = 25  # lines that a failure shows: about a screen
LEVEL = 3  # zstd's default: a log is written at the speed of a build, and seldom read
LONGEST_LINE = 1 << 16  # bytes: the memory for a builder that ends no line is bounded
PART = ".part"
FLUSH = 0.5
"""Longest delay, in seconds, before others can read what was written; each flush makes the log a little larger."""

_DAMAGED = (zstd.ZstdError, EOFError)
_MARK = "@kernix "
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LogMissing(Error):
    """A build has no log."""

    name: str

    def __str__(self) -> str:
        return f"there is no log of {self.name}"

    @property
    def hint(self) -> str:
        """Return why a result may have no log."""
        return "it was not built here, kernix made it without a builder, or an earlier result was reused"


class LogDamaged(Error):
    """The file of a log cannot be read."""

    name: str
    path: Path

    def __str__(self) -> str:
        return f"the log of {self.name} is damaged: {self.path}"

    @property
    def hint(self) -> str:
        """Return how to read what is left of it."""
        return f"`zstdcat {shlex.quote(str(self.path))}` prints what is still readable"


def log_path(logs: Path, key: bytes) -> Path:
    """Return the path below *logs* of the log of the derivation with *key*."""
    text = key.hex()
    return logs / text[:2] / f"{text[2:]}.zst"


def read_log(logs: Path, key: bytes, name: str) -> bytes:
    """Return the log of the derivation called *name* with *key*.

    Raises:
        LogMissing: there is none.
        LogDamaged: it cannot be read.
    """
    path = log_path(logs, key)
    try:
        return zstd.decompress(path.read_bytes())
    except FileNotFoundError:
        raise LogMissing(name) from None
    except _DAMAGED:
        raise LogDamaged(name, path) from None


def without_control_characters(text: str) -> str:
    """Return *text* without control characters and escape sequences, which would act on the user's terminal."""
    return _CONTROL.sub("", text)


def nonempty_log(logs: Path, key: bytes) -> Path | None:
    """Return the path of the log of the derivation with *key*, if it exists and is not empty."""
    path = log_path(logs, key)
    try:
        with zstd.ZstdFile(path) as file:
            return path if file.read(1) else None
    except FileNotFoundError:
        return None
    except _DAMAGED:
        return path


class LogWriter:
    """A log that is being written; its directory and file are created with the first byte, or at the end.

    Attributes:
        size: How many bytes the builder wrote.
        is_pending: Whether others cannot yet read some of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.is_pending = False
        self._part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
        self._raw: BinaryIO | None = None
        self._file: zstd.ZstdFile | None = None
        self._flushed = time.monotonic()
        self._broken = False

    def write(self, data: bytes) -> None:
        """Append *data*, or drop it if the log can no longer be written."""
        self.size += len(data)
        if self._broken:
            return
        try:
            if self._file is None:
                self._file = self._open()
            self._file.write(data)
        except OSError:
            self._give_up()
            return
        self.is_pending = True
        if time.monotonic() - self._flushed >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Make what was written so far readable to others."""
        self.is_pending = False
        self._flushed = time.monotonic()
        if self._broken or self._file is None:
            return
        try:
            self._file.flush()
        except OSError:
            self._give_up()

    def close(self) -> Path | None:
        """Finish the log and return its path, or None if it is empty or could not be written."""
        if self._file is None:
            self.write(b"")
        if self._broken or self._file is None:
            return None
        try:
            self._file.close()
            self._part.replace(self.path)
            self._end()
        except OSError:
            self._give_up()
            return None
        return self.path if self.size else None

    def _open(self) -> zstd.ZstdFile:
        self.path.parent.mkdir(exist_ok=True)
        self._raw = self._part.open("wb")
        fcntl.flock(
            self._raw, fcntl.LOCK_EX
        )  # a reader that checks whether it is being written holds the lock for a moment
        return zstd.ZstdFile(self._raw, "wb", level=LEVEL)

    def _end(self) -> None:
        """Close the file, and release the lock with it."""
        if self._raw is not None:
            self._raw.close()

    def _give_up(self) -> None:
        self._broken = True
        self.is_pending = False
        for close in (self._file.close if self._file is not None else None, self._end):
            if close is not None:
                with contextlib.suppress(OSError):
                    close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)


class Lines:
    """Splits output into lines as it arrives; keeps the last ones, and parses the messages among them."""

    def __init__(self) -> None:
        self.tail: collections.deque[str] = collections.deque(maxlen=TAIL)
        self.failure: FailureMessage | None = None
        self._rest = b""

    def feed(self, data: bytes) -> list[LogEntry]:
        """Return the lines that *data* completes: text to show, or messages."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        return [message for line in lines if (message := self._take(line)) is not None]

    def finish(self) -> list[LogEntry]:
        """Return the last line, if no newline ended it."""
        rest, self._rest = self._rest, b""
        message = self._take(rest) if rest else None
        return [] if message is None else [message]

    def _take(self, line: bytes) -> LogEntry | None:
        text = line.decode(errors="replace").rstrip("\r")
        if text.startswith(_MARK):
            match _parse(text[len(_MARK) :]):
                case FailureMessage() as failure:
                    self.failure = failure
                    return None
                case ProgressMessage() | WarningMessage() | NoKvmMessage() as word:
                    return word
        text = without_control_characters(text.rpartition("\r")[2])
        self.tail.append(text)
        return text


@attrs.frozen
class FailureMessage:
    """A builder's message about why it will fail."""

    sentence: str
    advice: str | None = None
    kind: str | None = None


@attrs.frozen
class ProgressMessage:
    """A builder's progress."""

    done: int
    expected: int | None


@attrs.frozen
class WarningMessage:
    """A builder's warning to the user."""

    text: str


@attrs.frozen
class NoKvmMessage:
    """A builder's report that KVM does not work on this machine, and why."""

    reason: str


LogEntry: TypeAlias = str | ProgressMessage | WarningMessage | NoKvmMessage
"""A line of text, or a message to us."""


def _parse(text: str) -> FailureMessage | ProgressMessage | WarningMessage | NoKvmMessage | None:
    """Return the message in the JSON *text*, or None if it is not one."""
    try:
        message: Any = parse_json(text)
    except ValueError:
        return None
    match message:
        case {"error": str(sentence), **more}:
            advice, kind = more.get("hint"), more.get("kind")
            return FailureMessage(
                sentence, advice if isinstance(advice, str) else None, kind if isinstance(kind, str) else None
            )
        case {"progress": [int(done), int(expected) | (None as expected)]} if done >= 0 and (
            expected is None or expected > 0
        ):
            return ProgressMessage(done, expected)
        case {"warning": str(sentence)}:
            return WarningMessage(without_control_characters(sentence))
        case {"kvm": str(reason)}:
            return NoKvmMessage(without_control_characters(reason))
    return None
