"""Make a lock: ask the machine's apt what its archives offer, and install nothing.

apt resolves as if on an empty machine, in a state of its own:

- `Dir::State::lists`: kernix' own package lists, which need no root and leave the machine's alone.
- `Dir::State::status`: nothing is installed, or apt would leave out what this machine has. All that is
  said to be installed is what the set is *without*, so that nothing is pulled in for its sake either.
- `Dir::Cache::archives`: empty, or apt would leave out of its answer what this machine has downloaded.
- `Acquire::ForceHash`: else the answer names the first hash that it finds, which may be MD5.
- The hooks of `APT::Update` and `DPkg` are cleared: images of containers delete the machine's
  downloads in them.

Where packages come from, and whose keys sign them, is the machine's configuration. Every answer is
`'<URL>' <name>_<version>_<architecture>.deb <size> SHA256:<hash>`, one package a line.
"""

from __future__ import annotations

import contextlib
import re
import shutil

from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs

from derivations.debian.lock import Lock, Package, archive_of
from derivations.debian.sets import default_sets, package_set
from derivations.realise.supervised import TookTooLong, run
from derivations.suggest import suggestion
from store.errors import Error
from store.locks import locked


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from derivations.debian.sets import PackageSet


TIMEOUT = 600.0
"""Seconds that one run of apt may take."""

_MAX_LINES = 5
_ANSWER = re.compile(r"'([^']+)' (\S+)\.deb ([0-9]+) SHA256:([0-9a-f]{64})")
_UNLOCATED = re.compile(r"E: Unable to locate package (\S+)|E: Package '?([^' ]+)'? has no installation candidate")

# Only the lists of packages themselves: no translations, contents, icons, however the machine is set up.
_CONFIGURATION = """\
#clear APT::Update;
#clear APT::Architectures;
#clear DPkg;
#clear Acquire::IndexTargets;
APT::Architectures {{ {architectures} }};
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
  flatMetaKey "Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
  flatDescription "$(RELEASE) Packages";
  Optional "0";
}};
Acquire::Languages "none";
"""

# The version is higher than any that a dependency asks for.
_STAND_IN = """\
Package: {name}
Status: install ok installed
Architecture: {architecture}
Multi-Arch: foreign
Version: 999:0
Maintainer: kernix
Description: nothing
"""


class AptMissing(Error):
    """The machine has no apt."""

    program: str

    def __str__(self) -> str:
        return f"there is no {self.program} on this machine, and only with it a lock can be made"

    @property
    def hint(self) -> str:
        """Tell how to do without."""
        return "make the lock on a Debian machine (`kernix lock`) and bring the file here: using it needs no apt"


class AptFailed(Error):
    """What apt was asked for could not be had; its own words tell why."""

    command: str
    said: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.command} failed: {'; '.join(self.said) or 'it said nothing'}"

    @property
    def hint(self) -> str | None:
        """Tell which configuration decides."""
        if "update" not in self.command:
            return None
        return "the archives are those of this machine's apt (/etc/apt); see what `apt-get update` says about them"


class UnknownPackage(Error):
    """The machine's archives do not have a package."""

    name: str
    near: str | None

    def __str__(self) -> str:
        return f"the archives of this machine's apt have no package {self.name!r}"

    @property
    def hint(self) -> str:
        """Name what is spelled nearly the same, or tell where packages come from."""
        return self.near or "archives are added in /etc/apt/sources.list.d"


class WeakHash(Error):
    """An archive does not say the SHA-256 of a package."""

    answer: str

    def __str__(self) -> str:
        return f"the archive gives no SHA-256 to pin: {self.answer}"


