"""Checks of what builds need from the machine, by trying it."""

from __future__ import annotations

import enum
import os
import shutil
import tempfile

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from derivations.realise.sandbox import probe
from derivations.realise.sandbox.bounds import Bounds
from derivations.realise.sandbox.control_group import control_group
from derivations.realise.sandbox.users import NoBuildUser
from kernix.output.quantities import size
from store.errors import Error, reason_of
from store.home import check_may_become_store, is_store, layout_at


if TYPE_CHECKING:
    from collections.abc import Callable


MIN_FREE = 4 << 30
"""Bytes for a toolchain, a source tree and the build of a large kernel."""


class CheckState(enum.Enum):
    """The result of a check."""

    FINE = "fine"
    ABSENT = "absent"
    BROKEN = "broken"


@attrs.frozen
class CheckResult:
    """The finding of one check; *advice* says what to change."""

    name: str
    state: CheckState
    finding: str
    advice: str | None = None


def examine(home: Path) -> list[CheckResult]:
    """Run all checks for a store in *home*, except for the one that boots a kernel (`kernix.machine.kvm_check`)."""
    place = _existing(home)
    return [*_sandbox(), _limits(), _apt(), *_store(home), _room(place), *_file_system(place)]


def _sandbox() -> list[CheckResult]:
    """Run a program in a sandbox like that of a build."""
    names = ("bubblewrap", "user namespaces", "seccomp")
    fine = [
        CheckResult(names[0], CheckState.FINE, "can create sandboxes"),
        CheckResult(names[1], CheckState.FINE, "allowed on this machine"),
        CheckResult(names[2], CheckState.FINE, f"filters system calls on {os.uname().machine}"),
    ]
    try:
        probe.check()
    except probe.NoBubblewrap as error:
        return [CheckResult(names[0], CheckState.BROKEN, str(error), error.hint)]
    except probe.NoUserNamespaces as error:
        return [fine[0], CheckResult(names[1], CheckState.BROKEN, str(error), error.hint)]
    except NoBuildUser as error:
        return [fine[0], CheckResult("build users", CheckState.BROKEN, str(error), error.hint)]
    except probe.SandboxRefused as error:
        return [fine[0], CheckResult("sandbox", CheckState.BROKEN, str(error))]
    return fine


def _limits() -> CheckResult:
    """Make a control group like that of a build."""
    with control_group(Bounds().for_machine()) as group:
        if group is not None:
            return CheckResult("limits", CheckState.FINE, f"control groups in {group.place.parent} limit builds")
    advice = "`systemd-run --user --scope kernix …` has control groups where systemd delegates them to users"
    finding = "no permission to create control groups: kernix checks once a second what builds use"
    return CheckResult("limits", CheckState.ABSENT, finding, None if os.geteuid() == 0 else advice)


def _apt() -> CheckResult:
    if shutil.which("apt-get"):
        return CheckResult("apt", CheckState.FINE, "apt-get is available to create and change locks")
    advice = "use a kernix.lock from a Debian machine: `--lock FILE`"
    return CheckResult("apt", CheckState.ABSENT, "apt-get is missing, so no lock can be created here", advice)


def _store(home: Path) -> list[CheckResult]:
    """Check the store, if there is one, or whatever is in its place."""
    try:
        layout = layout_at(home)
        if is_store(layout):
            return [CheckResult("store", CheckState.FINE, f"is in {home}")]
        check_may_become_store(layout.home)
    except Error as error:
        return [CheckResult("store", CheckState.BROKEN, str(error), error.hint)]
    return []


def _room(place: Path) -> CheckResult:
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    if free < MIN_FREE:
        return CheckResult("disk", CheckState.BROKEN, f"{size(free)} free at {place}, but building a kernel needs {size(MIN_FREE)}",
                       "free space with `kernix gc`, or set KERNIX_HOME to a directory on a larger disk")  # fmt: skip
    return CheckResult("disk", CheckState.FINE, f"{size(free)} free at {place}")


def _file_system(place: Path) -> list[CheckResult]:
    """Try what the store needs from the file system of *place*."""
    tries: list[tuple[str, Callable[[Path], str | None], str]] = [
        ("names", _tells_case_apart, "file names are case-sensitive"),
        ("symlinks", _has_symlinks, "symbolic links work"),
        ("hard links", _has_hard_links, "identical files can share their bytes"),
        ("modes", _keeps_modes, "file modes are preserved"),
    ]
    try:
        with tempfile.TemporaryDirectory(prefix=".kernix-doctor-", dir=place) as scratch:
            found = []
            for name, attempt, fine in tries:
                folder = Path(scratch, name.replace(" ", "-"))
                folder.mkdir()
                problem = attempt(folder)
                state = (
                    CheckState.FINE
                    if problem is None
                    else CheckState.ABSENT
                    if name == "hard links"
                    else CheckState.BROKEN
                )
                advice = None if problem is None else "set KERNIX_HOME to a directory on another file system"
                found.append(CheckResult(name, state, problem or fine, advice))
            return found
    except OSError as error:
        reason = reason_of(error)
        return [CheckResult("store", CheckState.BROKEN, f"cannot write to {place}: {reason}",
                        "set KERNIX_HOME to a directory of your own")]  # fmt: skip


def _tells_case_apart(folder: Path) -> str | None:
    (folder / "xt_MARK.h").touch()
    if (folder / "xt_mark.h").exists():
        return "file names are not case-sensitive, but Linux has files whose names differ only in case"
    return None


def _has_symlinks(folder: Path) -> str | None:
    try:
        (folder / "link").symlink_to("target")
    except OSError as error:
        return f"no symbolic links: {reason_of(error)}"
    return None


def _has_hard_links(folder: Path) -> str | None:
    (folder / "file").touch()
    try:
        (folder / "other").hardlink_to(folder / "file")
    except OSError as error:
        return f"no hard links ({reason_of(error)}): the store takes more space"
    return None


def _keeps_modes(folder: Path) -> str | None:
    for name, mode in (("file", 0o444), ("program", 0o555)):
        (folder / name).touch()
        (folder / name).chmod(mode)
        if (folder / name).stat().st_mode & 0o777 != mode:
            return "file modes are not preserved"
    return None


def _existing(place: Path) -> Path:
    """Return *place*, or the nearest directory above it that exists."""
    return next(it for it in (place, *place.parents) if it.is_dir())
