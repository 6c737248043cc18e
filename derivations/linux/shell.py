"""What a shell in a build's own environment sees: what the builder sees, and a few things to work by hand.

    /build              the user's directory, in which everything happens
    /src, /config, …    the builder's inputs, where the builder has them
    /outputs/<name>     those outputs that are built; $out, $dev, … lead there
    unpackPhase         unpacks /src into a directory that can be changed, with the configuration

A kernel's editors of configurations (`make nconfig`) run there if the lock pins ncurses: `kernix lock --add ncurses`.

The output `dev` of a kernel has of its sources what modules from elsewhere need. The drivers of the tree also
include each other's headers; so where `dev` has its sources, the shell has the whole tree.
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
    """Something is not built by a program, so there is nothing to be inside of."""


@attrs.frozen(kw_only=True)
class Shell:
    """An environment to work in.

    Attributes:
        derivation: What is built in it.
        mounts: What is seen where; all of it has to be realised first.
        env: The variables.
    """

    derivation: Derivation
    mounts: FrozenMap[Output]
    env: FrozenMap[str]


def shell_of(value: Kernel | Derivation, built: Iterable[Output]) -> Shell:
    """Return the environment in which *value* is built, with those of its outputs that are *built* already.

    Raises:
        NoShell: no program builds it.
    """
    derivation = value.derivation if isinstance(value, Kernel) else value
    if derivation.is_builtin:
        message = f"{derivation.name} is made by kernix itself, in no environment of its own"
        raise NoShell(message)
    mounts: dict[str, Output] = dict(derivation.mounts)
    env = {"PATH": _PATH, **derivation.env, "name": derivation.name}
    for output in built:
        mounts[f"{OUTPUTS}/{output.name}"] = output
        env[output.name] = f"{OUTPUTS}/{output.name}"
    if isinstance(value, Kernel):
        _add_kernel(value, mounts, env)
    if "/src" in mounts:
        unpack = text_file("unpackPhase", text_of("unpack"), executable=True)
        mounts[f"{PROGRAMS}/unpackPhase"] = unpack.out
        env["src"] = "/src"
    return Shell(derivation=derivation, mounts=FrozenMap(mounts), env=FrozenMap(env))


def _add_kernel(kernel: Kernel, mounts: dict[str, Output], env: dict[str, str]) -> None:
    """Add what makes `make` do as it does in the build, and modules of the tree build against `dev`."""
    given = make_arguments(kernel.arguments, kernel.toolchain)
    env.update({name: value for name, _, value in (flag.partition("=") for flag in given)})
    env["version"] = kernel.version
    if kernel.arguments.make_flags:
        # From here, unlike from the environment, a variable beats what the kernel's makefile sets, such as CC.
        env["MAKEFLAGS"] = " -- " + " ".join(map(_escaped, kernel.arguments.make_flags))
    lock = kernel.context.lock()
    if NCURSES in lock.sets:
        mounts["/"] = editor_root(kernel.toolchain, lock).out
    if "dev" in env:
        mounts[f"{env['dev']}/lib/modules/{kernel.release}/source"] = kernel.tree


def _escaped(flag: str) -> str:
    """Return *flag* as make writes it into MAKEFLAGS for the makes below it (`quote_for_env`, GNU make's main.c)."""
    return flag.replace("\\", "\\\\").replace(" ", "\\ ").replace("$", "$$")
