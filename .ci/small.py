"""A small object made from a lock's packages, the same on every machine that builds it with that lock."""

from derivations.debian.rootfs import root_file_system
from kernels import kernel_set


small = root_file_system("busybox", kernel_set().linux_micro.context.lock())
