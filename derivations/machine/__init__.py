"""A virtual machine that runs one command on a kernel: what it is made of, as values.

    configuration ──means──▶ how the guest is reached, and what its root is
    programs/agent.c ──agent──▶ the first process, in an initramfs
    Machine ──qemu──▶ QEMU's arguments
    protocol: what host and guest say to each other

`derivations.realise.guest` starts it.
"""
