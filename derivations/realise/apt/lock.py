"""Make a lock: query the machine's apt for packages, and install nothing.

The machine's configuration decides where packages come from and which keys sign them
(`derivations.realise.apt.sources`). Each line of apt's answer (`derivations.realise.apt.run`) is one package,
`'<URL>' <name>_<version>_<architecture>.deb <size> SHA256:<hash>`.
"""

from __future__ import annotations

import contextlib
import re

from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from derivations.debian.lock import Lock, Package, archive_of
from derivations.debian.names import is_firmware
from derivations.debian.sets import default_sets, linux_series, package_set
from derivations.realise.apt.follow import followed
from derivations.realise.apt.run import Apt, failure, native_architecture, shown
from derivations.realise.apt.sources import ArchiveChoice, update
from derivations.suggest import suggestion
from store.errors import Error
from store.osutil.locks import locked


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from derivations.debian.sets import PackageSet
    from derivations.realise.apt.release import Updated


_ANSWER = re.compile(r"'([^']+)' (\S+)\.deb ([0-9]+) SHA256:([0-9a-f]{64})")
_UNLOCATED = re.compile(
    r"E: Unable to locate package (\S+)|E: Package '?([^' ]+)'? has no installation candidate", re.MULTILINE
)


class UnknownPackage(Error):
    """The machine's archives lack a package."""

    name: str
    near: str | None

    def __str__(self) -> str:
        return f"this machine's apt archives have no package {self.name!r}"

    @property
    def hint(self) -> str:
        """Suggest a similar name, or how to add archives."""
        if is_firmware(self.name):
            component = "Debian has most firmware in its component non-free-firmware, which apt's sources must name"
            return f"{self.near} {component[0].upper()}{component[1:]}" if self.near else component
        return self.near or "add archives in /etc/apt/sources.list.d"


class WeakHash(Error):
    """An archive does not list the SHA-256 of a package."""

    answer: str

    def __str__(self) -> str:
        return f"the archive lists no SHA-256 to pin: {self.answer}"


def make_lock(
    sets: Iterable[str] | None, work: Path, *, choice: ArchiveChoice | None = None, options: Sequence[str] = ()
) -> Lock:
    """Return a lock of *sets*, resolved in the current archives of *choice*, by default the machine's.

    Args:
        sets: The names of the sets; None for the default ones that the archives have.
        work: A directory for apt's state; keeping it saves time, because it holds the package lists.
        choice: Which archives.
        options: Further options for apt, as in `-o`.

    Raises:
        UnknownSet: a set does not exist.
        NotSigned, UnknownRelease: the archives cannot be used.
        AptMissing, AptFailed, UnknownPackage, WeakHash: apt cannot resolve them.
    """
    names = None if sets is None else tuple(sets)
    with _archives(names or (), work, choice or ArchiveChoice(), options) as archives:
        usual = default_sets(archives.apt.native, archives.names("linux-source-")) if names is None else names
        return _lock(archives.resolve_all(usual, may_lack=names is None), archives.updated.suite)


def relock(
    lock: Lock,
    sets: Iterable[str] | None,
    work: Path,
    *,
    choice: ArchiveChoice | None = None,
    options: Sequence[str] = (),
) -> Lock:
    """Return *lock* with *sets* resolved again, or added, and everything else unchanged.

    Without *sets*, all of the lock's are resolved again; optional sets that the archives no longer have are
    then dropped, and new Linux sources are added.

    Raises:
        UnknownSet: a set does not exist.
        NotSigned, UnknownRelease: the archives cannot be used.
        AptMissing, AptFailed, UnknownPackage, WeakHash: apt cannot resolve them.
    """
    choice = choice or ArchiveChoice(suite=lock.suite)
    if sets is not None:
        anew = make_lock(tuple(sets), work, choice=choice, options=options)
        resolved = {name: (anew if name in anew.sets else lock).set(name) for name in {**lock.sets, **anew.sets}}
        return _lock(resolved, lock.suite)
    with _archives(lock.sets, work, choice, options) as archives:
        sources = linux_series(archives.names("linux-source-")) if linux_series(lock.sets) else ()
        names = dict.fromkeys([*lock.sets, *(f"linux-source-{series}" for series in sources)])
        return _lock(archives.resolve_all(names, may_lack=True), archives.updated.suite)


