"""stal/IX: a system without modules and without an initramfs.

The source is its guide to kernels (github.com/stal-ix, KERNEL.md, of January 2024): the list of what any kernel for it
has, and its warning not to forget namespaces. The version is that of MGLRU's merge.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import NO, YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import rule


SOURCE = "stal/IX, KERNEL.md"

_rule = functools.partial(rule, source=SOURCE)

SETS = (
    RequirementSet(
        "stalix",
        (
            _rule("LRU_GEN", YES, "memory is reclaimed by generations (MGLRU)", needs="Linux 6.1"),
            _rule("LRU_GEN_ENABLED", YES, "MGLRU is on without being enabled at run time", given=("LRU_GEN",)),
            _rule("TRANSPARENT_HUGEPAGE", YES, "programs get huge pages without requesting them"),
            _rule("TRANSPARENT_HUGEPAGE_NEVER", NO, "huge pages are on without a boot parameter", given=("TRANSPARENT_HUGEPAGE",)),
            _rule("CGROUPS", YES, "control groups, version 2"),
            *needs(SOURCE, "a mounted pseudo file system", "PROC_FS SYSFS TMPFS"),
            _rule("DEBUG_FS", YES, "a mounted pseudo file system"),
            _rule("DEBUG_FS_ALLOW_NONE", NO, "debugfs can be mounted", given=("DEBUG_FS",)),
            _rule("DEBUG_FS_DISALLOW_MOUNT", NO, "debugfs can be mounted", given=("DEBUG_FS",)),
            _rule("UNIX98_PTYS", YES, "devpts"),
            _rule("DEVPTS_MULTIPLE_INSTANCES", YES, "each container has a devpts of its own", before="4.7"),
            *needs(SOURCE, "programs are kept apart", "NAMESPACES USER_NS NET_NS"),
            _rule("ZRAM", YES, "swap in compressed memory"),
            _rule("MODULES", NO, "the kernel is static: nothing loads a module"),
            _rule("FW_LOADER", YES, "drivers find the firmware in the image"),
            _rule(
                "EXTRA_FIRMWARE", "", "firmware is in the image, because drivers start before any file system",
                any_text=True, needs="a list of the machine's firmware: make_linux(firmware=…)",
            ),
        ),
        "stal/IX: static, with firmware built in",
    ),
)  # fmt: skip