def make_lock(sets: Iterable[str] | None, work: Path, *, options: Sequence[str] = ()) -> Lock:
    """Return a lock of *sets* as the machine's archives are now.

    Args:
        sets: The names of the sets; None for the usual ones that the archives have.
        work: A directory for apt's state, which may be kept: its package lists save time.
        options: Further options for apt, as in `-o`.

    Raises:
        UnknownSet: there is no set of such a name.
        AptMissing, AptFailed, UnknownPackage, WeakHash: apt cannot answer.
    """
    native = _native()
    names = default_sets(native) if sets is None else tuple(sets)
    resolved: dict[str, tuple[Package, ...]] = {}
    definitions = {name: package_set(name) for name in names}
    foreign = {it.architecture for it in definitions.values() if it.architecture is not None} - {native}
    with _updated(_Apt(work=work.absolute(), options=tuple(options), native=native), sorted(foreign)) as apt:
        for name, definition in definitions.items():
            try:
                resolved[name] = apt.resolve(name, definition)
            except UnknownPackage:
                if sets is not None or not definition.optional:
                    raise
    return _lock(resolved)


def relock(lock: Lock, sets: Iterable[str], work: Path, *, options: Sequence[str] = ()) -> Lock:
    """Return *lock* with *sets* resolved anew, or added, and everything else as it was.

    Raises:
        UnknownSet: there is no set of such a name.
        AptMissing, AptFailed, UnknownPackage, WeakHash: apt cannot answer.
    """
    anew = make_lock(tuple(sets), work, options=options)
    return _lock({name: (anew if name in anew.sets else lock).set(name) for name in {**lock.sets, **anew.sets}})


def _lock(resolved: dict[str, tuple[Package, ...]]) -> Lock:
    packages = [package for members in resolved.values() for package in members]
    return Lock(
        packages=tuple(packages),
        sets={name: tuple(package.identity for package in members) for name, members in resolved.items()},
    )


