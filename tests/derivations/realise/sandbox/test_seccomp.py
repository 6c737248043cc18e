"""Tests of derivations.realise.sandbox.seccomp."""

from __future__ import annotations

import errno
import os
import struct

from typing import TYPE_CHECKING

import pytest

from derivations.realise.sandbox.seccomp import (
    AARCH64,
    ARM,
    FAMILIES,
    I386,
    MACHINES,
    NEWEST,
    TYPING,
    X86_64,
    Abi,
    UnknownMachine,
    program,
)


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.conftest import Bench, Call, Caller


ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
ABIS = [
    pytest.param("x86_64", X86_64, id="x86_64"),
    pytest.param("x86_64", I386, id="i386"),
    pytest.param("aarch64", AARCH64, id="aarch64"),
    pytest.param("aarch64", ARM, id="arm"),
]
EXECUTES = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code")


def decide(machine: str, audit: int, number: int, *arguments: int) -> int:
    """Return the decision of *machine*'s filter about a call, by interpreting it as the kernel does."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    code: list[tuple[int, int, int, int]] = list(struct.iter_unpack("<HBBI", program(machine)))
    accumulator = position = 0
    while True:
        test, if_true, if_false, value = code[position]
        position += 1
        match test:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                position += if_true if accumulator == value else if_false
            case 0x35:
                position += if_true if accumulator >= value else if_false
            case 0x45:
                position += if_true if accumulator & value else if_false
            case 0x05:
                position += value
            case 0x06:
                return value


@pytest.mark.parametrize(("machine", "abi"), ABIS)
@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6000])
def test_refuses_mode(machine: str, abi: Abi, mode: int) -> None:
    """Every call that sets a mode refuses setuid and setgid bits."""
    for number, position in abi.modes.items():
        arguments = [0] * position + [mode]
        assert decide(machine, abi.audit, number, *arguments) == REFUSE | errno.EPERM, number


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_allows_mode(machine: str, abi: Abi) -> None:
    """Every call that sets a mode may set the other bits."""
    for number, position in abi.modes.items():
        arguments = [0o6000] * position + [0o1777]
        assert decide(machine, abi.audit, number, *arguments) == ALLOW, number


@pytest.mark.parametrize(("machine", "abi"), ABIS)
@pytest.mark.parametrize("flags", [os.O_CREAT, os.O_TMPFILE, os.O_CREAT | os.O_WRONLY | os.O_EXCL])
def test_refuses_creation(machine: str, abi: Abi, flags: int) -> None:
    """An open that creates a file refuses setuid and setgid bits."""
    for number, (flags_at, mode_at) in abi.creates.items():
        arguments = [0] * (mode_at + 1)
        arguments[flags_at], arguments[mode_at] = flags, 0o4755
        assert decide(machine, abi.audit, number, *arguments) == REFUSE | errno.EPERM
        arguments[mode_at] = 0o755
        assert decide(machine, abi.audit, number, *arguments) == ALLOW


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_ignores_unused_mode(machine: str, abi: Abi) -> None:
    """An open that creates nothing has no mode, so the register's value does not matter."""
    for number, (flags_at, mode_at) in abi.creates.items():
        arguments = [0] * (mode_at + 1)
        arguments[flags_at], arguments[mode_at] = os.O_RDONLY | os.O_DIRECTORY, 0o7777
        assert decide(machine, abi.audit, number, *arguments) == ALLOW


@pytest.mark.parametrize(
    ("machine", "abi", "numbers"),
    [
        pytest.param("x86_64", X86_64, [29], id="x86_64"),
        pytest.param("x86_64", I386, [395, 117], id="i386"),
        pytest.param("aarch64", AARCH64, [194], id="aarch64"),
        pytest.param("aarch64", ARM, [307, 117], id="arm"),
    ],
)
def test_refuses_shared_memory_of_system_v(machine: str, abi: Abi, numbers: list[int]) -> None:
    """Memory that outlives its processes is unavailable through any call."""
    for number in numbers:
        assert decide(machine, abi.audit, number, 23) == REFUSE | errno.ENOSYS


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_refuses_xattrs(machine: str, abi: Abi) -> None:
    """Calls on extended attributes fail as on a file system without them."""
    assert {decide(machine, abi.audit, number) for number in abi.xattrs} == {REFUSE | errno.ENOTSUP}


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_absent(machine: str, abi: Abi) -> None:
    """Calls with arguments in memory, or that no build needs, do not exist."""
    assert {decide(machine, abi.audit, number) for number in abi.absent} == {REFUSE | errno.ENOSYS}


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_newer_calls(machine: str, abi: Abi) -> None:
    """Calls newer than this filter do not exist; an architecture's own calls do."""
    for number in (NEWEST + 1, 512, 1000, 0x7FFF):
        assert decide(machine, abi.audit, number) == REFUSE | errno.ENOSYS
    assert decide("aarch64", ARM.audit, 0xF0005) == ALLOW  # set_tls
    assert decide(machine, abi.audit, 435) == ALLOW  # clone3


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_families(machine: str, abi: Abi) -> None:
    """Only socket families that a network namespace isolates are available."""
    for number in abi.sockets:
        found = {family for family in range(64) if decide(machine, abi.audit, number, family) == ALLOW}
        assert found == set(FAMILIES)
        assert decide(machine, abi.audit, number, 40) == REFUSE | errno.EAFNOSUPPORT  # AF_VSOCK


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_first_process(machine: str, abi: Abi) -> None:
    """No call can act on the sandbox's first process, even with bits that the kernel ignores; others are unaffected."""
    for number, position in abi.handles.items():
        before = [16] * position
        assert decide(machine, abi.audit, number, *before, 1) == REFUSE | errno.EPERM
        assert decide(machine, abi.audit, number, *before, 2**32 + 1) == REFUSE | errno.EPERM
        assert decide(machine, abi.audit, number, *before, 2) == ALLOW


