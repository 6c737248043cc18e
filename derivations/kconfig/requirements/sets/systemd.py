"""systemd, and what it recommends.

The source is the section REQUIREMENTS of systemd's README, of version 252. `systemd` has what it calls required, or
effectively required; `systemd-recommended` what it recommends, and what single settings of units need.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import MODULE, NO, YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import rule


SOURCE = "systemd 252, README, REQUIREMENTS"

_rule = functools.partial(rule, source=SOURCE)

SETS = (
    RequirementSet(
        "systemd",
        (
            _rule("DEVTMPFS", YES, "/dev has the kernel's devices before udev runs"),
            _rule("CGROUPS", YES, "each unit has a control group; no controller is needed"),
            _rule("INOTIFY_USER", YES, "path units, and udev, watch files"),
            *needs(SOURCE, "its event loop waits for them", "SIGNALFD TIMERFD EPOLL"),
            _rule("UNIX", YES, "its programs communicate through local sockets", also=(MODULE,)),
            *needs(SOURCE, "it mounts them first", "SYSFS PROC_FS"),
            _rule("FHANDLE", YES, "libudev and mount units identify mounts with it"),
            _rule("SYSFS_DEPRECATED", NO, "udev does not know sysfs' old layout"),
            _rule("UEVENT_HELPER_PATH", "", "udev gets the events, not a program for each of them", given=("UEVENT_HELPER",)),
            _rule("FW_LOADER_USER_HELPER", NO, "nothing in user space loads firmware any more"),
            _rule("NET_NS", YES, "PrivateNetwork=, which its own units use"),
            _rule("DEVPTS_MULTIPLE_INSTANCES", YES, "PrivateDevices= and systemd-nspawn", before="4.7"),
        ),
        "systemd as the first process",
    ),
    RequirementSet(
        "systemd-recommended",
        (
            _rule("DMIID", YES, "udev's rules, and the detection of virtual machines", given=("DMI",)),
            _rule("BLK_DEV_BSG", YES, "links by the serial number of SCSI disks and tapes", given=("SCSI",)),
            _rule("USER_NS", YES, "PrivateUsers="),
            _rule("IPV6", YES, "strongly recommended", also=(MODULE,)),
            _rule("AUTOFS4_FS", YES, "automount units", also=(MODULE,), before="4.18"),
            _rule("AUTOFS_FS", YES, "automount units", also=(MODULE,), since="4.18"),
            _rule("TMPFS_XATTR", YES, "files in tmpfs keep their attributes"),
            _rule("TMPFS_POSIX_ACL", YES, "logind gives users access to devices"),
            _rule("EXT4_FS_POSIX_ACL", YES, "users share the journal's files", given=("EXT4_FS",)),
            _rule("XFS_POSIX_ACL", YES, "users share the journal's files", given=("XFS_FS",)),
            _rule("BTRFS_FS_POSIX_ACL", YES, "users share the journal's files", given=("BTRFS_FS",)),
            *needs(SOURCE, "SystemCallFilter=", "SECCOMP SECCOMP_FILTER"),
            _rule("CHECKPOINT_RESTORE", YES, "kcmp()", before="5.12"),
            _rule("KCMP", YES, "kcmp()", since="5.12"),
            *needs(SOURCE, "CPUWeight=", "CGROUP_SCHED FAIR_GROUP_SCHED"),
            _rule("CFS_BANDWIDTH", YES, "CPUQuota="),
            *needs(SOURCE, "IPAddressDeny= and RestrictNetworkInterfaces=", "BPF BPF_SYSCALL BPF_JIT CGROUP_BPF"),
            _rule("EFIVAR_FS", YES, "bootctl, and the variables of boot loaders", also=(MODULE,), given=("EFI",)),
            _rule("EFI_PARTITION", YES, "GPT", given=("EFI",)),
            _rule("RT_GROUP_SCHED", NO, "real-time programs work without a budget for each group"),
            *needs(SOURCE, "systemd-oomd", "PSI MEMCG"),
        ),
        "what systemd recommends, and single settings of units need",
    ),
)  # fmt: skip
