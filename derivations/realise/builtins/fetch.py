"""builtin:fetch-url and builtin:fetch-deb: what is fetched over HTTP, by the hash it must have.

`fetch-url` has `urls` in its environment, a JSON list of places in the order in which they are asked.
`fetch-deb` has `path`, `archive` and `size`; where archives are mirrored is the machine's
business and the user's, never the derivation's.
"""

from __future__ import annotations

import json
import shutil
import threading

from typing import TYPE_CHECKING

from derivations.debian.lock import GONE_HINT
from derivations.realise.apt_sites import apt_sites, package_urls
from derivations.realise.archive import data_of_package
from derivations.realise.connection import Session
from derivations.realise.download import Downloader, Unavailable, Wanted
from derivations.realise.extract import extract
from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from derivations.realise.job import Job
    from store.tree import Content


KERNEL_ORG = ("https://cdn.kernel.org/pub/", "https://www.kernel.org/pub/", "https://mirrors.edge.kernel.org/pub/")
"""Where kernel.org's tree begins; a mirror has the same below its base URL."""

_USER_AGENT = "kernix"

# A connection serves many packages, but a session serves one thread only.
_PER_THREAD = threading.local()


class PackageGone(Error):
    """No mirror has a pinned package any more."""

    name: str
    tried: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        answers = "; ".join(f"{url}: {said}" for url, said in self.tried)
        return f"the pinned package {self.name} has left the mirror: {answers}"

    @property
    def hint(self) -> str:
        """Tell which command pins what there is."""
        return GONE_HINT


def fetch_url(job: Job) -> None:
    """Fetch the file of *job*.

    Raises:
        HashMismatch, Unavailable, Offline: see `derivations.realise.download`.
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
        HashMismatch, Unavailable, Offline: see `derivations.realise.download`.
        Corrupt, Refused: it is not a package that can be unpacked.
    """
    env = job.derivation.env
    urls = package_urls(env["path"], env["archive"], job.settings.mirrors, apt_sites())
    try:
        with _download(job, urls, size=int(env["size"])) as package, package.open("rb", buffering=0) as file:
            source = data_of_package(file, job.derivation.name)
            # In a root file system an absolute link is as good as any other.
            return extract(job, source, archive=job.derivation.name, links_may_leave=True)
    except Unavailable as error:
        if error.absent:
            raise PackageGone(job.derivation.name, error.tried) from None
        raise


def with_kernel_mirrors(urls: Iterable[str], mirrors: Iterable[str]) -> tuple[str, ...]:
    """Return *urls*, each of kernel.org's preceded by its equivalents below *mirrors*."""
    found: list[str] = []
    for url in urls:
        if base := next((base for base in KERNEL_ORG if url.startswith(base)), None):
            found += [f"{mirror.rstrip('/')}/{url.removeprefix(base)}" for mirror in mirrors]
        found.append(url)
    return tuple(dict.fromkeys(found))


def _download(job: Job, urls: tuple[str, ...], size: int | None = None) -> AbstractContextManager[Path]:
    fixed = job.derivation.fixed
    if fixed is None:
        msg = f"{job.derivation.builder} without a hash"
        raise ValueError(msg)
    downloader = Downloader(
        directory=job.store.layout.cache / "downloads",
        settings=job.settings,
        progress=job.progress,
        cancelled=job.cancelled,
        session=_session(),
    )
    return downloader.fetched(Wanted(name=job.derivation.name, sha256=fixed.digest, urls=urls, size=size))


def _session() -> Session:
    session: Session | None = getattr(_PER_THREAD, "session", None)
    if session is None:
        session = _PER_THREAD.session = Session()
        session.headers["User-Agent"] = _USER_AGENT
    return session
