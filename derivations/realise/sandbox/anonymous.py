"""What the sandbox says of the running kernel: of no kernel in particular, so that no result depends on it.

A builder that asks the kernel itself (uname(2), as `python3 -c 'import platform'` does) still learns its release: no
namespace hides that from a process without privileges, and a filter that refused the call would break programs that
only want the host's name from it.
"""

from __future__ import annotations

import functools
import os

from derivations.linux.script import text_of


RELEASE = "6.1.0-kernix"
"""Later than what the C libraries of all supported releases of Debian need."""

PROGRAMS = ("/usr/bin/uname", "/bin/uname")

FILES = {
    "/proc/version": f"Linux version {RELEASE} (kernix@kernix) #1\n".encode(),
    "/proc/sys/kernel/osrelease": f"{RELEASE}\n".encode(),
    "/proc/sys/kernel/version": b"#1\n",
}


@functools.cache
def uname() -> bytes:
    """Return a program in the place of `uname`: scripts and makefiles ask it."""
    return f"#!/bin/sh\nrelease={RELEASE}\nmachine={os.uname().machine}\n{text_of('uname')}".encode()
