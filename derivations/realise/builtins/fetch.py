"""builtin:fetch-url and builtin:fetch-deb: what is fetched over HTTP, by the hash it must have.

`fetch-url` has `urls` in its environment, a JSON list of places in the order in which they are asked.
`fetch-deb` has `path`, `archive` and `size`; where archives are mirrored is the machine's
business and the user's, never the derivation's.
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
from derivations.realise.network.download import Downloader, HashMismatch, Unavailable, Wanted
from derivations.realise.network.http_response import TryFailed
from derivations.realise.room import allowed_size
from derivations.realise.supervised import GivenUp
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from derivations.realise.job import Job
    from store.trees.content import Content


KERNEL_ORG = ("https://cdn.kernel.org/pub/", "https://www.kernel.org/pub/", "https://mirrors.edge.kernel.org/pub/")
"""Where kernel.org's tree begins; a mirror has the same below its base URL."""

_USER_AGENT = "kernix"

# A connection serves many packages, but a session serves one thread only.
_PER_THREAD = threading.local()


# Servers that are out of order are so for every package.
_SHUNNED: set[str] = set()


class PackageGone(Error):
    """No mirror has a pinned package any more."""

    name: str
    tried: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"the pinned package {self.name} has left the mirror: {_answers(self.tried)}"

    @property
    def hint(self) -> str:
        """Tell which command pins what there is."""
        return GONE_HINT


class PackageUnavailable(Unavailable):
    """No mirror gave a pinned package, and not every mirror of its archive says that it does not have it.

    Attributes:
        archive: The archive that it is pinned in.
        known: Whether any of the mirrors that were asked is one of that archive.
        trouble: What apt says is wrong with its sources, if anything is.
    """

    archive: str
    known: bool
    trouble: str | None

    def __str__(self) -> str:
        trouble = f"apt says: {self.trouble}" if self.trouble else ""
        if not self.tried:
            why = trouble or "this machine's apt has no sources, or there is no apt"
            return f"cannot fetch the pinned package {self.name}: no place is known that has it ({why})"
        stranger = "" if self.known else f"no mirror of its archive, {self.archive}, is known"
        answers = "; ".join(filter(None, (stranger, _answers(self.tried), trouble)))
        return f"cannot fetch the pinned package {self.name}: {answers}"

    @property
    def hint(self) -> str:
        """Tell where a mirror is named."""
        return f'name {"another" if self.tried else "a"} mirror in config.toml: mirrors = ["https://…/{self.archive}"]'


class PackageDiffers(HashMismatch):
    """The mirrors have other bytes than those that the lock pins."""

    @property
    def hint(self) -> str:
        """Tell that the lock is not to be made to fit."""
        return (
            "a mirror is damaged, in the middle of an update, or lying: try later, or name another one in config.toml"
        )


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
        PackageUnavailable, PackageDiffers: no mirror gave it.
        Offline: see `derivations.realise.network.download`.
        Corrupt, Refused, TooLarge: it is not a package that can be unpacked.
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
            # In a root file system an absolute link is as good as any other.
            limit = allowed_size(os.fstat(file.fileno()).st_size, job.derivation.hints.max_size)
            return extract(job, source, archive=name, links_may_leave=True, limit=limit)
    except HashMismatch as error:
        raise PackageDiffers(**attrs.asdict(error, recurse=False)) from None
    except Unavailable as error:
        known = any(is_of(base, env["archive"]) for base in (*mirrors, *found.bases))
        if error.absent and known:
            raise PackageGone(name, error.tried) from None
        facts = attrs.asdict(error, recurse=False)
        raise PackageUnavailable(**facts, archive=env["archive"], known=known, trouble=found.trouble) from None


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
    wanted = Wanted(name=job.derivation.name, sha256=fixed.digest, urls=urls, size=size)
    downloader = Downloader(
        directory=job.store.layout.cache / "downloads",
        settings=job.settings,
        progress=job.progress,
        cancelled=job.cancelled,
        session=_session(),
        others={url: functools.partial(_through_apt, job, wanted, url) for url in through_apt},
        shunned=_SHUNNED,
    )
    return downloader.fetched(wanted)


def _through_apt(job: Job, wanted: Wanted, url: str, place: Path) -> None:
    """Have the machine's apt fetch *url* to *place*."""

    def size() -> int:
        return place.stat().st_size if place.exists() else 0

    def is_over() -> bool:
        job.progress(size(), wanted.size)
        return job.cancelled() or (wanted.size is not None and size() > wanted.size)

    try:
        apt_fetch(url, place, wanted.sha256, is_over)
    except GivenUp:
        if job.cancelled():
            raise Cancelled(wanted.name) from None
        place.unlink(missing_ok=True)
        msg = f"it has more than {wanted.size} bytes there"
        raise TryFailed(msg) from None


def _answers(tried: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{url}: {said}" for url, said in tried)


def _session() -> HttpSession:
    session: HttpSession | None = getattr(_PER_THREAD, "session", None)
    if session is None:
        session = _PER_THREAD.session = HttpSession()
        session.headers["User-Agent"] = _USER_AGENT
    return session
