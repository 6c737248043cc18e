"""What the bundled set has said for attributes, remembered: where nothing is to do, nothing is evaluated.

What it says is a function of kernix' own files and a few inputs of the user's. `question` digests
these; under the question `cache/answers/` in the store's home has the keys of derivations. Whether
there are results for them only the database says (`kernix.glance`). Where Python of the user's takes
part nothing is remembered, since that may read anything.

The libraries are no part of the question: they decide how a key is computed, and not which it is.
The idea is that of Nix' evaluation cache of flakes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from blake3 import blake3

from kernix.inputs import PINS, find_lock, overlay_files
from store.errors import Error
from store.layout import Layout


if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from kernix.attributes import Target
    from kernix.inputs import Options
    from kernix.session import Session


ROOT = Path(__file__).parents[1]

KEPT = 64
"""How many answers there are at most."""

_FORMAT = 1
_PARTS = ("derivations", "kernels.json", "kernels.py", "kernix", "overlays", "store")
_CONTEXT = "kernix 1 question"


@attrs.frozen(kw_only=True)
class Wanted:
    """An output that is wanted, as far as it matters where everything is there.

    Attributes:
        attribute: The name that the user gave it.
        name: What its derivation is called.
        key: The key of its derivation.
        output: Which output it is.
        default: Whether that is the derivation's default output.
    """

    attribute: str
    name: str
    key: bytes
    output: str
    default: bool

    @classmethod
    def of(cls, target: Target) -> Wanted:
        """Return what is wanted of *target*."""
        output, derivation = target.output, target.output.derivation
        return cls(
            attribute=target.attribute,
            name=derivation.name,
            key=derivation.key,
            output=output.name,
            default=output.name == derivation.outputs[0],
        )


def question(
    session: Session,
    options: Options,
    attributes: Sequence[str],
    *,
    root: Path = ROOT,
    loaded: Container[str] = sys.modules,
) -> bytes | None:
    """Return the digest of all that decides what *attributes* are, None if that is more than can be told.

    *root* has kernix' own files, and *loaded* tells which modules were imported before now.
    """
    if "derivations" in loaded:  # from files that may have been others then
        return None
    try:
        if options.file is not None or any(isinstance(it, Path) for it in overlay_files(session, options)):
            return None
        lock = _content(find_lock(options.lock, Path.cwd(), lambda: session.config_home))
        if lock is None:
            return None
        facts = (
            (_FORMAT, sys.implementation.name, sys.version, str(root), sorted(_files(str(root), _PARTS))),
            (lock, _content(session.config_home / PINS), _content(session.config_home / "config.toml")),
            (options.system, options.overlays, tuple(attributes)),
        )
    except (OSError, Error):  # whatever is the matter, evaluation tells it
        return None
    return blake3(repr(facts).encode(), derive_key_context=_CONTEXT).digest()


def remembered(session: Session, asked: bytes | None) -> list[Wanted] | None:
    """Return the answer to the question *asked*, None if there is none, or none that is whole."""
    if asked is None:
        return None
    try:
        digest, _, body = _place(session, asked).read_bytes().partition(b"\n")
    except (OSError, Error):
        return None
    # Kernix' files are part of the question, so whoever wrote this wrote the same form.
    return [_parsed(*fields) for fields in json.loads(body)] if digest == _digest(asked, body) else None


def remember(session: Session, asked: bytes | None, answer: Sequence[Wanted]) -> None:
    """Let *answer* be found when the same is *asked* again; if it cannot be written, it is not."""
    if asked is None:
        return
    body = json.dumps([(it.attribute, it.name, it.key.hex(), it.output, it.default) for it in answer]).encode()
    place = _place(session, asked)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        try:
            temporary.write_bytes(_digest(asked, body) + b"\n" + body)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        _forget(place.parent)


def _parsed(attribute: str, name: str, key: str, output: str, default: bool) -> Wanted:
    return Wanted(attribute=attribute, name=name, key=bytes.fromhex(key), output=output, default=default)


def _place(session: Session, asked: bytes) -> Path:
    return Layout(session.home).cache / "answers" / asked.hex()


def _digest(asked: bytes, body: bytes) -> bytes:
    return blake3(body, key=asked).hexdigest().encode()


def _forget(folder: Path) -> None:
    """Remove all but the newest answers."""
    entries = sorted(os.scandir(folder), key=lambda it: it.stat(follow_symlinks=False).st_mtime_ns, reverse=True)
    for entry in entries[KEPT:]:
        os.unlink(entry)  # noqa: PTH108 -- an entry knows its path


def _content(place: Path) -> tuple[object, ...] | None:
    """Return the bytes at *place* with what tells that they were not others in between, None if nothing is there.

    Raises:
        OSError: it cannot be read, or not twice, as it is with a pipe.
    """
    try:
        status = place.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(place))
    return _version(status), place.read_bytes()


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
