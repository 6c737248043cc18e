"""The seccomp filter of a builder: which system calls it may not make, as a classic BPF program.

Refused, on each architecture and on the 32-bit one that the same kernel runs:

    chmod family, open family that creates, mknod    EPERM   if the mode has setuid or setgid
    every call on extended attributes                ENOTSUP as on a file system without them
    socket, socketpair                               EAFNOSUPPORT for families that network
                                                             namespaces do not isolate (AF_VSOCK),
                                                             and that no build needs (AF_ALG)
    ptrace and the like on process 1                 EPERM   which could then not report the end of
                                                             the builder
    ioctl that types into a terminal                 EPERM   TIOCSTI, TIOCLINUX
    openat2, io_uring, socketcall                    ENOSYS  their arguments are in memory, where
                                                             no filter sees them
    keys, bpf, perf, userfaultfd, mounts, kexec, …   ENOSYS  not isolated by namespaces, or useful
                                                             only to attack the kernel
    shmget, and on 32 bit ipc                        ENOSYS  this memory outlives every process it
                                                             could be charged to
    calls newer than this list                       ENOSYS  as on a kernel of its time
    x32's numbers                                    ENOSYS  a separate ABI that no build needs
    any other architecture                           the process is killed

The store keeps neither such modes nor extended attributes; a builder that needs them fails while it builds, not
later. libseccomp (pyseccomp) is not used: it knows only the calls of its own release (2.5.4, in Debian 12, lacks
`setxattrat` and `open_tree_attr`), so the filter would depend on the machine, which would also need one more
library. The numbers come from the kernel's `syscall.tbl` files, the format of the program from
`linux/filter.h` and `linux/seccomp.h`.
"""

from __future__ import annotations

import errno
import functools
import stat
import struct

from typing import TYPE_CHECKING

import attrs

from store.errors import Error


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


MODE_MASK = stat.S_ISUID | stat.S_ISGID
FAMILIES = (1, 2, 10, 16)
"""The socket families that a builder may use: AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""

TYPING = (0x5412, 0x541C)
"""The ioctl requests that type into a terminal: TIOCSTI, TIOCLINUX."""

FIRST = 1
"""The pid of the sandbox's first process, which reports how the builder ended."""

NEWEST = 467
"""The last call that this filter knows. Since 424, all architectures number new calls alike."""

CREATES = 0o100 | 0o20000000  # O_CREAT and O_TMPFILE's own bit, the same on all these architectures

_INSTRUCTION = struct.Struct("<HBBI")
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
# SECCOMP_RET_ALLOW, _KILL_PROCESS and _ERRNO (linux/seccomp.h); __X32_SYSCALL_BIT (asm/unistd.h).
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_X32 = 0x40000000


class UnknownMachine(Error):
    """There is no filter for this machine."""

    machine: str

    def __str__(self) -> str:
        return f"cannot sandbox builds on {self.machine!r}, only on {', '.join(sorted(MACHINES))}"


@attrs.frozen(kw_only=True)
class Abi:
    """The numbers that one architecture gives the calls concerned.

    Attributes:
        audit: The AUDIT_ARCH number.
        modes: Calls that set a mode -> the index of the mode argument.
        creates: Calls that set a mode if they create a file -> the indexes of the arguments (flags, mode).
        xattrs: Calls on extended attributes.
        sockets: Calls that make sockets; their first argument is the family.
        handles: Calls that act on another process -> the index of the pid argument.
        ioctl: The call whose second argument is a request.
        absent: Calls that appear not to exist.
        private: The first number of the architecture's own calls, which are allowed.
        x32: Whether numbers from 2**30 on belong to another ABI.
    """

    audit: int
    modes: Mapping[int, int]
    creates: Mapping[int, tuple[int, int]]
    xattrs: Iterable[int]
    sockets: tuple[int, ...]
    handles: Mapping[int, int]
    ioctl: int
    absent: tuple[int, ...]
    private: int | None = None
    x32: bool = False


_XATTR_AT = range(463, 467)

# io_uring_setup, _enter, _register; open_tree, move_mount, fsopen, fsconfig, fsmount, fspick; openat2; mount_setattr;
# quotactl_fd; open_tree_attr
_ABSENT = (*range(425, 434), 437, 442, 443, 467)
_PIDFD_OPEN = 434

