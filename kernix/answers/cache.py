"""The same build again: answered before its words are parsed, if nothing is to do.

Most builds have been asked for before, word for word, and all is there. To understand the words
and to evaluate what they name takes many times as long as to see that. So what a build printed is
kept in `cache/answers/` in the store's home, under a digest of its words, the working directory,
the places that the environment names, and Python's version. With it stands all that it followed from:

    state    a digest of the files that decide what attributes mean: kernix' own, the lock, pins, settings
    same     what a directory's real path was
    link     what a symbolic link said: a result link, its entry among the roots
    result   what was realised for an output of a derivation

It is printed again if all of this is as it was. Where Python of the user's takes part nothing is
kept, since that may read anything (`kernix.answers.record`). The libraries are no part of the state:
they decide how a key is computed, and not which it is. The idea is that of Nix' evaluation cache of flakes.

Loading modules is what takes time here, so nothing is imported that is not needed: neither click nor
attrs, pathlib, json and `typing`.
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


KEPT = 64
"""How many answers there are at most."""

_FORMAT = 2
_DAY = 24 * 60 * 60
_PARTS = ("derivations", "kernels.json", "kernels.py", "kernix", "overlays", "store")
_CONTEXT = "kernix 2 question"
_CODEC = ("utf-8", "surrogatepass")  # what Python has for a byte of a path that is no UTF-8 passes


def answer(words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return what the build that *words* ask for would print, None if that is not known or something is to do."""
    if not words or words[0] != "build":
        return None
    try:
        return Question(words, environment).answer()
    except OSError:  # whatever is the matter, the long way tells it
        return None


class Question:
    """A build as it is asked for.

    Args:
        words: The words of the command line.
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
        """Return where the answer is, or would be."""
        return f"{self.home}/cache/answers/{self.digest.hex()}"

    def state(self, lock: str) -> str:
        """Return the digest of all files that decide what attributes mean where *lock* is the lock.

        Raises:
            OSError: one cannot be read, or not twice, as it is with a pipe.
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
        """Return what was printed, if all that it followed from is as it was.

        Raises:
            OSError: there is no answer, or something cannot be looked at.
        """
        with open(self.place, "rb") as file:
            seal, _, body = file.read().partition(b"\n")
        if seal != self._seal(body):
            return None
        # Kernix' files are part of the state, so whoever wrote this wrote the same form.
        rows = [row.split("\0") for row in body.decode(*_CODEC).split("\0\0")]
        ((text,), (lock, state)), facts = (fields for _, *fields in rows[:2]), rows[2:]
        return text if state == self.state(lock) and self._hold(facts) else None

    def remember(self, text: str, lock: str, state: str, facts: Iterable[tuple[str, ...]]) -> None:
        """Let *text* be the answer as long as *state* is that where *lock* is the lock, and *facts* hold.

        A fact is ("same", path, real path), ("link", path, what it says) or ("result", key as hexadecimal
        digits, output, store path).

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
        # The links first: what a root led to before it was found valid, that root keeps.
        results = []
        for kind, *fact in facts:
            if kind == "result":
                key, output, path = fact
                os.lstat(f"{self.home}/store/{path}")  # it may be registered and gone
                results.append((bytes.fromhex(key), output, path))
            elif (os.path.realpath if kind == "same" else os.readlink)(fact[0]) != fact[1]:
                return False
        # Where they were not used today, the long way notes that they were now.
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
    """Remove all but the newest answers."""
    entries = sorted(os.scandir(folder), key=lambda it: it.stat(follow_symlinks=False).st_mtime_ns, reverse=True)
    for entry in entries[KEPT:]:
        os.unlink(entry)


def _content(place: str) -> tuple[object, ...] | None:
    """Return the digest of the file *place*, with what tells that it was no other in between; None if nothing is there.

    Raises:
        OSError: it cannot be read, or not twice, as it is with a pipe.
    """
    try:
        status = os.stat(place)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no regular file", place)
    with open(place, "rb") as file:
        return _version(status), blake3(file.read()).digest()


def _files(directory: str, names: Container[str] | None = None) -> Iterator[tuple[object, ...]]:
    """Yield which version of each file lies in *directory*, at any depth; at the top, those with *names* only."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == "__pycache__" or (names is not None and entry.name not in names):
                continue
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                yield entry.path, *_version(entry.stat())


def _version(status: os.stat_result) -> tuple[int, ...]:
    # A time of change cannot be set: what has been written since has another one.
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
