"""A loopback server with kernel.org's files: the announcement of releases, and the signed lists of their hashes."""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING, Any

import attrs


if TYPE_CHECKING:
    from tests.derivations.realise.scripted_server import ScriptedServer
    from tests.signing import Key

KEY_PATH = "/.well-known/openpgpkey/hu/ew8uiogxwri7d3fuioqgt7u1d5sngorx"


def sha256(version: str) -> str:
    """Return a made-up hash for the archive of *version*."""
    return hashlib.sha256(version.encode()).hexdigest()


@attrs.define
class KernelOrg:
    """A server with kernel.org's files, and the key that signs them."""

    server: ScriptedServer
    key: Key

    def announce(self, *entries: dict[str, Any]) -> None:
        """Announce releases."""
        document = {"latest_stable": {"version": "6.18.5"}, "releases": entries}
        self.server.files["/releases.json"] = json.dumps(document).encode()

    def sign(self, *versions: str, key: Key | None = None) -> None:
        """Add versions to the signed list of their directory."""
        for major in {version.split(".")[0] for version in versions}:
            lines = [
                f"{sha256(it)}  linux-{it}.tar.xz\n{sha256('')}  ChangeLog-{it}\n"
                for it in versions
                if it.startswith(f"{major}.")
            ]
            self.server.files[self.list(major)] = (key or self.key).sign("".join(lines))

    @staticmethod
    def list(major: str) -> str:
        """Return the path of the signed list of a directory."""
        return f"/pub/linux/kernel/v{major}.x/sha256sums.asc"