@contextlib.contextmanager
def _updated(apt: _Apt, foreign: Iterable[str]) -> Iterator[_Apt]:
    """Give *apt* with fresh lists, of *foreign* architectures too, to nobody else at the same time."""
    apt.work.mkdir(parents=True, exist_ok=True)
    with locked(apt.work / "lock"):
        apt.prepare((apt.native, *foreign))
        apt.ask("apt-get", "update", "-q")
        bases = apt.ask("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        yield attrs.evolve(apt, bases=tuple(dict.fromkeys(bases.split())))


@attrs.frozen(kw_only=True)
class _Apt:
    """apt with a state of its own.

    Attributes:
        work: The directory that the state is in.
        options: Further options for each run.
        native: Debian's name of this machine.
        bases: The base URLs of the archives.
    """

    work: Path
    options: tuple[str, ...]
    native: str
    bases: tuple[str, ...] = ()

    def prepare(self, architectures: tuple[str, ...]) -> None:
        """Make the state: for these *architectures*, with nothing installed and nothing downloaded."""
        shutil.rmtree(self.work / "archives", ignore_errors=True)
        for place in ("lists/partial", "archives/partial"):
            (self.work / place).mkdir(parents=True, exist_ok=True)
        quoted = " ".join(f'"{it}";' for it in architectures)
        (self.work / "apt.conf").write_text(_CONFIGURATION.format(architectures=quoted))
        self._status("nothing").write_text("")

    def resolve(self, name: str, definition: PackageSet) -> tuple[Package, ...]:
        """Return the packages of the set *name*.

        Raises:
            AptFailed, UnknownPackage, WeakHash: apt cannot answer.
        """
        stand_ins = [_STAND_IN.format(name=it, architecture=self.native) for it in definition.without]
        self._status(name).write_text("\n".join(stand_ins))
        verb = "install" if definition.closure else "download"
        suffix = f":{definition.architecture}" if definition.architecture else ""
        asked = [f"{package}{suffix}" for package in definition.packages]
        answer = self.ask("apt-get", "-q", "--print-uris", verb, *asked, status=name)
        found = tuple(_package(line, self.bases) for line in answer.splitlines() if line.startswith("'"))
        for package in definition.packages:
            if all(it.name != package for it in found):
                raise UnknownPackage(package, None)
        return found

    def ask(self, program: str, *arguments: str, status: str = "nothing") -> str:
        """Return what *program* answers, with the packages of *status* taken as installed.

        Raises:
            AptFailed, UnknownPackage: it fails.
        """
        settings = (
            f"Dir::State={self.work}/",
            f"Dir::State::lists={self.work}/lists/",
            f"Dir::State::status={self._status(status)}",
            f"Dir::Cache={self.work}/",
            f"Dir::Cache::archives={self.work}/archives/",
            # The parsed lists serve every set; what is parsed together with a status serves one.
            "Dir::Cache::srcpkgcache=srcpkgcache.bin",
            "Dir::Cache::pkgcache=",
            "Dir::Bin::dpkg=/bin/false",
            # Else a name that is not there, with a full stop in it, is a pattern: 6.1 would find 6.12.
            "APT::Cmd::Pattern-Only=true",
            "Acquire::ForceHash=SHA256",
            "Acquire::Retries=3",
            "Acquire::http::Timeout=30",
            "Acquire::https::Timeout=30",
            "APT::Install-Recommends=false",
            "APT::Install-Suggests=false",
            # An archive that cannot be reached is an error, not a lock without its newest packages.
            "APT::Update::Error-Mode=any",
            *self.options,
        )
        flags = [part for setting in settings for part in ("-o", setting)]
        finished = _run(program, "-c", f"{self.work}/apt.conf", *flags, *arguments)
        if finished.returncode != 0:
            raise self._failure(finished, _shown(program, arguments))
        return finished.stdout

    def _failure(self, finished: subprocess.CompletedProcess[str], command: str) -> AptFailed | UnknownPackage:
        for line in finished.stderr.splitlines():
            if match := _UNLOCATED.match(line):
                name = match[1] or match[2]
                return UnknownPackage(name, suggestion(name, self.ask("apt-cache", "pkgnames", name[:2]).split()))
        return AptFailed(command, _words(finished))

    def _status(self, name: str) -> Path:
        return self.work / f"status-{name}"


def _native() -> str:
    """Return Debian's name of this machine's architecture."""
    finished = _run("apt-config", "shell", "NATIVE", "APT::Architecture")
    match = re.fullmatch(r"NATIVE='([a-z0-9-]+)'\s*", finished.stdout)
    if match is None:
        raise AptFailed("apt-config", _words(finished))
    return match[1]


def _run(program: str, *arguments: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run *program* of apt to its end.

    Raises:
        AptMissing: it is not there.
        AptFailed: it takes too long.
    """
    if shutil.which(program) is None:
        raise AptMissing(program)
    try:
        return run([program, *arguments], timeout=timeout)
    except TookTooLong:
        raise AptFailed(_shown(program, arguments), (f"no end after {timeout:.0f} seconds",)) from None


def _package(answer: str, bases: Sequence[str]) -> Package:
    """Return the package that one line of apt's *answer* names, in the archive among *bases* that it is in.

    Raises:
        WeakHash: its SHA-256 is not known.
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
    )


def _words(finished: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    """Return what apt said about its failure, the reason first."""
    _, _, unmet = finished.stdout.partition("The following packages have unmet dependencies:")
    errors = [line for line in finished.stderr.splitlines() if line.startswith("E: ")]
    lines = [*unmet.splitlines(), *errors] or finished.stderr.splitlines() or finished.stdout.splitlines()[-_MAX_LINES:]
    said = [re.sub(r"\s+", " ", line.removeprefix("E: ")).strip() for line in lines]
    return tuple(dict.fromkeys(line for line in said if line))[:_MAX_LINES]


def _shown(program: str, arguments: tuple[str, ...]) -> str:
    verb = next((it for it in arguments if it in {"update", "install", "download", "indextargets", "pkgnames"}), "")
    return f"{program} {verb}".strip()
