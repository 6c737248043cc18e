"""A Debian archive in a directory, for the real apt."""

from __future__ import annotations

import hashlib
import shutil

from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import Package
from derivations.realise.apt.run import native_architecture


if TYPE_CHECKING:
    from pathlib import Path

    from tests.signing import Key


NATIVE = native_architecture() if shutil.which("apt-config") else "amd64"
FOREIGN = "arm64" if NATIVE != "arm64" else "amd64"
BUSYBOX_FOREIGN = "busybox-aarch64" if NATIVE != "arm64" else "busybox-x86-64"


@attrs.frozen
class Offer:
    """A package that an archive offers."""

    name: str
    version: str = "1.0-1"
    depends: str = ""
    architecture: str = NATIVE

    @property
    def package(self) -> Package:
        """Return the expected package in a lock."""
        file = f"{self.name}_{self.version.partition(':')[2] or self.version}_{self.architecture}.deb"
        return Package(
            name=self.name,
            version=self.version,
            architecture=self.architecture,
            path=f"pool/main/{self.name[0]}/{self.name}/{file}",
            archive="debian",
            size=1000 + len(self.name),
            sha256=hashlib.sha256(repr(self).encode()).hexdigest(),
        )

    @property
    def entry(self) -> str:
        """Return its entry in the archive's index."""
        package = self.package
        depends = f"Depends: {self.depends}\n" if self.depends else ""
        return (
            f"Package: {self.name}\nVersion: {self.version}\nArchitecture: {self.architecture}\n{depends}"
            f"Maintainer: nobody\nFilename: {package.path}\nSize: {package.size}\n"
            f"MD5sum: {'0' * 32}\nSHA256: {package.sha256}\nDescription: a package\n"
        )


@attrs.frozen
class Archive:
    """An archive in a directory, and options that make apt use only it."""

    root: Path
    key: Key | None

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options for apt."""
        return (
            f"Dir::Etc::sourcelist={self.root}/sources.list",
            "Dir::Etc::sourceparts=-",
            "APT::Sandbox::User=root",
            "Acquire::Retries=0",
        )

    def offer(self, *offers: Offer) -> None:
        """Write the index, with exactly *offers*."""
        sums = ["SHA256:"]
        for architecture in (NATIVE, FOREIGN):
            index = f"main/binary-{architecture}/Packages"
            text = "\n".join(it.entry for it in offers if it.architecture in {architecture, "all"})
            place = self.root / "debian" / "dists" / "stable" / index
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            sums.append(f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {index}")
        head = "Suite: stable\nCodename: stable\nDate: Sat, 01 Jan 2022 00:00:00 UTC\n"
        release = f"{head}Architectures: {NATIVE} {FOREIGN}\nComponents: main\n" + "\n".join(sums) + "\n"
        (self.root / "debian/dists/stable/Release").write_text(release)
        self.know("")
        if self.key is not None:
            (self.root / "debian/dists/stable/InRelease").write_bytes(self.key.sign(release))
            (self.root / "key.gpg").write_bytes(self.key.public)
            self.know(f"signed-by={self.root}/key.gpg")

    @property
    def uri(self) -> str:
        """Return its base URL."""
        return (self.root / "debian").as_uri()

    def know(self, options: str) -> None:
        """Configure the archive in apt with *options*."""
        bracket = f"[{options}] " if options else ""
        (self.root / "sources.list").write_text(f"deb {bracket}{self.uri} stable main\n")
