"""builtin:fetch-url and builtin:fetch-deb: downloads over HTTP, checked by their hashes.

`fetch-url` has `urls` in its environment, a JSON list of URLs in the order in which they are tried.
`fetch-deb` has `path`, `archive` and `size`; where archives are mirrored is up to the machine and
the user, and not part of the derivation.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import threading

from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import GONE_HINT
from derivations.realise.apt.fetch import access
from derivations.realise.apt.fetch import fetch as apt_fetch
from derivations.realise.apt.mirrors import is_of, package_urls, sites
from derivations.realise.archives.extract import extract
from derivations.realise.archives.tar import data_of_package
from derivations.realise.job import Cancelled
from derivations.realise.network.connection import HttpSession
from derivations.realise.network.download import Download, Downloader, HashMismatch, Unavailable
from derivations.realise.network.http_response import TryFailed
from derivations.realise.supervised import RunCancelled
from derivations.realise.unpack_budget import allowed_size
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


KERNEL_ORG = ("https://cdn.kernel.org/pub/", "https://www.kernel.org/pub/", "https://mirrors.edge.kernel.org/pub/")
"""Base URLs of kernel.org's tree; a mirror has the same tree below its base URL."""

_USER_AGENT = "kernix"

# A connection serves many packages, but a session serves only one thread.
_PER_THREAD = threading.local()


# A server that is down is down for every package.
_SHUNNED: set[str] = set()


class PackageGone(Error):
    """No mirror has a pinned package any more."""

    name: str
    tried: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"the pinned package {self.name} is gone from the mirrors: {_answers(self.tried)}"

    @property
    def hint(self) -> str:
        """Return which command pins the available packages."""
        return GONE_HINT


class PackageUnavailable(Unavailable):
    """No mirror provided a pinned package, though it may still exist on one of them.

    Attributes:
        archive: The archive that it is pinned in.
        known: Whether any of the mirrors that were tried is one of that archive.
        problem: What apt reports as wrong with its sources, if anything.
    """

    archive: str
    known: bool
    problem: str | None

    def __str__(self) -> str:
        problem = f"apt reports: {self.problem}" if self.problem else ""
        if not self.tried:
            why = problem or "this machine has no apt, or its apt has no sources"
            return f"cannot fetch the pinned package {self.name}: no mirror is known ({why})"
        stranger = "" if self.known else f"no mirror of its archive, {self.archive}, is known"
        answers = "; ".join(filter(None, (stranger, _answers(self.tried), problem)))
        return f"cannot fetch the pinned package {self.name}: {answers}"

    @property
    def hint(self) -> str:
        """Return where to set a mirror, and what else may help if one of the archive's lacks the package."""
        add = f'add {"another" if self.tried else "a"} mirror in config.toml: mirrors = ["https://…/{self.archive}"]'
        return f"{add}; or {GONE_HINT}" if any(is_of(url, self.archive) for url in self.lacking) else add


class PackageDiffers(HashMismatch):
    """The mirrors have another file than the one that the lock pins."""

    @property
    def hint(self) -> str:
        """Return what may be wrong with the mirror; the lock itself is not at fault."""
        return "a mirror is damaged, being updated, or compromised: try later, or add another one in config.toml"


def fetch_url(job: Job) -> None:
    """Fetch the file of *job*.

    Raises:
        HashMismatch, Unavailable, Offline: see `derivations.realise.network.download`.
    """
    derivation = job.derivation
    urls = with_kernel_mirrors(json.loads(derivation.env["urls"]), job.settings.kernel_mirrors)
    with _download(job, urls) as file:
        if derivation.env.get("executable"):
            file.chmod(0o755)
        shutil.move(file, job.out / "out")


def fetch_deb(job: Job) -> Content:
    """Fetch the package of *job* and unpack its files.

    Raises:
        PackageGone: no mirror has it any more.
        PackageUnavailable, PackageDiffers: no mirror provided it.
        Offline: see `derivations.realise.network.download`.
        Corrupt, Refused, TooLarge: it cannot be unpacked.
    """
    name, env = job.derivation.name, job.derivation.env
    found, mirrors = sites(), job.settings.mirrors
    urls = package_urls(env["path"], env["archive"], mirrors, found.bases)
    through_apt = [base for base in found.bases if base not in mirrors and access().needs_apt(base)]
    try:
        with (
            _download(job, urls, int(env["size"]), [f"{base}/{env['path']}" for base in through_apt]) as package,
            package.open("rb", buffering=0) as file,
        ):
            source = data_of_package(file, name)
            # In a root file system, absolute links are normal.
            limit = allowed_size(os.fstat(file.fileno()).st_size, job.derivation.hints.max_size)
            return extract(job, source, archive=name, links_may_leave=True, limit=limit)
    except HashMismatch as error:
        raise PackageDiffers(**attrs.asdict(error, recurse=False)) from None
    except Unavailable as error:
        known = any(is_of(base, env["archive"]) for base in (*mirrors, *found.bases))
        if error.absent and known:
            raise PackageGone(name, error.tried) from None
        facts = attrs.asdict(error, recurse=False)
        raise PackageUnavailable(**facts, archive=env["archive"], known=known, problem=found.problem) from None


def with_kernel_mirrors(urls: Iterable[str], mirrors: Iterable[str]) -> tuple[str, ...]:
    """Return *urls*, each of kernel.org's preceded by its equivalents below *mirrors*."""
    found: list[str] = []
    for url in urls:
        if base := next((base for base in KERNEL_ORG if url.startswith(base)), None):
            found += [f"{mirror.rstrip('/')}/{url.removeprefix(base)}" for mirror in mirrors]
        found.append(url)
    return tuple(dict.fromkeys(found))


def _download(
    job: Job, urls: tuple[str, ...], size: int | None = None, through_apt: Iterable[str] = ()
) -> AbstractContextManager[Path]:
    fixed = job.derivation.fixed
    if fixed is None:
        msg = f"{job.derivation.builder} without a hash"
        raise ValueError(msg)
    wanted = Download(name=job.derivation.name, sha256=fixed.digest, urls=urls, size=size)
    downloader = Downloader(
        directory=job.store.layout.cache / "downloads",
        settings=job.settings,
        progress=job.progress,
        cancelled=job.cancelled,
        session=_session(),
        others={url: functools.partial(_through_apt, job, wanted, url) for url in through_apt},
        failing=_SHUNNED,
    )
    return downloader.fetch(wanted)


def _through_apt(job: Job, wanted: Download, url: str, place: Path) -> None:
    """Fetch *url* to *place* through the machine's apt."""

    def size() -> int:
        return place.stat().st_size if place.exists() else 0

    def is_over() -> bool:
        job.progress(size(), wanted.size)
        return job.cancelled() or (wanted.size is not None and size() > wanted.size)

    try:
        apt_fetch(url, place, wanted.sha256, is_over)
    except RunCancelled:
        if job.cancelled():
            raise Cancelled(wanted.name) from None
        place.unlink(missing_ok=True)
        msg = f"the file has more than {wanted.size} bytes"
        raise TryFailed(msg) from None


def _answers(tried: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{url}: {said}" for url, said in tried)


def _session() -> HttpSession:
    session: HttpSession | None = getattr(_PER_THREAD, "session", None)
    if session is None:
        session = _PER_THREAD.session = HttpSession()
        session.headers["User-Agent"] = _USER_AGENT
    return session
