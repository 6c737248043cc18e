"""The machine on which the numbers were measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess

from importlib import metadata
from pathlib import Path


_TOOLS = {
    "Nix": ("nix-store", "--version"),
    "bubblewrap": ("bwrap", "--version"),
    "coreutils": ("cp", "--version"),
    "tar": ("tar", "--version"),
    "xz": ("xz", "--version"),
    "gcc": ("gcc", "--version"),
}


def describe(scratch: Path) -> dict[str, str]:
    """Return the facts about this machine that one needs to judge its numbers; *scratch* is where the work is done."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB",
        "disk": _disk(scratch),
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release()}",
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, blake3 {metadata.version('blake3')}",
        **{name: version for name, command in _TOOLS.items() if (version := _version(*command))},
    }


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found is not None else platform.machine()


def _disk(place: Path) -> str:
    """Return the file system of *place*: device, type, options, and whether the disk spins."""
    real = str(place.resolve())
    mounts = [line.split()[:4] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    device, _, kind, options = max(
        (mount for mount in mounts if real == mount[1] or real.startswith(mount[1].rstrip("/") + "/")),
        key=lambda mount: len(mount[1]),
    )
    rotational = Path("/sys/class/block", Path(device).name, "queue/rotational")
    spins = rotational.read_text().strip() if rotational.exists() else "0"
    return f"{kind} ({options}) on {device}{', which spins' if spins == '1' else ''}"


def _version(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    output = subprocess.run(command, text=True, capture_output=True, check=False).stdout
    found = re.search(r"\d+\.\d+[\w.]*", output)
    return found[0] if found is not None else None
