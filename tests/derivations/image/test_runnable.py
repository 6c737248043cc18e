"""Tests for derivations.image.runnable."""

from __future__ import annotations

import functools
import stat
import struct

from typing import TYPE_CHECKING

import pytest

from derivations.image.newc import CpioEntry
from derivations.image.runnable import follow, why_not


if TYPE_CHECKING:
    from collections.abc import Mapping


OPTIONS = frozenset({"BINFMT_ELF", "BINFMT_SCRIPT"})


def elf(machine: int = 62, loader: bytes = b"") -> bytes:
    """Return the start of a program for 64 bits, little-endian."""
    header = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return header + struct.pack("<IIQQQQQQ", 3 if loader else 1, 4, 120, 0, 0, 0, 0, 0) + loader + b"\0"


def _whole(data: bytes) -> tuple[bytes]:
    return (data,)


def nodes(files: Mapping[str, bytes | tuple[bytes, int]]) -> dict[bytes, CpioEntry]:
    """Return nodes by path; a text that begins with `->` is a link."""
    found = {}
    for name, given in files.items():
        data, mode = given if isinstance(given, tuple) else (given, 0o755)
        is_link = data.startswith(b"->")
        data = data.removeprefix(b"->")
        path = name.encode()
        kind = stat.S_IFLNK if is_link else stat.S_IFREG
        found[path] = CpioEntry(path=path, mode=kind | mode, size=len(data), data=functools.partial(_whole, data))
    return found


def why(
    files: Mapping[str, bytes | tuple[bytes, int]], system: str = "x86_64-linux", options: frozenset[str] = OPTIONS
) -> str | None:
    """Return why the init in *files* cannot run."""
    problem = why_not(nodes(files), b"init", system, options)
    return problem.reason if problem else None


def test_what_can_run() -> None:
    """A static program, a script whose interpreter is there, also by a link, and a program with its loader can run."""
    assert why({"init": elf()}) is None
    assert why({"init": b"#!/bin/sh\n", "bin/sh": b"->busybox", "bin/busybox": elf()}) is None
    assert why({"init": b"->sbin/init", "sbin/init": b"#! /bin/busybox sh\n", "bin/busybox": elf()}) is None
    assert why({"init": elf(loader=b"/lib/ld.so"), "lib/ld.so": elf()}) is None
    assert why({"init": elf(40)}, "aarch64-linux") is not None


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({}, "there is no init in it", id="missing"),
        pytest.param({"init": (elf(), 0o644)}, "init is not executable", id="mode"),
        pytest.param({"init": b"echo"}, "init is neither a script nor a program", id="text"),
        pytest.param({"init": b"\x7fELF"}, "init is neither a script nor a program", id="short"),
        pytest.param({"init": b"#!\n"}, "the first line of init names no interpreter", id="no-name"),
        pytest.param({"init": b"#!/bin/sh\n"}, "the interpreter of init, /bin/sh, is not in it", id="interpreter"),
        pytest.param({"init": b"#!/init\n"}, "its interpreter is a script of a script of a script", id="loop"),
        pytest.param({"init": elf(183)}, "init is a program for aarch64, and the kernel is for x86_64", id="machine"),
        pytest.param(
            {"init": b"#!/bin/sh\n", "bin/sh": elf(243)},
            "bin/sh is a program for riscv64, and the kernel is for x86_64",
            id="machine-of-interpreter",
        ),
        pytest.param(
            {"init": elf(loader=b"/lib/ld.so")}, "init needs the loader /lib/ld.so, which is not in it", id="loader"
        ),
        pytest.param({"init": b"->init"}, "there is no init in it", id="link-to-itself"),
    ],
)
def test_what_cannot(files: dict[str, bytes | tuple[bytes, int]], reason: str) -> None:
    """Everything else is reported, with what is missing."""
    assert why(files) == reason


@pytest.mark.parametrize(("lacks", "data"), [("BINFMT_SCRIPT", b"#!/bin/sh\n"), ("BINFMT_ELF", elf())])
def test_the_kernel_must_run_it(lacks: str, data: bytes) -> None:
    """A kernel without the format of the init is an error that names the option."""
    assert lacks in (why({"init": data}, options=OPTIONS - {lacks}) or "")


def test_links_do_not_leave_the_image() -> None:
    """A link above the top stays at the top, as after chroot."""
    assert follow(nodes({"a": b"->../../b", "b": b""}), b"a") == b"b"