@pytest.mark.parametrize(("machine", "abi"), ABIS)
def test_typing(machine: str, abi: Abi) -> None:
    """No call types into a terminal, even with bits that the kernel ignores; other requests pass."""
    for request in TYPING:
        assert decide(machine, abi.audit, abi.ioctl, 0, request) == REFUSE | errno.EPERM
        assert decide(machine, abi.audit, abi.ioctl, 0, 2**32 + request) == REFUSE | errno.EPERM
    assert decide(machine, abi.audit, abi.ioctl, 0, 0x5401) == ALLOW  # TCGETS


@pytest.mark.parametrize("machine", MACHINES)
def test_kills_other_architectures(machine: str) -> None:
    """A call of an unknown architecture kills the process."""
    assert decide(machine, 0x12345678, 0) == KILL


def test_refuses_x32() -> None:
    """The third ABI of x86_64 does not exist."""
    assert decide("x86_64", X86_64.audit, 0x40000000 | 90, 0, 0o755) == REFUSE | errno.ENOSYS


def test_unknown_machine() -> None:
    """A machine without a table is named."""
    with pytest.raises(UnknownMachine, match="'pdp11'"):
        program("pdp11")


@EXECUTES
@pytest.mark.parametrize(
    ("abi", "call", "expected"),
    [
        pytest.param("x86_64", (90, b"/build\0", 0o4755), errno.EPERM, id="chmod"),
        pytest.param("x86_64", (90, b"/build\0", 0o2755), errno.EPERM, id="chmod-setgid"),
        pytest.param("x86_64", (90, b"/build\0", 0o755), 0, id="chmod-plain"),
        pytest.param("x86_64", (268, 0, b"/build\0", 0o4755), errno.EPERM, id="fchmodat"),
        pytest.param("x86_64", (452, 0, b"/build\0", 0o4755, 0), errno.EPERM, id="fchmodat2"),
        pytest.param("x86_64", (2, b"/out/f\0", os.O_CREAT | os.O_WRONLY, 0o4755), errno.EPERM, id="open"),
        pytest.param("x86_64", (2, b"/out/f\0", os.O_CREAT | os.O_WRONLY, 0o755), 0, id="open-plain"),
        pytest.param("x86_64", (257, 0, b"/out/f\0", os.O_CREAT | os.O_WRONLY, 0o6755), errno.EPERM, id="openat"),
        pytest.param(
            "x86_64", (257, 0, b"/out\0", os.O_TMPFILE | os.O_WRONLY, 0o4755), errno.EPERM, id="openat-tmpfile"
        ),
        pytest.param("x86_64", (85, b"/out/f\0", 0o4755), errno.EPERM, id="creat"),
        pytest.param("x86_64", (133, b"/out/f\0", 0o104755, 0), errno.EPERM, id="mknod"),
        pytest.param("x86_64", (133, b"/out/f\0", 0o20666, 0x103), errno.EPERM, id="mknod-device"),
        pytest.param("x86_64", (259, 0, b"/out/f\0", 0o104755, 0), errno.EPERM, id="mknodat"),
        pytest.param("x86_64", (437, 0, b"/out/f\0", b"\0" * 24, 24), errno.ENOSYS, id="openat2"),
        pytest.param("x86_64", (425, 1, b"\0" * 120), errno.ENOSYS, id="io_uring_setup"),
        pytest.param("x86_64", (188, b"/out\0", b"user.x\0", b"v", 1, 0), errno.ENOTSUP, id="setxattr"),
        pytest.param("x86_64", (192, b"/out\0", b"user.x\0", 0, 0), errno.ENOTSUP, id="lgetxattr"),
        pytest.param("x86_64", (194, b"/out\0", 0, 0), errno.ENOTSUP, id="listxattr"),
        pytest.param("x86_64", (463, 0, b"/out\0", 0, b"user.x\0", b"\0" * 16, 16), errno.ENOTSUP, id="setxattrat"),
        pytest.param("x86_64", (272, 0x10000000), errno.ENOSPC, id="unshare-user"),
        pytest.param("x86_64", (165, b"x\0", b"/tmp\0", b"tmpfs\0", 0, 0), errno.EPERM, id="mount"),
        pytest.param("x86_64", (105, 0), errno.EINVAL, id="setuid"),
        pytest.param("x86_64", (41, 40, 1, 0), errno.EAFNOSUPPORT, id="vsock"),
        pytest.param("x86_64", (41, 38, 5, 0), errno.EAFNOSUPPORT, id="alg"),
        pytest.param("x86_64", (41, 17, 3, 0), errno.EAFNOSUPPORT, id="packet"),
        pytest.param("x86_64", (41, 16, 3, 0), 0, id="netlink"),
        pytest.param("x86_64", (101, 16, 1, 0, 0), errno.EPERM, id="attach-first"),
        pytest.param("x86_64", (101, 0x4206, 1, 0, 0), errno.EPERM, id="seize-first"),
        pytest.param("x86_64", (434, 1, 0), errno.EPERM, id="pidfd-first"),
        pytest.param("x86_64", (311, 1, 0, 0, 0, 0, 0), errno.EPERM, id="write-first"),
        pytest.param("x86_64", (248, b"user\0", b"x\0", b"v", 1, 2**32 - 3), errno.ENOSYS, id="add_key"),
        pytest.param("x86_64", (250, 0, 2**32 - 3, 0), errno.ENOSYS, id="keyctl"),
        pytest.param("x86_64", (249, b"user\0", b"x\0", 0, 0), errno.ENOSYS, id="request_key"),
        pytest.param("x86_64", (16, 0, 0x5412, b"x"), errno.EPERM, id="tiocsti"),
        pytest.param("x86_64", (321, 0, b"\0" * 120, 120), errno.ENOSYS, id="bpf"),
        pytest.param("x86_64", (323, 1), errno.ENOSYS, id="userfaultfd"),
        pytest.param("x86_64", (298, b"\0" * 120, 0, 2**32 - 1, 2**32 - 1, 0), errno.ENOSYS, id="perf_event_open"),
        pytest.param("x86_64", (304, 0, b"\0" * 16, 0), errno.ENOSYS, id="open_by_handle_at"),
        pytest.param("x86_64", (103, 10, 0, 0), errno.ENOSYS, id="syslog"),
        pytest.param("x86_64", (430, b"tmpfs\0", 0), errno.ENOSYS, id="fsopen"),
        pytest.param("x86_64", (428, 0, b"/\0", 1), errno.ENOSYS, id="open_tree"),
        pytest.param("x86_64", (469, 0, b"/out\0", b"\0" * 32, 24, 0), errno.ENOSYS, id="file_setattr"),
        pytest.param("i386", (359, 40, 1, 0), errno.EAFNOSUPPORT, id="i386-vsock"),
        pytest.param("i386", (102, 1, struct.pack("<3I", 40, 1, 0)), errno.ENOSYS, id="i386-socketcall"),
        pytest.param("i386", (26, 16, 1, 0, 0), errno.EPERM, id="i386-attach-first"),
        pytest.param("i386", (288, 0, 2**32 - 3, 0), errno.ENOSYS, id="i386-keyctl"),
        pytest.param("x32", (90, b"/build\0", 0o755), errno.ENOSYS, id="x32-chmod"),
        pytest.param("i386", (15, b"/build\0", 0o4755), errno.EPERM, id="i386-chmod"),
        pytest.param("i386", (15, b"/build\0", 0o755), 0, id="i386-chmod-plain"),
        pytest.param("i386", (5, b"/out/f\0", os.O_CREAT | os.O_WRONLY, 0o4755), errno.EPERM, id="i386-open"),
        pytest.param("i386", (226, b"/out\0", b"user.x\0", b"v", 1, 0), errno.ENOTSUP, id="i386-setxattr"),
    ],
)
def test_in_the_kernel(bench: Bench, caller: Caller, abi: str, call: Call, expected: int) -> None:
    """The kernel refuses the call to a builder, and allows a harmless one."""
    if abi == "i386" and _exit_code(bench, caller.program("i386", (20,))) != 0:  # getpid
        pytest.skip("this kernel runs no 32-bit code")
    assert expected == _exit_code(bench, caller.program(abi, call))
    assert [it for it in bench.out.iterdir() if it.stat().st_mode & 0o6000] == []


def _exit_code(bench: Bench, program: Path) -> int:
    return int(bench.run("/call; echo $?", mounts={"/call": program})[-1])
