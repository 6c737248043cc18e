"""Run apt with a state of its own, so that it resolves as if on an empty machine and leaves this one alone.

- `Dir::State::lists`: kernix' own package lists, which need no root and leave the machine's alone.
- `Dir::State::status`: nothing is installed, or apt would leave out what this machine has. All that is
  said to be installed is what the set is *without*, so that nothing is pulled in for its sake either.
- `Dir::Cache::archives`: empty, or apt would leave out of its answer what this machine has downloaded.
- `Dir::Etc::sourcelist`: the sources that kernix chose, of the machine's.
- `Acquire::ForceHash`: else the answer names the first hash that it finds, which may be MD5.
- `Acquire::AllowInsecureRepositories` and its like: signatures are checked, whatever the machine has set.
- The hooks of `APT::Update` and `DPkg` are cleared: images of containers delete the machine's
  downloads in them.
"""

from __future__ import annotations

import re
import shutil

from typing import TYPE_CHECKING

import attrs

from derivations.debian.sources import write
from derivations.realise.supervised import TookTooLong, run
from store.errors import Error


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from derivations.debian.sources import Source


TIMEOUT = 600.0
"""Seconds that one run of apt may take."""

UPDATE = ("update", "-q")
STRICT = ("APT::Update::Error-Mode=any",)
"""An archive that cannot be reached is an error, not a lock without its newest packages."""

_MAX_LINES = 5
_VERBS = frozenset({"update", "install", "download", "indextargets", "pkgnames"})

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

_SETTINGS = (
    "Dir::Etc::sourceparts=-",
    # The parsed lists serve every set; what is parsed together with a status serves one.
    "Dir::Cache::srcpkgcache=srcpkgcache.bin",
    "Dir::Cache::pkgcache=",
    "Dir::Bin::dpkg=/bin/false",
    # Else a name that is not there, with a full stop in it, is a pattern: 6.1 would find 6.12.
    "APT::Cmd::Pattern-Only=true",
    "APT::Get::AllowUnauthenticated=false",
    "APT::Install-Recommends=false",
    "APT::Install-Suggests=false",
    "Acquire::AllowDowngradeToInsecureRepositories=false",
    "Acquire::AllowInsecureRepositories=false",
    "Acquire::AllowWeakRepositories=false",
    "Acquire::ForceHash=SHA256",
    "Acquire::http::Timeout=30",
    "Acquire::https::Timeout=30",
)

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


@attrs.frozen(kw_only=True)
class Apt:
    """apt with a state of its own.

    Attributes:
        work: The directory that the state is in.
        native: Debian's name of this machine.
        options: Further options for each run, as in `-o`.
    """

    work: Path
    native: str
    options: tuple[str, ...] = ()

    def prepare(self, architectures: Iterable[str]) -> None:
        """Make the state: for these *architectures*, with nothing installed and nothing downloaded."""
        shutil.rmtree(self.work / "archives", ignore_errors=True)
        for place in ("lists/partial", "archives/partial"):
            (self.work / place).mkdir(parents=True, exist_ok=True)
        quoted = " ".join(f'"{it}";' for it in architectures)
        (self.work / "apt.conf").write_text(_CONFIGURATION.format(architectures=quoted))
        self._status("nothing").write_text("")
        self.choose(())

    def choose(self, sources: Iterable[Source]) -> None:
        """Let apt know *sources* and no others."""
        (self.work / "chosen.sources").write_text(write(sources))

    def install(self, name: str, packages: Iterable[str]) -> None:
        """Let *packages* be installed in the status called *name*."""
        stand_ins = [_STAND_IN.format(name=it, architecture=self.native) for it in packages]
        self._status(name).write_text("\n".join(stand_ins))

    def ask(self, program: str, *arguments: str, status: str = "nothing", settings: Iterable[str] = ()) -> str:
        """Return what *program* answers, with the packages of *status* taken as installed.

        Raises:
            AptFailed: it fails.
        """
        finished = self.run(program, *arguments, status=status, settings=settings)
        if finished.returncode != 0:
            raise failure(finished, shown(program, arguments))
        return finished.stdout

    def run(
        self, program: str, *arguments: str, status: str = "nothing", settings: Iterable[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Return how *program* ended, with the packages of *status* taken as installed."""
        own = (
            f"Dir::State={self.work}/",
            f"Dir::State::lists={self.work}/lists/",
            f"Dir::State::status={self._status(status)}",
            f"Dir::Cache={self.work}/",
            f"Dir::Cache::archives={self.work}/archives/",
            f"Dir::Etc::sourcelist={self.work}/chosen.sources",
        )
        # The sources of *options* are where kernix' own were chosen from.
        flags = [
            part for it in ("Acquire::Retries=3", *self.options, *own, *_SETTINGS, *settings) for part in ("-o", it)
        ]
        return run_apt(program, "-c", f"{self.work}/apt.conf", *flags, *arguments)

    def machine(self, program: str, *arguments: str) -> str:
        """Return what *program* answers about the machine's own apt, with nothing but the options set.

        Raises:
            AptFailed: it fails.
        """
        finished = run_apt(program, *(part for it in self.options for part in ("-o", it)), *arguments)
        if finished.returncode != 0:
            raise failure(finished, shown(program, arguments))
        return finished.stdout

    def _status(self, name: str) -> Path:
        return self.work / f"status-{name}"


def native_architecture() -> str:
    """Return Debian's name of this machine's architecture.

    Raises:
        AptMissing, AptFailed: apt cannot say it.
    """
    finished = run_apt("apt-config", "shell", "NATIVE", "APT::Architecture")
    match = re.fullmatch(r"NATIVE='([a-z0-9-]+)'\s*", finished.stdout)
    if match is None:
        raise failure(finished, "apt-config")
    return match[1]


def run_apt(program: str, *arguments: str, timeout: float = TIMEOUT) -> subprocess.CompletedProcess[str]:
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
        raise AptFailed(shown(program, arguments), (f"no end after {timeout:.0f} seconds",)) from None


def failure(finished: subprocess.CompletedProcess[str], command: str) -> AptFailed:
    """Return the error that *command* came to, with what apt said about it, the reason first."""
    _, _, unmet = finished.stdout.partition("The following packages have unmet dependencies:")
    errors = [line for line in finished.stderr.splitlines() if line.startswith("E: ")]
    lines = [*unmet.splitlines(), *errors] or finished.stderr.splitlines() or finished.stdout.splitlines()[-_MAX_LINES:]
    said = [re.sub(r"\s+", " ", line.removeprefix("E: ")).strip() for line in lines]
    return AptFailed(command, tuple(dict.fromkeys(line for line in said if line))[:_MAX_LINES])


def shown(program: str, arguments: Sequence[str]) -> str:
    """Return *program* with the verb among its *arguments*."""
    return f"{program} {next((it for it in arguments if it in _VERBS), '')}".strip()
