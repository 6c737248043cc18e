"""Tests of derivations.linux.shell: the environment of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from derivations.context import Context
from derivations.debian.sets import SETS
from derivations.linux.kernel import make_linux
from derivations.linux.shell import NoShell, shell_of
from derivations.source import text_file
from tests.fakes import fake_context, fake_lock


if TYPE_CHECKING:
    from derivations.linux.kernel import Kernel


def kernel(**arguments: Any) -> Kernel:  # noqa: ANN401 -- those of make_linux
    return make_linux(**{"version": "6.12.1", "source": text_file("tree", ""), "context": fake_context(), **arguments})


def test_the_builder_s_own() -> None:
    """Everything is at the same place as for the builder, and variables have the same values."""
    lock = fake_lock(set(SETS) - {"ncurses"})
    linux = kernel(context=Context(lock=lambda: lock))
    shell = shell_of(linux, [])

    assert set(linux.derivation.mounts.items()) <= set(shell.mounts.items())
    assert set(linux.derivation.env.items()) <= set(shell.env.items())
    assert ("x86_64", "", "6.12.1") == (shell.env["ARCH"], shell.env["LOCALVERSION"], shell.env["version"])
    assert "CROSS_COMPILE" not in shell.env


def test_editors() -> None:
    """If the lock pins ncurses, the root contains it in addition to the toolchain."""
    linux = kernel()
    root = shell_of(linux, []).mounts["/"]

    assert linux.toolchain.root in root.derivation.inputs


def test_cross_compilers() -> None:
    """For another machine, make gets the compiler's prefix."""
    shell = shell_of(kernel(context=fake_context("aarch64-linux"), systems=["aarch64-linux"]), [])

    assert ("arm64", "aarch64-linux-gnu-") == (shell.env["ARCH"], shell.env["CROSS_COMPILE"])


def test_make_flags_beat_the_makefile() -> None:
    """Further arguments of make are in MAKEFLAGS, escaped as by make."""
    shell = shell_of(kernel(make_flags=["KCFLAGS=-O3 -g", "A=$(B)"]), [])

    assert shell.env["MAKEFLAGS"] == " -- KCFLAGS=-O3\\ -g A=$$(B)"
    assert "MAKEFLAGS" not in shell_of(kernel(), []).env


def test_outputs() -> None:
    """Each built output has a variable with its path, and `dev` has the whole tree as its sources."""
    linux = kernel()
    build = linux.derivation.output("build")
    shell = shell_of(linux, [build, linux.out])

    assert ("/outputs/dev", "/outputs/out") == (shell.env["dev"], shell.env["out"])
    assert linux.tree == shell.mounts["/outputs/dev/lib/modules/6.12.1/source"]
    assert build == shell.mounts["/outputs/dev"]
    assert "debug" not in shell.env


def test_no_program() -> None:
    """A derivation that is not built by a program has no environment."""
    with pytest.raises(NoShell, match=r"^text is built by kernix itself"):
        shell_of(text_file("text", ""), [])
