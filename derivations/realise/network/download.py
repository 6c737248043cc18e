"""Fetch a file by its SHA-256, from the first place that has it.

A download grows in `<sha256>.part`, under a lock, so that processes that want the same file take
turns; what an interrupted one left is resumed with a `Range` request. Nothing reads the file before
its hash was checked. A file with another hash is kept under the hash that it has: when the hash
in the definition is corrected, nothing is downloaded again.

Resuming is safe whatever a server does: an answer to `Range` is used only if its `Content-Range`
begins where the file ends, and a resumed file whose hash is wrong is fetched once more as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import unquote, urlsplit

import attrs

from derivations.fetch import without_credentials
from derivations.realise.job import Cancelled
from derivations.realise.network.connection import HttpSession, Patience
from derivations.realise.network.http_response import NotContinued, TryFailed, is_complete, place_in_file, validator
from derivations.realise.network.retry import Backoff
from store.errors import Error, reason_of
from store.system.locks import WaitCancelled, locked
from store.trees.reading import FileReader
from store.trees.writer import write_piece


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    import urllib3

    from derivations.realise.settings import Settings


CHUNK = 256 * 1024
PROGRESS_THAT_COUNTS = 1024 * 1024
"""A try that got so many bytes further is no failure: large files survive any number of cuts."""

_NOT_FOUND = 404
_ABSENT = frozenset({_NOT_FOUND, 410})
_NAP = 0.1


@attrs.frozen(kw_only=True)
class HashMismatch(Error):
    """What was downloaded is not what was asked for.

    Attributes:
        name: What was to be fetched.
        wanted: The SHA-256 that it must have.
        got: The SHA-256 that it has.
        url: Where it came from.
        kept: Where it lies now.
        tried: Each other URL that was asked, and what came of it.
    """

    exit_code: ClassVar[int] = 102

    name: str
    wanted: str
    got: str
    url: str
    kept: Path
    tried: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        others = "".join(f"; {url}: {said}" for url, said in self.tried)
        return f"{self.name} from {self.url} has another hash: wanted sha256 {self.wanted}, got {self.got}{others}"

    @property
    def hint(self) -> str:
        """Tell that a corrected hash costs nothing."""
        return f"if the new file is right, put its hash into the definition; it is kept as {self.kept} and not fetched again"


@attrs.frozen(kw_only=True)
class Unavailable(Error):
    """No place gave the file.

    Attributes:
        name: What was to be fetched.
        tried: Each URL and what came of it.
        absent: Whether every place answered that it does not have the file.
    """

    name: str
    tried: tuple[tuple[str, str], ...]
    absent: bool

    def __str__(self) -> str:
        answers = "; ".join(f"{url}: {said}" for url, said in self.tried)
        return f"cannot fetch {self.name}: {answers or 'no place is known that has it'}"

    @property
    def hint(self) -> str:
        """Tell what may help."""
        if self.absent:
            return "the file has been moved or deleted; another mirror may still have it"
        return "what has been downloaded, if anything, is kept and resumed the next time"


@attrs.frozen(kw_only=True)
class Offline(Error):
    """Something has to be fetched and nothing may be."""

    name: str
    urls: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} is not here and has to be fetched, which --offline forbids"

    @property
    def hint(self) -> str | None:
        """Tell where it would come from."""
        return f"it would come from {' or '.join(self.urls)}" if self.urls else None


@attrs.frozen(kw_only=True)
class Wanted:
    """A file: its hash, the places that may have it, best first, and its size if that is known."""

    name: str
    sha256: str
    urls: tuple[str, ...]
    size: int | None = None


@attrs.define
class _Transfer:
    """What is known about one URL's file while it is fetched in several tries."""

    url: str
    validator: str | None = None
    patched: bool = False
    """Whether the file was put together from more than one answer."""


