"""A repeated build with nothing to do, answered before its command line is parsed.

Most builds have been requested before, with the same words, and their outputs exist. Parsing the words and
evaluating the attributes takes many times as long as noticing that. So the output of a build is stored in
`cache/answers/` in the store's home, under a digest of its words, the working directory, the places that the
environment names, and Python's version. Stored with it is everything that it depends on:

    state    a digest of the files that decide what attributes mean: kernix' own, the lock, pins, settings
    same     the real path of a directory
    link     the target of a symbolic link: a result link, its entry among the roots
    result   the store path that was realised for an output of a derivation

The output is printed again if all of this is unchanged. When Python code of the user's is involved, nothing is
stored, because such code may read anything (`kernix.answers.record`). The libraries are not part of the state: they
affect how a key is computed, but not its value. The idea comes from the evaluation cache of Nix flakes.

Loading modules is what takes time here, so only what is needed is imported: not click, attrs, pathlib, json or
`typing`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from blake3 import blake3

from kernix import places
from store.records import glance


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence


MAX_ANSWERS = 64
"""The largest number of answers that are kept: more than anyone asks in turn, few enough to list in a moment."""

NOTHING = "nothing to build: everything is already built"

_FORMAT = 2
_DAY = 24 * 60 * 60  # seconds
_PARTS = ("derivations", "kernels.json", "kernels.py", "kernix", "overlays", "store")
_CONTEXT = "kernix 2 question"
_CODEC = ("utf-8", "surrogatepass")  # keeps surrogates, which stand for the bytes of a path that is not UTF-8


def answer(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return what the build requested by *words* would print, None if that is unknown or there is something to do."""
    if not words or words[0] != "build":
        return None
    try:
        return Question(words, environment).answer()
    except OSError:  # the full evaluation reports what is wrong
        return None


def report_nothing() -> None:
    """Report on stderr that nothing was built, if that is a terminal; in a log, silence says it."""
    if sys.stderr is not None and sys.stderr.isatty():
        try:  # noqa: SIM105 -- start-up: contextlib
            sys.stderr.write(f"{NOTHING}\n")
        except OSError:  # the terminal is gone, and with it who could read this
            pass


class Question:
    """A build as the user requests it.

    Args:
        words: The command line.
        environment: The environment's variables.
        root: Where kernix' own files are.

    Raises:
        OSError: the working directory is gone, or the environment names no places.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], *, root: str = places.ROOT) -> None:
        self.root = root
        self.home = _place(environment, places.HOME)
        self.configuration = _place(environment, places.CONFIGURATION)
        self.directory = os.getcwd()
        version = (_FORMAT, sys.implementation.name, sys.version)
        facts = (version, root, self.home, self.configuration, self.directory, tuple(words))
        self.digest = blake3(repr(facts).encode(), derive_key_context=_CONTEXT).digest()

    @property
    def place(self) -> str:
        """Return the path of the answer, whether or not it exists."""
        return f"{self.home}/cache/answers/{self.digest.hex()}"

    def state(self, lock: str) -> str:
        """Return the digest of all files that decide what attributes mean if *lock* is the lock.

        Raises:
            OSError: one cannot be read, or cannot be read twice, such as a pipe.
        """
        read = (
            f"{self.home}/version",
            f"{self.directory}/{places.LOCK}",
            *(f"{self.configuration}/{name}" for name in (places.LOCK, places.PINS, places.SETTINGS)),
            lock,
        )
        overlays = _names(f"{self.configuration}/{places.OVERLAYS}")
        facts = (sorted(_files(self.root, _PARTS)), [_content(it) for it in read], overlays)
        return blake3(repr(facts).encode(), derive_key_context=_CONTEXT).hexdigest()

    def answer(self) -> str | None:
        """Return the stored output if everything that it depends on is unchanged.

        Raises:
            OSError: there is no answer, or something cannot be read.
        """
        with open(self.place, "rb") as file:
            seal, _, body = file.read().partition(b"\n")
        if seal != self._seal(body):
            return None
        # Kernix' own files are part of the state, so this was written in the same format.
        rows = [row.split("\0") for row in body.decode(*_CODEC).split("\0\0")]
        ((text,), (lock, state)), facts = (fields for _, *fields in rows[:2]), rows[2:]
        return text if state == self.state(lock) and self._hold(facts) else None

    def remember(self, text: str, lock: str, state: str, facts: Iterable[tuple[str, ...]]) -> None:
        """Store *text* as the answer for as long as the state with *lock* is *state*, and *facts* hold.

        A fact is ("same", path, real path), ("link", path, target) or ("result", key in hexadecimal, output,
        store path).

        Raises:
            OSError: it cannot be written.
        """
        rows = [("text", text), ("state", lock, state), *facts]
        body = "\0\0".join("\0".join(row) for row in rows).encode(*_CODEC)
        folder, name = os.path.split(self.place)
        temporary = f"{folder}/.{name}.{os.getpid()}"
        os.makedirs(folder, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(self._seal(body) + b"\n" + body)
            os.replace(temporary, self.place)
        except BaseException:
            os.unlink(temporary)
            raise
        _forget(folder)

    def _seal(self, body: bytes) -> bytes:
        return blake3(body, key=self.digest).hexdigest().encode()

    def _hold(self, facts: Iterable[Sequence[str]]) -> bool:
        # Links first: a root that points to an object before the object is found valid keeps it alive.
        results = []
        for kind, *fact in facts:
            if kind == "result":
                key, output, path = fact
                os.lstat(f"{self.home}/store/{path}")  # it may be registered, but deleted from the disk
                results.append((bytes.fromhex(key), output, path))
            elif (os.path.realpath if kind == "same" else os.readlink)(fact[0]) != fact[1]:
                return False
        # If they have not been used today, the full evaluation records that they are in use.
        return glance.has(f"{self.home}/db.sqlite", results, used_since=int(time.time()) - _DAY)


def _place(environment: Mapping[str, str], variables: Sequence[tuple[str, str]]) -> str:
    _, value, below = places.chosen(environment, variables) or ("", "", "")
    if not os.path.isabs(value):
        raise OSError(errno.ENOENT, "the environment names no place")
    return os.path.join(value, below)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _forget(folder: str) -> None:
    """Delete all but the newest answers."""
    entries = sorted(os.scandir(folder), key=lambda it: it.stat(follow_symlinks=False).st_mtime_ns, reverse=True)
    for entry in entries[MAX_ANSWERS:]:
        os.unlink(entry)


def _content(place: str) -> tuple[object, ...] | None:
    """Return the version and the digest of the file *place*, None if it does not exist.

    Raises:
        OSError: it cannot be read, or cannot be read twice, such as a pipe.
    """
    try:
        status = os.stat(place)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", place)
    with open(place, "rb") as file:
        return _version(status), blake3(file.read()).digest()


def _files(directory: str, names: Container[str] | None = None) -> Iterator[tuple[object, ...]]:
    """Yield the version of each file in *directory*, at any depth; at the top level, only of *names*."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == "__pycache__" or (names is not None and entry.name not in names):
                continue
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry.path, *_version(entry.stat())


def _version(status: os.stat_result) -> tuple[int, ...]:
    # The ctime cannot be set: a file that was written since has another one.
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
