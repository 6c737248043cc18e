"""What `kernix run` needs of a kernel: it boots in QEMU in about a second, and this machine's files are its root.

Unlike `virtio_guest` it is complete over `tinyconfig`, and small: about 1100 objects. Everything is built in,
so no initramfs has to load modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import only_on, tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import YES, Priority, when_arch, when_at_least


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


PROGRAMS: dict[str, Asked] = {
    # what the C library and ordinary programs call (init/Kconfig)
    "64BIT": when_arch("x86_64", YES),
    "PRINTK": YES,
    "BUG": YES,  # a panic has a trace
    "KALLSYMS": YES,
    "BLK_DEV_INITRD": YES,
    "BINFMT_ELF": YES,
    "BINFMT_SCRIPT": YES,
    "MULTIUSER": YES,
    "FUTEX": YES,
    "EPOLL": YES,
    "SIGNALFD": YES,
    "TIMERFD": YES,
    "EVENTFD": YES,
    "POSIX_TIMERS": YES,
    "HIGH_RES_TIMERS": YES,
    "FILE_LOCKING": YES,
    "ADVISE_SYSCALLS": YES,
    "MEMBARRIER": YES,
    "INOTIFY_USER": YES,
    "SYSVIPC": YES,
    "SHMEM": YES,
    "PROC_FS": YES,
    "PROC_SYSCTL": YES,
    "SYSFS": YES,
    "TTY": YES,
    "UNIX98_PTYS": YES,  # a terminal for the command
    "NET": YES,
    "UNIX": YES,
    "INET": YES,
}

MACHINE: dict[str, Asked] = {
    # drivers/{pci,virtio,block,net}/Kconfig: QEMU's machine with a console, PCI and its interrupts, several processors
    "SERIAL_8250": when_arch("x86_64", YES),
    "SERIAL_8250_CONSOLE": when_arch("x86_64", YES),
    "SMP": when_arch("x86_64", YES),
    "PCI": YES,
    "PCI_MSI": YES,
    "VIRTIO_MENU": YES,
    "VIRTIO_PCI": YES,
    "VIRTIO_CONSOLE": YES,  # the streams of the command
    "BLOCK": YES,
    "BLK_DEV": YES,
    "VIRTIO_BLK": YES,  # `kernix run --disk`
    "NETDEVICES": YES,
    "NET_CORE": YES,
    "VIRTIO_NET": YES,  # `kernix run --net`
    # Documentation/virt/kvm/x86: time and idling with KVM; PVH starts vmlinux without unpacking an image
    **only_on("x86_64", {"HYPERVISOR_GUEST": YES, "PARAVIRT": YES, "KVM_GUEST": YES, "PVH": YES, "X86_MPPARSE": YES}),
    "KERNEL_LZ4": when_arch("x86_64", YES),  # unpacked in a tenth of the time of xz
}

ROOT: dict[str, Asked] = {
    # Documentation/filesystems/{9p,virtiofs,overlayfs,tmpfs}.rst: this machine's files, and what the guest writes
    "DEVTMPFS": YES,
    "TMPFS": YES,
    "TMPFS_XATTR": YES,  # overlayfs marks what was deleted with them
    "OVERLAY_FS": YES,
    "NETWORK_FILESYSTEMS": YES,
    "NET_9P": YES,
    "NET_9P_VIRTIO": YES,
    "9P_FS": YES,
    "FUSE_FS": YES,
    "VIRTIO_FS": when_at_least("5.4", YES),
}

OPTIONS: dict[str, Asked] = {**PROGRAMS, **MACHINE, **ROOT}

FRAGMENT = tried(
    Fragment("vm_guest", OPTIONS, description="what `kernix run` needs, built in", priority=Priority.DEFAULT)
)
