"""A guest of KVM that boots without an initramfs.

The source is the kernel's own fragment kernel/configs/kvm_guest.config (of 6.12). Drivers are built
in there; for devices that nothing at boot needs, a module is as good.
"""

from __future__ import annotations

from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import on


SOURCE = "Linux, kernel/configs/kvm_guest.config"

SETS = (
    RequirementSet(
        "kvm-guest",
        (
            *needs(SOURCE, "a network", "NET INET NETDEVICES NET_CORE"),
            *needs(SOURCE, "the address of a root file system over the network", "IP_PNP IP_PNP_DHCP"),
            *needs(SOURCE, "disks", "BLOCK BLK_DEV"),
            *needs(SOURCE, "file systems over the network, and the host's", "NETWORK_FILESYSTEMS"),
            *needs(SOURCE, "a console", "TTY SERIAL_8250 SERIAL_8250_CONSOLE"),
            *needs(SOURCE, "programs", "BINFMT_ELF"),
            *needs(SOURCE, "the bus of most virtual machines", "PCI PCI_MSI"),
            *on("x86_64", *needs(SOURCE, "the host's clock and interrupts", "HYPERVISOR_GUEST PARAVIRT KVM_GUEST")),
            *on("i386", *needs(SOURCE, "the host's clock and interrupts", "HYPERVISOR_GUEST PARAVIRT KVM_GUEST")),
            *on("s390", *needs(SOURCE, "the host's devices", "S390_GUEST")),
            *needs(SOURCE, "the host's devices", "VIRTIO VIRTIO_PCI VIRTIO_BLK VIRTIO_NET"),
            *needs(SOURCE, "the host's devices", "VIRTIO_MENU", since="5.8"),
            *needs(SOURCE, "the host's console", "VIRTIO_CONSOLE", modular=True),
            *needs(SOURCE, "the host's files", "NET_9P NET_9P_VIRTIO 9P_FS"),
            *needs(SOURCE, "disks of the host", "SCSI_LOWLEVEL SCSI_VIRTIO"),
            *needs(SOURCE, "keyboard, mouse and screen", "VIRTIO_INPUT DRM_VIRTIO_GPU", modular=True),
        ),
        "a guest of KVM that boots without an initramfs",
    ),
)  # fmt: skip
