"""Run apt with separate state, so that it resolves as if on an empty machine and leaves this one alone.

- `Dir::State::lists`: kernix's own package lists, which need no root.
- `Dir::State::status`: nothing is installed, or apt would leave out what this machine has. Only the
  packages that a set is *without* count as installed, so that nothing pulls them in.
- `Dir::Cache::archives`: empty, or apt would leave out what this machine has downloaded.
- `Dir::Etc::sourcelist`: the sources that kernix selected from the machine's.
- `Acquire::ForceHash`: otherwise the answer has the first hash that apt finds, perhaps MD5.
- `Acquire::AllowInsecureRepositories` and the like: signatures are checked whatever the machine's settings.
- The hooks of `APT::Update` and `DPkg` are cleared: in container images they delete the machine's
  downloads in them.
"""

from __future__ import annotations

import re
import shutil

from typing import TYPE_CHECKING

import attrs

from derivations.debian.sources import write
from derivations.realise.supervised import RunTimedOut, run
from store.errors import Error


if TYPE_CHECKING:
    import subprocess

    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from derivations.debian.sources import Source


TIMEOUT = 600.0
"""Seconds one run of apt may take: its lists have some ten megabytes, and the line may be slow."""

UPDATE = ("update", "-q")
STRICT = ("APT::Update::Error-Mode=any",)
"""Makes an unreachable archive an error, instead of a lock that lacks its newest packages."""

_MAX_LINES = 5  # of apt's errors; the first of them name the cause
_VERBS = frozenset({"update", "install", "download", "indextargets", "pkgnames"})

# Only the package lists: no translations, contents or icons, whatever the machine's configuration.
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
    # The cache of the parsed lists serves every set; the one that includes a status serves only one.
    "Dir::Cache::srcpkgcache=srcpkgcache.bin",
    "Dir::Cache::pkgcache=",
    "Dir::Bin::dpkg=/bin/false",
    # Otherwise an unknown name with a dot is a pattern: 6.1 would match 6.12.
    "APT::Cmd::Pattern-Only=true",
    "APT::Get::AllowUnauthenticated=false",
    "APT::Install-Recommends=false",
    "APT::Install-Suggests=false",
    "Acquire::AllowDowngradeToInsecureRepositories=false",
    "Acquire::AllowInsecureRepositories=false",
    "Acquire::AllowWeakRepositories=false",
    "Acquire::ForceHash=SHA256",
    # Seconds, as `Settings.read_timeout`.
    "Acquire::http::Timeout=30",
    "Acquire::https::Timeout=30",
)

# The version satisfies any dependency.
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
        return f"{self.program}, which makes locks, is not installed"

    @property
    def hint(self) -> str:
        """Return what to do without apt."""
        return "make the lock on a Debian machine (`kernix lock`) and copy the file here: using it does not need apt"


class AptFailed(Error):
    """apt failed; *message* is its own explanation."""

    command: str
    message: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.command} failed: {'; '.join(self.message) or 'without a message'}"

    @property
    def hint(self) -> str | None:
        """Return where to look."""
        if "update" not in self.command:
            return None
        return "the archives are those configured in /etc/apt; check them with `apt-get update`"


@attrs.frozen(kw_only=True)
class Apt:
    """apt with separate state.

    Attributes:
        work: The directory of the state.
        native: Debian's name for this machine's architecture.
        options: Additional options for each run, as in `-o`.
    """

    work: Path
    native: str
    options: tuple[str, ...] = ()

    def prepare(self, architectures: Iterable[str]) -> None:
        """Create the state: for *architectures*, with nothing installed and nothing downloaded."""
        shutil.rmtree(self.work / "archives", ignore_errors=True)
        for place in ("lists/partial", "archives/partial"):
            (self.work / place).mkdir(parents=True, exist_ok=True)
        quoted = " ".join(f'"{it}";' for it in architectures)
        (self.work / "apt.conf").write_text(_CONFIGURATION.format(architectures=quoted))
        self._status("nothing").write_text("")
        self.choose(())

    def choose(self, sources: Iterable[Source]) -> None:
        """Make apt use *sources* and no others."""
        (self.work / "chosen.sources").write_text(write(sources))

    def install(self, name: str, packages: Iterable[str]) -> None:
        """Make *packages* count as installed in the status called *name*."""
        stand_ins = [_STAND_IN.format(name=it, architecture=self.native) for it in packages]
        self._status(name).write_text("\n".join(stand_ins))

    def output_of(self, program: str, *arguments: str, status: str = "nothing", settings: Iterable[str] = ()) -> str:
        """Return the output of *program*, with the packages of *status* counted as installed.

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
        """Run *program*, with the packages of *status* counted as installed."""
        own = (
            f"Dir::State={self.work}/",
            f"Dir::State::lists={self.work}/lists/",
            f"Dir::State::status={self._status(status)}",
            f"Dir::Cache={self.work}/",
            f"Dir::Cache::archives={self.work}/archives/",
            f"Dir::Etc::sourcelist={self.work}/chosen.sources",
        )
        # Without retries, one lost connection would make the whole run fail; the number is not critical.
        # Ours come after *options*, whose sources are those that kernix selected its own from.
        flags = [
            part for it in ("Acquire::Retries=3", *self.options, *own, *_SETTINGS, *settings) for part in ("-o", it)
        ]
        # `apt-get download` passes over a package whose file is in its directory.
        empty = self.work / "empty"
        empty.mkdir(exist_ok=True)
        return run_apt(program, "-c", f"{self.work}/apt.conf", *flags, *arguments, cwd=empty)

    def machine(self, program: str, *arguments: str) -> str:
        """Return the output of *program* about the machine's own apt, with only the options set.

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
    """Return Debian's name for this machine's architecture.

    Raises:
        AptMissing, AptFailed: apt is missing or fails.
    """
    finished = run_apt("apt-config", "shell", "NATIVE", "APT::Architecture")
    match = re.fullmatch(r"NATIVE='([a-z0-9-]+)'\s*", finished.stdout)
    if match is None:
        raise failure(finished, "apt-config")
    return match[1]


def run_apt(
    program: str, *arguments: str, timeout: float = TIMEOUT, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run apt's *program* to completion, in the directory *cwd* if one is given.

    Raises:
        AptMissing: it is not installed.
        AptFailed: it takes too long.
    """
    if shutil.which(program) is None:
        raise AptMissing(program)
    try:
        return run([program, *arguments], timeout=timeout, cwd=cwd)
    except RunTimedOut:
        raise AptFailed(shown(program, arguments), (f"it did not finish within {timeout:.0f} seconds",)) from None


def failure(finished: subprocess.CompletedProcess[str], command: str) -> AptFailed:
    """Return the error for a failed *command*, with apt's messages, the reason first."""
    _, _, unmet = finished.stdout.partition("The following packages have unmet dependencies:")
    errors = [line for line in finished.stderr.splitlines() if line.startswith("E: ")]
    lines = [*unmet.splitlines(), *errors] or finished.stderr.splitlines() or finished.stdout.splitlines()[-_MAX_LINES:]
    messages = [re.sub(r"\s+", " ", line.removeprefix("E: ")).strip() for line in lines]
    return AptFailed(command, tuple(dict.fromkeys(line for line in messages if line))[:_MAX_LINES])


def shown(program: str, arguments: Sequence[str]) -> str:
    """Return *program* with the verb among its *arguments*."""
    return f"{program} {next((it for it in arguments if it in _VERBS), '')}".strip()
