"""The environment of a shell in a build: that of the builder, and a few additions for manual work.

    /build              the user's directory, where the work happens
    /src, /config, …    the builder's inputs, at the builder's paths
    /outputs/<name>     the outputs that are built; $out, $dev, … point to them
    unpackPhase         unpacks /src into a writable directory, with the configuration

A kernel's configuration editors (`make nconfig`) run there if the lock pins ncurses: `kernix lock --add ncurses`.

What external modules are built against, a kernel's `dev`, has only the sources that they need. The drivers of the tree
also include each other's headers; so in the shell, $dev is the kernel's output `build` with the whole tree beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap
from derivations.linux.editor import SET as NCURSES
from derivations.linux.editor import editor_root
from derivations.linux.graph import make_arguments
from derivations.linux.kernel import Kernel
from derivations.linux.script import text_of
from derivations.source import text_file
from store.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable

    from derivations.derivation import Derivation, Output


PROGRAMS = "/kernix/bin"
OUTPUTS = "/outputs"

_PATH = f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"


class NoShell(UsageError):
    """A derivation is not built by a program, so it has no environment for a shell."""


@attrs.frozen(kw_only=True)
class Shell:
    """An environment to work in.

    Attributes:
        derivation: The derivation that is built in it.
        mounts: The inputs by mount point; all must be realised first.
        env: The variables.
    """

    derivation: Derivation
    mounts: FrozenMap[Output]
    env: FrozenMap[str]


def shell_of(value: Kernel | Derivation, built: Iterable[Output]) -> Shell:
    """Return the environment that *value* is built in, with those of its outputs that are already *built*.

    Raises:
        NoShell: it is not built by a program.
    """
    derivation = value.derivation if isinstance(value, Kernel) else value
    if derivation.is_builtin:
        message = f"{derivation.name} is built by kernix itself, so it has no environment for a shell"
        raise NoShell(message)
    mounts: dict[str, Output] = dict(derivation.mounts)
    env = {"PATH": _PATH, **derivation.env, "name": derivation.name}
    for output in built:
        name = name_in_shell(output.name)
        mounts[f"{OUTPUTS}/{name}"] = output
        env[name] = f"{OUTPUTS}/{name}"
    if isinstance(value, Kernel):
        _add_kernel(value, mounts, env)
    if "/src" in mounts:
        unpack = text_file("unpackPhase", text_of("unpack"), executable=True)
        mounts[f"{PROGRAMS}/unpackPhase"] = unpack.out
        env["src"] = "/src"
    return Shell(derivation=derivation, mounts=FrozenMap(mounts), env=FrozenMap(env))


def name_in_shell(output: str) -> str:
    """Return the name of the variable for the *output* of a derivation: that of the attribute with it."""
    return "dev" if output == "build" else output


def _add_kernel(kernel: Kernel, mounts: dict[str, Output], env: dict[str, str]) -> None:
    """Add what `make` needs to behave as in the build, and modules of the tree to build against `dev`."""
    given = make_arguments(kernel.arguments, kernel.toolchain)
    env.update({name: value for name, _, value in (flag.partition("=") for flag in given)})
    env["version"] = kernel.version
    if kernel.arguments.make_flags:
        # Unlike in the environment, variables in MAKEFLAGS override those that the kernel's makefile sets, such as CC.
        env["MAKEFLAGS"] = " -- " + " ".join(map(_escaped, kernel.arguments.make_flags))
    lock = kernel.context.lock()
    if NCURSES in lock.sets:
        mounts["/"] = editor_root(kernel.toolchain, lock).out
    if "dev" in env:
        mounts[f"{env['dev']}/lib/modules/{kernel.release}/source"] = kernel.tree


def _escaped(flag: str) -> str:
    """Return *flag* as make writes it into MAKEFLAGS for the makes below it (`quote_for_env`, GNU make's main.c)."""
    return flag.replace("\\", "\\\\").replace(" ", "\\ ").replace("$", "$$")