@attrs.define(kw_only=True)
class Downloader:
    """Fetches files into *directory*; for one thread, for it keeps its connections open.

    Attributes:
        directory: Where downloads grow and are kept.
        settings: How often to try, how long to wait for a server, whether to fetch at all.
        progress: Called with bytes done and bytes expected, None if nobody told.
        cancelled: Whether to give up.
        session: The connections.
        others: What fetches a URL, into a file, where that is not done over these connections.
        shunned: The servers, by scheme and host, that lately gave nothing: they are asked last.
        backoff: How long to wait between tries.
        sleep: Waits.
    """

    directory: Path
    settings: Settings
    progress: Callable[[int, int | None], None]
    cancelled: Callable[[], bool]
    session: HttpSession = attrs.field(factory=HttpSession)
    others: Mapping[str, Callable[[Path], None]] = attrs.field(factory=dict)
    shunned: set[str] = attrs.field(factory=set)
    backoff: Backoff = attrs.field(factory=Backoff)
    sleep: Callable[[float], None] = time.sleep

    @contextlib.contextmanager
    def fetched(self, wanted: Wanted) -> Iterator[Path]:
        """Have the file in the body, checked, for this process alone; whatever the body leaves of it is deleted.

        Raises:
            HashMismatch: the file has another hash; it is kept.
            Unavailable: no place gave it.
            Offline: it would have to be fetched.
            Cancelled: the user gave up.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        final = self.directory / wanted.sha256
        try:
            with locked(final.with_suffix(".lock"), cancelled=self.cancelled):
                if not (final.exists() and self._sha256_of(final) == wanted.sha256):
                    self._fetch(wanted, final)
                yield final
                final.unlink(missing_ok=True)
        except WaitCancelled:
            raise Cancelled(wanted.name) from None

    def _fetch(self, wanted: Wanted, final: Path) -> None:
        """Make *final* from the first URL that gives the right file."""
        part = final.with_suffix(".part")
        mismatch: HashMismatch | None = None
        tried: dict[str, TryFailed] = {}
        local = tuple(url for url in wanted.urls if url.startswith("file:"))
        for url, retries in self._rounds(local if self.settings.offline else wanted.urls, tried):
            try:
                got = self._fetch_from(url, wanted, part, retries)
            except TryFailed as failed:
                tried[url] = failed
                if failed.transient:
                    self.shunned.add(_server(url))
                continue
            self.shunned.discard(_server(url))
            kept = part.replace(self.directory / got)
            if got == wanted.sha256:
                if mismatch is not None:
                    mismatch.kept.unlink(missing_ok=True)
                return
            if mismatch is None:
                mismatch = HashMismatch(
                    name=wanted.name, wanted=wanted.sha256, got=got, url=without_credentials(url), kept=kept
                )
                tried.pop(url, None)
                continue
            tried[url] = TryFailed(f"it has sha256 {got} there")
            if mismatch.got == got and wanted.size is None:
                # Two places have the same file: the hash in the definition is wrong. One with a size is an archive's.
                break
        answers = tuple((without_credentials(url), failed.said) for url, failed in tried.items())
        if mismatch is not None:
            raise attrs.evolve(mismatch, tried=answers)
        if self.settings.offline and len(local) < len(wanted.urls):
            raise Offline(name=wanted.name, urls=tuple(map(without_credentials, wanted.urls)))
        absent = bool(tried) and all(failed.status in _ABSENT for failed in tried.values())
        raise Unavailable(name=wanted.name, tried=answers, absent=absent)

    def _rounds(self, urls: Iterable[str], tried: Mapping[str, TryFailed]) -> Iterator[tuple[str, int]]:
        """Yield each of *urls* with how often it is to be tried again.

        None is, as long as there is another one to ask. Then those are asked once more that may have been out of
        order for a moment only, as *tried* says by then.
        """
        order = sorted(urls, key=lambda url: _server(url) in self.shunned)
        if len(order) > 1:
            yield from ((url, 0) for url in order)
            order = [url for url in order if url in tried and tried[url].transient]
        yield from ((url, self.settings.retries) for url in order)

    def _fetch_from(self, url: str, wanted: Wanted, part: Path, retries: int) -> str:
        """Fetch *url* into *part* and return its SHA-256."""
        if (fetch := self.others.get(url)) is not None:
            fetch(part)
            return self._sha256_of(part)
        if url.startswith("file:"):
            self._copy(url, wanted, part)
            return self._sha256_of(part)
        transfer = _Transfer(url, patched=_size(part) > 0)
        self._try_often(transfer, wanted, part, retries)
        got = self._sha256_of(part)
        if got != wanted.sha256 and transfer.patched:
            part.unlink()
            self._try_often(transfer, wanted, part, retries)
            got = self._sha256_of(part)
        return got

    def _try_often(self, transfer: _Transfer, wanted: Wanted, part: Path, retries: int) -> None:
        failures, furthest = 0, _size(part)
        while True:
            try:
                return self._try(transfer, wanted, part)
            except TryFailed as failed:
                if (size := _size(part)) >= furthest + PROGRESS_THAT_COUNTS:
                    failures, furthest = 0, size
                failures += 1
                delay = self.backoff.delay(failures, status=failed.status, floor=failed.floor)
                # A server that gave something is asked to go on before another one is.
                allowed = max(retries, int(size > furthest))
                if not failed.transient or failures > allowed or failed.floor > self.backoff.cap:
                    raise
                self._wait(delay, wanted)

    def _try(self, transfer: _Transfer, wanted: Wanted, part: Path) -> None:
        """Fetch what *part* lacks of the file."""
        offset = _size(part)
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if transfer.validator is not None:
                headers["If-Range"] = transfer.validator
        settings = self.settings
        self.session.patience = Patience(settings.connect_timeout, settings.read_timeout, self.cancelled)
        with self.session.asked(transfer.url, headers) as response:
            if offset and is_complete(response, offset):
                return
            try:
                start, total = place_in_file(response, offset)
            except NotContinued:
                part.unlink()
                raise
            self._check_size(wanted, total)
            transfer.validator = validator(response)
            transfer.patched = transfer.patched or start > 0
            with part.open("ab") as file:
                file.truncate(start)
                self._receive(response.raw, file, wanted, start, total)

    def _check_size(self, wanted: Wanted, total: int | None) -> None:
        """Refuse a file of *total* bytes, if that is known, which is not or may not be the one that is *wanted*."""
        most = self.settings.max_download_size
        if total is None:
            return
        if wanted.size is not None and total != wanted.size:
            msg = f"it has {total} bytes there instead of {wanted.size}"
            raise TryFailed(msg)
        if wanted.size is None and total > most:
            msg = f"it has {total} bytes there, and max_download_size is {most}"
            raise TryFailed(msg)

    def _receive(
        self, answer: urllib3.BaseHTTPResponse, file: BinaryIO, wanted: Wanted, done: int, total: int | None
    ) -> None:
        most = self._most(wanted)
        # read1 gives what has come, so that progress is seen as it is made.
        while data := answer.read1(CHUNK, decode_content=False):
            if self.cancelled():
                raise Cancelled(wanted.name)
            file.write(data)
            done += len(data)
            self.progress(done, total)
            if done > most:
                file.truncate(0)
                msg = f"it has more than {most} bytes there"
                raise TryFailed(msg)
        if total is not None and done < total:
            msg = f"the connection was cut after {done} of {total} bytes"
            raise TryFailed(msg, transient=True)

    def _copy(self, url: str, wanted: Wanted, part: Path) -> None:
        source = Path(unquote(urlsplit(url).path))
        try:
            # Without waiting: nobody may ever write to a fifo.
            opened = os.fdopen(os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except (OSError, ValueError) as error:
            status = _NOT_FOUND if isinstance(error, FileNotFoundError) else None
            raise TryFailed(reason_of(error), status=status) from None
        with opened, part.open("wb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                msg = "not a file"
                raise TryFailed(msg)
            done, total = 0, os.fstat(opened.fileno()).st_size
            self._check_size(wanted, total)
            for piece in FileReader().pieces(opened.fileno()):
                if self.cancelled():
                    raise Cancelled(wanted.name)
                done += len(piece)
                self._check_size(wanted, max(done, total))  # it may grow meanwhile
                write_piece(file.fileno(), piece)
                self.progress(done, max(done, total))
            file.truncate(done)  # it may end in a hole

    def _most(self, wanted: Wanted) -> int:
        return wanted.size if wanted.size is not None else self.settings.max_download_size

    def _sha256_of(self, path: Path) -> str:
        """Return the SHA-256 of the file at *path* in hexadecimal."""
        hashing = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            for piece in FileReader().pieces(file.fileno()):
                if self.cancelled():
                    raise Cancelled(path.name)
                hashing.update(piece)
        return hashing.hexdigest()

    def _wait(self, seconds: float, wanted: Wanted) -> None:
        while seconds > 0:
            if self.cancelled():
                raise Cancelled(wanted.name)
            self.sleep(min(seconds, _NAP))
            seconds -= _NAP


def _server(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
