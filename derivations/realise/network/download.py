"""Fetch a file by its SHA-256 from the first URL that has it.

A download grows in `<sha256>.part`, under a lock, so that processes that want the same file take
turns; an interrupted one is resumed with a `Range` request. Nothing reads the file before its hash
is checked. A file with another hash is kept under its own hash: once the hash in the definition is
corrected, nothing is downloaded again.

Resuming is safe whatever a server does: a response to `Range` is used only if its `Content-Range`
begins where the file ends, and a resumed file with a wrong hash is fetched once more from the start.
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
from store.osutil.locks import WaitCancelled, locked
from store.trees.reading import FileReader
from store.trees.writer import write_piece


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO

    import urllib3

    from derivations.realise.settings import Settings


CHUNK = 256 * 1024  # bytes at most between two checks for cancellation; the number is not critical
PROGRESS_THAT_COUNTS = 1024 * 1024
"""An attempt that got this many bytes further does not count as a failure: large files survive any number of cuts."""

_NOT_FOUND = 404
_ABSENT = frozenset({_NOT_FOUND, 410})
_NAP = 0.1  # seconds between two checks for cancellation


@attrs.frozen(kw_only=True)
class HashMismatch(Error):
    """A downloaded file has another hash than expected.

    Attributes:
        name: The name of the download.
        expected: The expected SHA-256.
        got: The SHA-256 of the file.
        url: Where it came from.
        kept: The path of the file now.
        tried: Each other URL that was tried, and its failure.
    """

    exit_code: ClassVar[int] = 102

    name: str
    expected: str
    got: str
    url: str
    kept: Path
    tried: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        others = "".join(f"; {url}: {said}" for url, said in self.tried)
        return f"hash mismatch in {self.name} from {self.url}: wanted sha256 {self.expected}, got {self.got}{others}"

    @property
    def hint(self) -> str:
        """Return how to accept the new file, without another download."""
        return f"if the new file is right, put its hash into the definition; the file is kept as {self.kept}, not fetched again"


@attrs.frozen(kw_only=True)
class Unavailable(Error):
    """No URL provided the file.

    Attributes:
        name: The name of the download.
        tried: Each URL and its failure.
        lacking: Those of the URLs whose servers answered that they do not have the file.
    """

    name: str
    tried: tuple[tuple[str, str], ...]
    lacking: tuple[str, ...]

    def __str__(self) -> str:
        answers = "; ".join(f"{url}: {said}" for url, said in self.tried)
        return f"cannot fetch {self.name}: {answers or 'no known URL has it'}"

    @property
    def absent(self) -> bool:
        """Return whether every server answered that it does not have the file."""
        return bool(self.tried) and len(self.lacking) == len(self.tried)

    @property
    def hint(self) -> str:
        """Return what may help."""
        if self.absent:
            return "the file was moved or deleted; another mirror may still have it"
        return "try again later; a partial download is kept and resumed"


@attrs.frozen(kw_only=True)
class Offline(Error):
    """A file would have to be fetched, but kernix is offline."""

    name: str
    urls: tuple[str, ...]

    def __str__(self) -> str:
        return f"cannot fetch {self.name}: --offline is set"

    @property
    def hint(self) -> str | None:
        """Return where it would come from."""
        return f"it would come from {' or '.join(self.urls)}" if self.urls else None


@attrs.frozen(kw_only=True)
class Download:
    """A file to download: its hash, the URLs that may have it, best first, and its size in bytes if known."""

    name: str
    sha256: str
    urls: tuple[str, ...]
    size: int | None = None


@attrs.define
class _Transfer:
    """The state of one URL's download over several attempts."""

    url: str
    validator: str | None = None
    patched: bool = False
    """Whether the file was assembled from more than one response."""


