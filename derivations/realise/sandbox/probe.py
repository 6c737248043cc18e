"""Check that this machine can run the sandbox, by running one.

Settings that look right prove little: the kernel may have user namespaces, and a security module or the
container around us may still refuse them. So bubblewrap is run with the options of a build, and only if it
refuses are the machine's settings used to explain why.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess

from pathlib import Path

from derivations.proof.conditions import USUAL
from derivations.realise.sandbox import bubblewrap as sandbox
from derivations.realise.sandbox import seccomp
from derivations.realise.sandbox.launcher import Files, launcher
from store.errors import Error


PLACES = "/usr/bin:/usr/local/bin:/bin:/run/current-system/sw/bin"
OLDEST = (0, 8)  # the first with --disable-userns

APPARMOR_PROFILE = """\
abi <abi/4.0>,
include <tunables/global>
profile bwrap {path} flags=(unconfined) {{
  userns,
}}
"""


class NoBubblewrap(Error):
    """Bubblewrap is not installed, or too old."""

    reason: str

    def __str__(self) -> str:
        return f"cannot sandbox builds: {self.reason}"

    @property
    def hint(self) -> str:
        """Return how to install it."""
        return f"install bubblewrap {OLDEST[0]}.{OLDEST[1]} or newer, on Debian with `apt-get install bubblewrap`"


class NoUserNamespaces(Error):
    """This machine does not allow user namespaces, which the sandbox needs."""

    message: str
    advice: str

    def __str__(self) -> str:
        return f"cannot sandbox builds: this machine refuses user namespaces ({self.message})"

    @property
    def hint(self) -> str:
        """Return what to change on this machine."""
        return self.advice


class SandboxRefused(Error):
    """Bubblewrap could not make the sandbox, and the machine's settings do not explain why."""

    message: str

    def __str__(self) -> str:
        return f"cannot sandbox builds: {self.message}"

    @property
    def hint(self) -> str:
        """Return how to find out more."""
        return "run `kernix doctor`, which probes the sandbox and says what to change"


@functools.cache
def bubblewrap() -> Path:
    """Return the path of `bwrap`.

    Raises:
        NoBubblewrap: it is not installed.
    """
    found = shutil.which("bwrap", path=PLACES)
    if found is None:
        reason = "bubblewrap (`bwrap`) is not installed"
        raise NoBubblewrap(reason)
    return Path(found)


def check(proc: Path = Path("/proc"), program: Path | None = None) -> None:
    """Make a sandbox and run a program in it.

    Raises:
        NoBubblewrap: bubblewrap is missing or too old.
        NoUserNamespaces: the machine does not allow user namespaces.
        SandboxRefused: bubblewrap failed for another reason.
        NoBuildUser: we are root, and no other user is available.
    """
    program = bubblewrap() if program is None else program
    version = _version(program)
    if version < OLDEST:
        reason = f"bubblewrap {'.'.join(map(str, version))} is too old"
        raise NoBubblewrap(reason)
    with contextlib.ExitStack() as stack:
        files = Files(stack)
        starter = stack.enter_context(launcher())
        options = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", sandbox.TMP)
        filter_file = files.open(seccomp.program(os.uname().machine))
        argv = [
            str(program),
            *sandbox.OPTIONS,
            *USUAL.options,
            *options,
            "--seccomp",
            str(filter_file),
            "--",
            "/bin/true",
        ]
        done = subprocess.run(
            starter.command(argv, {}, files.open),
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=files.descriptors,
            check=False,
        )
    if done.returncode != 0:
        raise explain(done.stderr.decode(errors="replace"), proc, program)


def explain(complaint: str, proc: Path = Path("/proc"), program: Path | None = None) -> Error:
    """Return the error for bubblewrap's *complaint*, with advice from the settings in *proc*."""
    lines = [line.removeprefix("bwrap: ") for line in complaint.splitlines() if line]
    message = lines[-1] if lines else "bubblewrap gave no reason"
    if advice := _advice(proc, program):
        return NoUserNamespaces(message, advice)
    if re.search(r"uid map|namespace|RTM_NEWADDR|Operation not permitted|No permissions", message):
        return NoUserNamespaces(
            message,
            "in a container, allow user namespaces when you start it "
            "(for Docker: `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`)",
        )
    return SandboxRefused(message)


def _advice(proc: Path, program: Path | None) -> str | None:
    """Return which of the machine's settings below *proc* to change, if any."""
    if _setting(proc, "kernel/unprivileged_userns_clone") == 0:
        return "allow them: `sysctl -w kernel.unprivileged_userns_clone=1`"
    if _setting(proc, "user/max_user_namespaces") == 0:
        return "allow them: `sysctl -w user.max_user_namespaces=10000`"
    if _setting(proc, "kernel/apparmor_restrict_unprivileged_userns") == 1:
        profile = APPARMOR_PROFILE.format(path=program or "/usr/bin/bwrap")
        return (
            "AppArmor allows them only for programs with a profile: write the following to /etc/apparmor.d/bwrap and run "
            f"`apparmor_parser -r /etc/apparmor.d/bwrap`\n{profile}"
        )
    return None


def _setting(proc: Path, name: str) -> int | None:
    try:
        return int((proc / "sys" / name).read_text())
    except (OSError, ValueError):
        return None


def _version(program: Path) -> tuple[int, ...]:
    try:
        output = subprocess.run([program, "--version"], capture_output=True, text=True, env={}, check=False).stdout
    except OSError as error:
        reason = f"cannot run {program} ({error.strerror})"
        raise NoBubblewrap(reason) from None
    return tuple(int(number) for number in re.findall(r"\d+", output))