def _lock(resolved: dict[str, tuple[Package, ...]], suite: str | None) -> Lock:
    packages = [package for members in resolved.values() for package in members]
    return Lock(
        packages=tuple(packages),
        sets={name: tuple(package.identity for package in members) for name, members in resolved.items()},
        suite=suite,
    )


@contextlib.contextmanager
def _archives(sets: Iterable[str], work: Path, choice: ArchiveChoice, options: Sequence[str]) -> Iterator[_Archives]:
    """Give the body, under a lock, the archives of *choice* with fresh lists for the architectures of *sets*."""
    native = native_architecture()
    foreign = {it.architecture for it in map(package_set, sets) if it.architecture is not None} - {native}
    apt = Apt(work=work.absolute(), native=native, options=tuple(options))
    apt.work.mkdir(parents=True, exist_ok=True)
    with locked(apt.work / "lock"):
        apt.prepare((native, *sorted(foreign)))
        updated = update(apt, choice)
        bases = apt.output_of("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        yield _Archives(apt=apt, updated=updated, bases=tuple(dict.fromkeys(bases.split())))


@attrs.frozen(kw_only=True)
class _Archives:
    """Archives whose lists apt has fetched.

    Attributes:
        apt: The apt that fetched them.
        updated: Which archives they are.
        bases: Their base URLs.
    """

    apt: Apt
    updated: Updated
    bases: tuple[str, ...]

    def names(self, prefix: str) -> list[str]:
        """Return the package names that begin with *prefix*."""
        return self.apt.output_of("apt-cache", "pkgnames", prefix).split()

    def resolve_all(self, names: Iterable[str], *, may_lack: bool) -> dict[str, tuple[Package, ...]]:
        """Return the packages of each set of *names*; with *may_lack*, optional sets may be missing.

        Raises:
            UnknownSet: a set does not exist.
            AptFailed, UnknownPackage, WeakHash: apt cannot resolve them.
        """
        found: dict[str, tuple[Package, ...]] = {}
        for name in names:
            definition = package_set(name)
            try:
                found[name] = self._resolve(name, definition)
            except UnknownPackage:
                if not (may_lack and definition.optional):
                    raise
        return found

    def _resolve(self, name: str, definition: PackageSet) -> tuple[Package, ...]:
        self.apt.install(name, definition.without)
        verb = "install" if definition.closure else "download"
        asked = self._asked(definition)
        command = ("-q", "--print-uris", verb, *asked)
        finished = self.apt.run("apt-get", *command, status=name, settings=self.updated.settings)
        if finished.returncode != 0:
            if match := _UNLOCATED.search(finished.stderr):
                raise self._unknown(match[1] or match[2])
            raise failure(finished, shown("apt-get", command))
        answers = (line for line in finished.stdout.splitlines() if line.startswith("'"))
        found = tuple(_package(line, self.bases, self.updated.unsigned) for line in answers)
        for package in definition.packages:
            if all(it.name != package for it in found):
                raise UnknownPackage(package, None)
        return found

    def _asked(self, definition: PackageSet) -> list[str]:
        """Return the packages to ask apt for."""
        if definition.follow is None:
            suffix = f":{definition.architecture}" if definition.architecture else ""
            return [f"{package}{suffix}" for package in definition.packages]
        found = followed(self.apt, definition, self.updated.settings)
        if isinstance(found, str):
            raise self._unknown(found)
        return found

    def _unknown(self, name: str) -> UnknownPackage:
        return UnknownPackage(name, suggestion(name, self.names(name[:2])))


def _package(answer: str, bases: Sequence[str], unsigned: Collection[str] = ()) -> Package:
    """Return the package in one line of apt's *answer*, and which archive of *bases* it is in.

    Raises:
        WeakHash: its SHA-256 is unknown.
    """
    match = _ANSWER.fullmatch(answer.strip())
    base = max((it for it in bases if answer.startswith(f"'{it}")), key=len, default=None)
    if match is None or base is None:
        raise WeakHash(answer.strip())
    url, file, size, sha256 = match.groups()
    name, version, architecture = unquote(file).split("_")
    return Package(
        name=name,
        version=version,
        architecture=architecture,
        path=re.sub(r"^(\.?/)+", "", unquote(url.removeprefix(base))),
        archive=archive_of(base),
        size=int(size),
        sha256=sha256,
        unsigned=base.rstrip("/") in unsigned,
    )