@attrs.define(kw_only=True)
class Downloader:
    """Fetches files into *directory*; for one thread only, because it keeps its connections open.

    Attributes:
        directory: Where downloads grow and are kept.
        settings: How often to try, how long to wait for a server, whether to fetch at all.
        progress: Called with bytes done and bytes expected, None if unknown.
        cancelled: Whether to stop.
        session: The connections.
        others: URL -> a function that fetches it into a file by other means.
        failing: The servers, by scheme and host, that recently failed: they are tried last.
        backoff: How long to wait between attempts.
        sleep: Waits.
    """

    directory: Path
    settings: Settings
    progress: Callable[[int, int | None], None]
    cancelled: Callable[[], bool]
    session: HttpSession = attrs.field(factory=HttpSession)
    others: Mapping[str, Callable[[Path], None]] = attrs.field(factory=dict)
    failing: set[str] = attrs.field(factory=set)
    backoff: Backoff = attrs.field(factory=Backoff)
    sleep: Callable[[float], None] = time.sleep

    @contextlib.contextmanager
    def fetch(self, wanted: Download) -> Iterator[Path]:
        """Give the body the checked file, for this process alone, and delete it afterwards if it is still there.

        Raises:
            HashMismatch: the file has another hash; it is kept.
            Unavailable: no URL provided it.
            Offline: it would have to be fetched.
            Cancelled: the user interrupted the download.
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

    def _fetch(self, wanted: Download, final: Path) -> None:
        """Fetch *final* from the first URL that has the right file."""
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
                    self.failing.add(_server(url))
                continue
            self.failing.discard(_server(url))
            kept = part.replace(self.directory / got)
            if got == wanted.sha256:
                if mismatch is not None:
                    mismatch.kept.unlink(missing_ok=True)
                return
            if mismatch is None:
                mismatch = HashMismatch(
                    name=wanted.name, expected=wanted.sha256, got=got, url=without_credentials(url), kept=kept
                )
                tried.pop(url, None)
                continue
            tried[url] = TryFailed(f"the file has sha256 {got}")
            if mismatch.got == got and wanted.size is None:
                # Two servers agree: the hash in the definition is wrong. (Only Debian packages have a size.)
                break
        answers = tuple((without_credentials(url), failed.message) for url, failed in tried.items())
        if mismatch is not None:
            raise attrs.evolve(mismatch, tried=answers)
        if self.settings.offline and len(local) < len(wanted.urls):
            raise Offline(name=wanted.name, urls=tuple(map(without_credentials, wanted.urls)))
        lacking = tuple(without_credentials(url) for url, failed in tried.items() if failed.status in _ABSENT)
        raise Unavailable(name=wanted.name, tried=answers, lacking=lacking)

    def _rounds(self, urls: Iterable[str], tried: Mapping[str, TryFailed]) -> Iterator[tuple[str, int]]:
        """Yield each of *urls* with the number of retries it gets.

        With several, each is first tried once. Then those are retried whose failure, as *tried* shows by
        then, may have been temporary.
        """
        order = sorted(urls, key=lambda url: _server(url) in self.failing)
        if len(order) > 1:
            yield from ((url, 0) for url in order)
            order = [url for url in order if url in tried and tried[url].transient]
        yield from ((url, self.settings.retries) for url in order)

    def _fetch_from(self, url: str, wanted: Download, part: Path, retries: int) -> str:
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

    def _try_often(self, transfer: _Transfer, wanted: Download, part: Path, retries: int) -> None:
        failures, furthest = 0, _size(part)
        while True:
            try:
                return self._try(transfer, wanted, part)
            except TryFailed as failed:
                if (size := _size(part)) >= furthest + PROGRESS_THAT_COUNTS:
                    failures, furthest = 0, size
                failures += 1
                delay = self.backoff.delay(failures, status=failed.status, floor=failed.floor)
                # A server that sent something gets another chance before the next server.
                allowed = max(retries, int(size > furthest))
                if not failed.transient or failures > allowed or failed.floor > self.backoff.cap:
                    raise
                self._wait(delay, wanted)

    def _try(self, transfer: _Transfer, wanted: Download, part: Path) -> None:
        """Fetch the rest of the file that *part* lacks."""
        offset = _size(part)
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if transfer.validator is not None:
                headers["If-Range"] = transfer.validator
        settings = self.settings
        self.session.patience = Patience(settings.connect_timeout, settings.read_timeout, self.cancelled)
        with self.session.open(transfer.url, headers) as response:
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

    def _check_size(self, wanted: Download, total: int | None) -> None:
        """Refuse a file of *total* bytes, None if unknown, that cannot or must not be the *wanted* one."""
        most = self.settings.max_download_size
        if total is None:
            return
        if wanted.size is not None and total != wanted.size:
            msg = f"the file has {total} bytes instead of {wanted.size}"
            raise TryFailed(msg)
        if wanted.size is None and total > most:
            msg = f"the file has {total} bytes, but max_download_size is {most}"
            raise TryFailed(msg)

    def _receive(
        self, answer: urllib3.BaseHTTPResponse, file: BinaryIO, wanted: Download, done: int, total: int | None
    ) -> None:
        most = self._most(wanted)
        # read1 returns what has arrived, so that progress shows at once.
        while data := answer.read1(CHUNK, decode_content=False):
            if self.cancelled():
                raise Cancelled(wanted.name)
            file.write(data)
            done += len(data)
            self.progress(done, total)
            if done > most:
                file.truncate(0)
                msg = f"the file has more than {most} bytes"
                raise TryFailed(msg)
        if total is not None and done < total:
            msg = f"the connection was cut after {done} of {total} bytes"
            raise TryFailed(msg, transient=True)

    def _copy(self, url: str, wanted: Download, part: Path) -> None:
        source = Path(unquote(urlsplit(url).path))
        try:
            # Non-blocking: a fifo may never get a writer.
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
                self._check_size(wanted, max(done, total))  # it may grow while it is read
                write_piece(file.fileno(), piece)
                self.progress(done, max(done, total))
            file.truncate(done)  # it may end in a hole

    def _most(self, wanted: Download) -> int:
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

    def _wait(self, seconds: float, wanted: Download) -> None:
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
