"""Downloads, each identified by the hash that it must have.

The results are fixed-output derivations: their keys contain the hash and the name, never the place
that the bytes come from, so a mirror may change without causing a rebuild. Builders
have no network; the realiser itself fetches (`derivations.realise.builtins`).
"""

from __future__ import annotations

import base64
import contextlib
import re

from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from derivations.derivation import Derivation, Fixed, Hints, canonical_json
from store import base32
from store.errors import Error
from store.gc.retention import Retention


if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from derivations.forms import ListOf


ANY_SYSTEM = "builtin"
"""The system of derivations that the realiser builds itself: the result is the same on every machine."""

_FETCHES = "builtin:fetch-"
_SCHEMES = frozenset({"http", "https", "file"})
_GIT_SCHEMES = frozenset({"http", "https", "file", "git", "ssh"})
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Of SHA-256: bytes, and characters in base 64 and in Nix's base 32.
_DIGEST_LENGTH = 32
_BASE64_LENGTH = 44
_BASE32_LENGTH = 52
_NOT_IN_NAMES = re.compile(r"[^0-9a-zA-Z+\-._?=]+", re.ASCII)


class InvalidSource(Error):
    """A download is described incorrectly."""

    what: str
    reason: str
    advice: str | None = None

    def __str__(self) -> str:
        return f"cannot fetch {self.what}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """Return the advice given with the reason."""
        return self.advice


class PinnedPackage(Protocol):
    """A Debian package, as pinned by a lock."""

    @property
    def name(self) -> str:
        """Return the package's name."""
        ...

    @property
    def version(self) -> str:
        """Return the package's version."""
        ...

    @property
    def archive(self) -> str:
        """Return the last component of the archive's base URL, such as `debian-security`."""
        ...

    @property
    def path(self) -> str:
        """Return the path of the package below the archive's base URL."""
        ...

    @property
    def size(self) -> int:
        """Return the size of the package in bytes."""
        ...

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the package in hexadecimal."""
        ...


def fetch_url(
    url: str, *, sha256: str, name: str | None = None, mirrors: ListOf[str] = (), executable: bool = False
) -> Derivation:
    """Return the file at *url*, or at the first of *mirrors* (also complete URLs) that has it.

    Raises:
        InvalidSource: a URL has another scheme or contains a password, or the hash is invalid.
    """
    given: object = mirrors
    if isinstance(given, str):
        raise InvalidSource(str(url), f"mirrors must be a list of URLs, not {mirrors!r}")
    urls = [url, *mirrors]
    for each in urls:
        _check_url(each, _SCHEMES)
    env = {"urls": canonical_json(urls).decode()}
    if executable:
        env["executable"] = "1"
    return Derivation(
        name=name or name_of(url),
        system=ANY_SYSTEM,
        builder="builtin:fetch-url",
        env=env,
        fixed=Fixed("flat-executable" if executable else "flat", parse_sha256(sha256, url)),
        hints=Hints(description=f"fetch {name or name_of(url)}", retention=Retention.SOURCE),
    )


def fetch_git(url: str, rev: str, name: str | None = None, *, max_size: int | None = None) -> Derivation:
    """Return the tree of the commit *rev* in the repository at *url*, without `.git`.

    *max_size* is as for `unpack`, with what git receives as the archive.

    Raises:
        InvalidSource: *rev* is not a full commit id, or *url* cannot safely be passed to git.
    """
    _check_url(url, _GIT_SCHEMES)
    _check_commit(url, rev)
    base = name or f"{name_of(url).removesuffix('.git')}-{rev[:12]}"
    return Derivation(
        name=base,
        system=ANY_SYSTEM,
        builder="builtin:fetch-git",
        env={"url": url, "rev": rev},
        fixed=Fixed("git", rev),
        hints=Hints(description=f"fetch {base}", retention=Retention.SOURCE, max_size=max_size),
    )


def fetch_git_patches(url: str, base: str, rev: str, name: str | None = None) -> Derivation:
    """Return the commits after *base* up to *rev* in the repository at *url*, as a mailbox for `Patch`.

    Raises:
        InvalidSource: *base* or *rev* is not a full commit id, or *url* cannot safely be passed to git.
    """
    _check_url(url, _GIT_SCHEMES)
    for commit in (base, rev):
        _check_commit(url, commit)
    title = name or f"{name_of(url).removesuffix('.git')}-{base[:12]}-{rev[:12]}.mbox"
    return Derivation(
        name=title,
        system=ANY_SYSTEM,
        builder="builtin:fetch-git-patches",
        env={"url": url, "base": base, "rev": rev},
        fixed=Fixed("git-patches", base + rev),
        hints=Hints(description=f"fetch {title}", retention=Retention.SOURCE),
    )


def fetch_deb(package: PinnedPackage, *, max_size: int | None = None) -> Derivation:
    """Return the files of a Debian *package*, unpacked; its maintainer scripts do not run. *max_size* is as for `unpack`.

    Raises:
        InvalidSource: the package's hash is invalid.
    """
    name = _NOT_IN_NAMES.sub("-", f"{package.name}-{package.version}")
    return Derivation(
        name=name,
        system=ANY_SYSTEM,
        builder="builtin:fetch-deb",
        env={"path": package.path, "archive": package.archive, "size": str(package.size)},
        fixed=Fixed("deb", parse_sha256(package.sha256, package.path)),
        hints=Hints(description=f"fetch {package.name}", retention=Retention.TOOLCHAIN, max_size=max_size),
    )


def is_fetch(derivation: Derivation) -> bool:
    """Return whether *derivation* is a download, which waits for the network rather than for a processor."""
    return derivation.builder.startswith(_FETCHES)


def download_size(derivation: Derivation) -> int | None:
    """Return the size of the download *derivation* in bytes, None if its definition does not specify it."""
    size = derivation.env.get("size", "")
    return int(size) if size.isascii() and size.isdecimal() else None


def parse_sha256(text: object, what: str) -> str:
    """Return the SHA-256 *text* in hexadecimal; *text* may be hexadecimal, SRI or Nix's base-32.

    Raises:
        InvalidSource: *text* is none of these; *what* names the download in the message.
    """
    bare = text.removeprefix("sha256:").removeprefix("sha256-") if isinstance(text, str) else ""
    if _HEX.fullmatch(bare.lower()):
        return bare.lower()
    read = {_BASE32_LENGTH: base32.decode, _BASE64_LENGTH: _base64}.get(len(bare))
    with contextlib.suppress(ValueError):
        if read is not None and len(digest := read(bare)) == _DIGEST_LENGTH:
            return digest.hex()
    advice = "give 64 hexadecimal digits; with 64 zeros, the build reports the real hash and keeps the download"
    raise InvalidSource(what, f"not a SHA-256: {text!r}", advice)


def name_of(url: str) -> str:
    """Return the default name of a store object made from *url*.

    Raises:
        InvalidSource: the URL does not end in a usable name.
    """
    last = unquote(url_parts(url).path.rstrip("/").rpartition("/")[2])
    if name := _NOT_IN_NAMES.sub("-", last).lstrip(".-"):
        return name
    raise InvalidSource(without_credentials(url), "the URL does not end in a name", 'give one: name="..."')


def without_credentials(url: str) -> str:
    """Return *url* without user, password and query, so that it can be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:  # in an invalid URL, the credentials could be anywhere
        return f"{url.partition(':')[0]}:…"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _check_commit(url: str, rev: object) -> None:
    if not _COMMIT.fullmatch(str(rev)):
        advice = f"`git ls-remote {url}` lists them; branches and tags move, so they pin nothing"
        raise InvalidSource(url, f"{rev!r} is not a full commit id", advice)


def url_parts(url: str) -> SplitResult:
    """Return the parts of *url*.

    Raises:
        InvalidSource: *url* is not a URL.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidSource(without_credentials(url), f"not a URL ({error})") from None
    return parts


def _check_url(url: object, schemes: frozenset[str]) -> None:
    if not isinstance(url, str):
        raise InvalidSource(repr(url), "a URL must be a string")
    parts = url_parts(url)
    shown = without_credentials(url)
    if parts.scheme not in schemes:
        raise InvalidSource(shown, f"the scheme of the URL is not supported (use one of {', '.join(sorted(schemes))})")
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        raise InvalidSource(shown, "the URL contains credentials, and everyone can read a derivation", "use ~/.netrc")
