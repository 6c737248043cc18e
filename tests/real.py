"""The command line, run as by a user, with a store that real kernels are built in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.debian.lock import Lock, dumps, parse


if TYPE_CHECKING:
    from derivations.realise.kept.shelf import Shelf


ROOT = Path(__file__).parent.parent
SUITE = "bookworm"
"""The release of Debian whose compilers and kernels the tests use."""
HEAD = "from derivations import *\nfrom kernels import kernel_set\n\nkernels = kernel_set()\n"

ROOMY = """
roomy = kernels.linux_guest.override(
    name="linux-roomy",
    extra_config={
        "CRYPTO": YES, "CRYPTO_SHA256": YES, "DUMMY": MODULE, "VIRTIO_PCI": MODULE, "VIRTIO_BLK": MODULE, "VIRTIO_NET": MODULE, "VIRTIO_CONSOLE": MODULE,
        "NET_9P_VIRTIO": MODULE, "VIRTIO_FS": MODULE, "EXT4_FS": MODULE, "MISC_FILESYSTEMS": YES, "SQUASHFS": MODULE,
        "SQUASHFS_ZSTD": YES, "EROFS_FS": MODULE, "RD_ZSTD": YES, "PARTITION_ADVANCED": YES, "EFI_PARTITION": YES,
        "MSDOS_PARTITION": YES,
    },
)
"""
"""The kernel of all tests that need more than `linux_micro` has. Most of its objects are those of `linux_guest`: no option that all read differs."""

# The variables that this machine needs to reach the network.
_WAY_OUT = re.compile(r"(?i:(https?|no|all)_proxy)|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE")


@attrs.frozen
class Kernix:
    """The command line, with a store, a lock and a working directory of its own."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        way_out = {name: value for name, value in os.environ.items() if _WAY_OUT.fullmatch(name)}
        return {
            **way_out,
            "HOME": str(self.home),
            "KERNIX_HOME": str(self.home / "kernix"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
        }

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `kernix` with *arguments*, expecting the exit *code*."""
        done = subprocess.run(
            [sys.executable, "-m", "kernix", *arguments],
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr[-6000:]
        return done

    def built(self, *arguments: str) -> list[str]:
        """Build and return the names of what builders produced, without reused results."""
        output = self.run("build", *arguments).stderr
        return re.findall(r"^(?:built|checked|joined|wrote|unpacked) (\S+)", output, re.MULTILINE)

    def define(self, name: str, text: str) -> str:
        """Write the user's file *name* and return it."""
        (self.home / name).write_text(HEAD + textwrap.dedent(text))
        return name

    def lock(self) -> Lock:
        """Return the lock, made if it does not exist yet, for one release, independent of this machine's."""
        places = (self.home / "kernix.lock", self.home / ".config/kernix/kernix.lock")
        if not any(it.exists() for it in places):
            self.run("lock", "--suite", SUITE)
        return parse(next(it for it in places if it.exists()).read_text(encoding="utf-8"))

    def add_lock(self, name: str, *sets: str) -> None:
        """Make the lock *name* of this one and *sets*, unless it exists; other workers may do the same at once."""
        if (self.home / name).exists():
            return
        new = self.home / f"new-{os.getpid()}.lock"
        new.write_text(dumps(self.lock()))
        self.run("lock", "--lock", new.name, *(word for it in sets for word in ("--add", it)))
        new.rename(self.home / name)


def lend(lender: Shelf, borrower: Shelf) -> None:
    """Copy the tree of the newest clean build of `linux_micro` from the shelf *lender* to *borrower*, which is made."""
    clean = [it for it in lender.kept() if it.about.name.startswith("linux-micro-") and it.about.compiled > 700]
    tree = max(clean, key=lambda it: it.about.made)
    borrower.place.mkdir(mode=0o700)
    with lender.holding(tree) as is_there:
        assert is_there
        shutil.copytree(tree.place, borrower.trees / tree.id, symlinks=True)


def path_of(lines: str) -> Path:
    """Return the last path in *lines*, the output of a verb."""
    return Path(lines.strip().splitlines()[-1])