# In each `absent`, after the shared part: add_key, request_key, keyctl, bpf, userfaultfd, perf_event_open,
# open_by_handle_at, syslog, the loading of modules and kernels, shmget, and on i386 and ARM socketcall and ipc.
X86_64 = Abi(
    audit=0xC000003E,
    modes={90: 1, 91: 1, 268: 2, 452: 2, 85: 1, 133: 1, 259: 2},
    creates={2: (1, 2), 257: (2, 3)},
    xattrs=(*range(188, 200), *_XATTR_AT),
    sockets=(41, 53),
    handles={101: 1, 311: 0, _PIDFD_OPEN: 0},
    ioctl=16,
    absent=(*_ABSENT, 248, 249, 250, 321, 323, 298, 304, 103, 175, 176, 313, 246, 320, 29),
    x32=True,
)
I386 = Abi(
    audit=0x40000003,
    modes={15: 1, 94: 1, 306: 2, 452: 2, 8: 1, 14: 1, 297: 2},
    creates={5: (1, 2), 295: (2, 3)},
    xattrs=(*range(226, 238), *_XATTR_AT),
    sockets=(359, 360),
    handles={26: 1, 348: 0, _PIDFD_OPEN: 0},
    ioctl=54,
    absent=(*_ABSENT, 286, 287, 288, 357, 374, 336, 342, 103, 128, 129, 350, 283, 395, 102, 117),
)
AARCH64 = Abi(
    audit=0xC00000B7,
    modes={52: 1, 53: 2, 452: 2, 33: 2},
    creates={56: (2, 3)},
    xattrs=(*range(5, 17), *_XATTR_AT),
    sockets=(198, 199),
    handles={117: 1, 271: 0, _PIDFD_OPEN: 0},
    ioctl=29,
    absent=(*_ABSENT, 217, 218, 219, 280, 282, 241, 265, 116, 105, 106, 273, 104, 294, 194),
)
ARM = Abi(
    audit=0x40000028,
    modes={15: 1, 94: 1, 333: 2, 452: 2, 8: 1, 14: 1, 324: 2},
    creates={5: (1, 2), 322: (2, 3)},
    xattrs=(*range(226, 238), *_XATTR_AT),
    sockets=(281, 288),
    handles={26: 1, 377: 0, _PIDFD_OPEN: 0},
    ioctl=54,
    absent=(*_ABSENT, 309, 310, 311, 386, 388, 364, 371, 103, 128, 129, 379, 347, 401, 307, 102, 117),
    private=0xF0000,
)
MACHINES = {"x86_64": (X86_64, I386), "aarch64": (AARCH64, ARM)}
"""`uname -m` -> the ABIs that a kernel for this machine may support."""


@functools.cache
def program(machine: str) -> bytes:
    """Return the filter for a kernel whose `uname -m` is *machine*.

    Raises:
        UnknownMachine: there is no table of its calls.
    """
    if machine not in MACHINES:
        raise UnknownMachine(machine)
    code = _load(_ARCHITECTURE)
    for abi in MACHINES[machine]:
        rules = _rules(abi)
        # A conditional jump reaches only 255 instructions, so this one skips an unconditional one.
        code += _jump(_EQUAL, abi.audit, 1, 0) + _INSTRUCTION.pack(0x05, 0, 0, len(rules) // 8) + rules
    return code + _return(_KILL)


def _rules(abi: Abi) -> bytes:
    """Return the part of the program for one architecture."""
    code = _load(_NUMBER)
    if abi.x32:
        code += _jump(_AT_LEAST, _X32, 0, 1) + _return(_ERRNO | errno.ENOSYS)
    newer = _return(_ERRNO | errno.ENOSYS)
    if abi.private is not None:
        newer = _jump(_AT_LEAST, abi.private, 1, 0) + newer
    code += _jump(_AT_LEAST, NEWEST + 1, 0, len(newer) // _INSTRUCTION.size) + newer
    for number, (flags, mode) in abi.creates.items():
        test = _load(_ARGUMENTS + 8 * flags) + _jump(_ANY_BIT, CREATES, 0, 3) + _mode(mode)
        code += _when(number, test + _return(_ALLOW))
    for number, mode in abi.modes.items():
        code += _when(number, _mode(mode) + _return(_ALLOW))
    for number in abi.xattrs:
        code += _when(number, _return(_ERRNO | errno.ENOTSUP))
    for number in abi.absent:
        code += _when(number, _return(_ERRNO | errno.ENOSYS))
    for number in abi.sockets:
        allowed = b"".join(_jump(_EQUAL, family, 0, 1) + _return(_ALLOW) for family in FAMILIES)
        code += _when(number, _load(_ARGUMENTS) + allowed + _return(_ERRNO | errno.EAFNOSUPPORT))
    for number, argument in abi.handles.items():
        code += _when(number, _none_of(argument, (FIRST,)))
    code += _when(abi.ioctl, _none_of(1, TYPING))
    return code + _return(_ALLOW)


def _none_of(argument: int, values: Iterable[int]) -> bytes:
    """Refuse the call if *argument*, of which the kernel uses 32 bits, is one of *values*."""
    tests = b"".join(_jump(_EQUAL, value, 0, 1) + _return(_ERRNO | errno.EPERM) for value in values)
    return _load(_ARGUMENTS + 8 * argument) + tests + _return(_ALLOW)


def _mode(argument: int) -> bytes:
    """Refuse the call if the mode in *argument* has setuid or setgid."""
    # Both machines are little-endian: the low word, which holds every bit of a mode, comes first.
    return _load(_ARGUMENTS + 8 * argument) + _jump(_ANY_BIT, MODE_MASK, 0, 1) + _return(_ERRNO | errno.EPERM)


def _when(number: int, block: bytes) -> bytes:
    return _jump(_EQUAL, number, 0, len(block) // _INSTRUCTION.size) + block


def _load(offset: int) -> bytes:
    return _INSTRUCTION.pack(_LOAD, 0, 0, offset)


def _jump(test: int, value: int, if_true: int, if_false: int) -> bytes:
    return _INSTRUCTION.pack(test, if_true, if_false, value)


def _return(action: int) -> bytes:
    return _INSTRUCTION.pack(_RETURN, 0, 0, action)
