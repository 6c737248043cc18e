"""Whether a file of an image can run in it: the machine it is for, and the interpreter that it names.

An ELF file (elf(5)) names its machine in its header and its dynamic loader in a segment; a script names its interpreter
in its first line (execve(2)).
"""

from __future__ import annotations

import stat
import struct

from typing import TYPE_CHECKING

import attrs

from derivations.frozen_map import FrozenMap


if TYPE_CHECKING:
    from collections.abc import Mapping

    from derivations.image.newc import CpioEntry


_ELF = b"\x7fELF"
_HEADER = 64  # bytes
_PT_INTERP = 3
_HEAD = 1 << 16  # bytes: headers and interpreter are at the start of every program
_MAX_LINKS = 40  # as many as the kernel follows
_MAX_SCRIPTS = 4  # interpreters of interpreters, as in fs/exec.c

# e_machine, whether it is for 64 bits, whether it is big-endian.
_MACHINES = FrozenMap(
    {
        "aarch64": (183, True, False),
        "armv7l": (40, False, False),
        "i686": (3, False, False),
        "mips64el": (8, True, False),
        "powerpc64le": (21, True, False),
        "riscv64": (243, True, False),
        "s390x": (22, True, True),
        "x86_64": (62, True, False),
    }
)
_COMPATIBLE = {"x86_64": ("i686", "IA32_EMULATION"), "aarch64": ("armv7l", "COMPAT")}


@attrs.frozen
class Unrunnable:
    """Why a file cannot run, and what to do."""

    reason: str
    hint: str


def why_not(nodes: Mapping[bytes, CpioEntry], path: bytes, system: str, options: frozenset[str]) -> Unrunnable | None:
    """Return why *path* cannot run in the image of *nodes* on *system* by a kernel with *options*; None if it can."""
    for _ in range(_MAX_SCRIPTS + 1):
        shown = path.decode(errors="backslashreplace")
        node = _program(nodes, path)
        if isinstance(node, Unrunnable):
            return node
        head = _head(node)
        if not head.startswith(b"#!"):
            return _elf(nodes, shown, head, system, options)
        interpreter = _interpreter(nodes, shown, head, options)
        if isinstance(interpreter, Unrunnable):
            return interpreter
        path = interpreter.lstrip(b"/")
    return Unrunnable("its interpreter is a script of a script of a script", "name a program as the interpreter")


def _program(nodes: Mapping[bytes, CpioEntry], path: bytes) -> CpioEntry | Unrunnable:
    """Return the executable file at *path*, or why there is none."""
    shown = path.decode(errors="backslashreplace")
    place = follow(nodes, path)
    if place is None:
        return Unrunnable(f"there is no {shown} in it", "add it to the template, or as one of the entries")
    if not stat.S_ISREG(nodes[place].mode):
        return Unrunnable(f"{shown} is not a file", "it must be a program or a script")
    if not nodes[place].mode & 0o111:
        return Unrunnable(f"{shown} is not executable", f"run `chmod +x {shown}`")
    return nodes[place]


def _interpreter(
    nodes: Mapping[bytes, CpioEntry], shown: str, head: bytes, options: frozenset[str]
) -> bytes | Unrunnable:
    """Return the interpreter that a script names in its first line, or why it cannot be run."""
    if "BINFMT_SCRIPT" not in options:
        lacks = "and the kernel is configured without BINFMT_SCRIPT"
        return Unrunnable(f"{shown} is a script, {lacks}", _override("BINFMT_SCRIPT"))
    named = head[2:].split(b"\n", 1)[0].split()
    if not named:
        return Unrunnable(f"the first line of {shown} names no interpreter", "write, for example, #!/bin/sh")
    if follow(nodes, named[0]) is None:
        wanted = named[0].decode(errors="backslashreplace")
        advice = "add it to the template, or use programs=['busybox']"
        return Unrunnable(f"the interpreter of {shown}, {wanted}, is not in it", advice)
    return named[0]


def follow(nodes: Mapping[bytes, CpioEntry], path: bytes) -> bytes | None:
    """Return the path in *nodes* that *path* leads to, links followed; None if there is none."""
    pending = [part for part in reversed(path.split(b"/")) if part]
    found: list[bytes] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in {b".", b""}:
            continue
        if part == b"..":
            del found[-1:]
            continue
        here = b"/".join([*found, part])
        node = nodes.get(here)
        if node is not None and stat.S_ISLNK(node.mode):
            links += 1
            if links > _MAX_LINKS:
                return None
            target = b"".join(node.data())
            found = [] if target.startswith(b"/") else found
            pending += reversed(target.split(b"/"))
            continue
        found.append(part)
    place = b"/".join(found)
    return place if place in nodes else None


def _elf(
    nodes: Mapping[bytes, CpioEntry], shown: str, head: bytes, system: str, options: frozenset[str]
) -> Unrunnable | None:
    if not head.startswith(_ELF) or len(head) < _HEADER:
        return Unrunnable(f"{shown} is neither a script nor a program", "a script begins with #!, such as #!/bin/sh")
    broken = Unrunnable(f"{shown} is a damaged program", "copy it again")
    wide, big = head[4] == 2, head[5] == 2  # noqa: PLR2004 -- ELFCLASS64, ELFDATA2MSB
    order = ">" if big else "<"
    machine = struct.unpack_from(f"{order}H", head, 18)[0]
    name = system.partition("-")[0]
    accepted = [name] if name in _MACHINES else []
    other, option = _COMPATIBLE.get(name, ("", ""))
    accepted += [other] if option in options else []
    if accepted and (machine, wide, big) not in [_MACHINES[it] for it in accepted]:
        known = {facts: it for it, facts in _MACHINES.items()}
        kind = known.get((machine, wide, big), f"machine {machine}")
        return Unrunnable(f"{shown} is a program for {kind}, and the kernel is for {name}", f"use one for {name}")
    if "BINFMT_ELF" not in options:
        return Unrunnable(
            f"{shown} is a program, and the kernel is configured without BINFMT_ELF", _override("BINFMT_ELF")
        )
    try:
        loader = _loader(head, wide=wide, order=order)
    except struct.error:
        return broken
    found = loader is None or follow(nodes, loader) is not None
    wanted = (loader or b"").decode(errors="backslashreplace")
    advice = "use a program that is linked statically, or add its libraries"
    return None if found else Unrunnable(f"{shown} needs the loader {wanted}, which is not in it", advice)


def _loader(head: bytes, *, wide: bool, order: str) -> bytes | None:
    """Return the dynamic loader that a program names, None if it is static."""
    start = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, 32 if wide else 28)[0]
    size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    for index in range(count):
        at = start + index * size
        if struct.unpack_from(f"{order}I", head, at)[0] != _PT_INTERP:
            continue
        offset = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", head, at + (8 if wide else 4))[0]
        return head[offset:].split(b"\0", 1)[0]
    return None


def _head(node: CpioEntry) -> bytes:
    head = b""
    for piece in node.data():
        head += piece
        if len(head) >= _HEAD:
            break
    return head[:_HEAD]


def _override(option: str) -> str:
    return f'override the kernel with extra_config={{"{option}": YES}}'
