"""Android's base configuration, which every kernel for Android must have, the generic kernel images (GKI) first.

The source is android-base.config in Android's repository kernel/configs, the files of android14-6.1, android15-6.6 and
android16-6.12. Many of these options exist only in Android's own trees; a kernel.org tree cannot meet them, which the
report says. Conditions are where the three files differ.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import NO, YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import rule


SOURCE = "Android, kernel/configs, android-base.config"

_rule = functools.partial(rule, source=SOURCE)
_needs = functools.partial(needs, SOURCE)

_OFF = (
    *_needs("a file system is not identified by handles", "FHANDLE", wanted=NO),
    *_needs("no access to physical memory", "DEVMEM", wanted=NO),
    *_needs("no network file systems in the kernel", "NFSD NFS_FS", wanted=NO),
    *_needs("suspending is Android's own matter", "PM_AUTOSLEEP", wanted=NO),
    *_needs("init's groups schedule real-time threads", "RT_GROUP_SCHED", wanted=NO),
    *_needs("no obsolete interface", "ANDROID_LOW_MEMORY_KILLER ANDROID_PARANOID_NETWORK BPFILTER USELIB", wanted=NO),
    *_needs("no obsolete interface", "SYSVIPC", wanted=NO, before="6.12"),
    *_needs("no copies of firmware in memory", "FW_CACHE", wanted=NO),
    *_needs("no address translation of IPv6", "IP6_NF_NAT", wanted=NO),
    *_needs("no module is forced out", "MODULE_FORCE_UNLOAD", wanted=NO),
)

_CORE = (
    *_needs("Binder, between all programs", "ANDROID_BINDER_IPC ANDROID_BINDERFS"),
    _rule("ANDROID_BINDER_DEVICES", "binder,hwbinder,vndbinder", "Binder, between all programs", before="6.6"),
    *_needs("shared memory", "ASHMEM SHMEM STAGING"),
    *_needs("system calls of the C library", "ADVISE_SYSCALLS AIO EPOLL EVENTFD FILE_LOCKING FUTEX INOTIFY_USER"),
    *_needs("system calls of the C library", "MEMBARRIER MULTIUSER POSIX_TIMERS SIGNALFD TIMERFD CROSS_MEMORY_ATTACH"),
    *_needs("programs and scripts", "BINFMT_ELF BINFMT_SCRIPT MMU TTY UNIX"),
    *_needs("the ramdisks", "BLK_DEV_INITRD RD_LZ4"),
    *_needs("vendors' modules", "MODULES MODULE_UNLOAD MODVERSIONS"),
    *_needs("the compiler that Android uses", "AS_IS_LLVM CC_IS_CLANG LD_IS_LLD"),
    *_needs("options below it", "EMBEDDED", before="6.6"),
    *_needs("options below it", "EXPERT", since="6.6"),
    *_needs("the configuration is readable", "IKCONFIG IKCONFIG_PROC"),
    *_needs("mounts of /proc and /sys", "PROC_FS SYSFS"),
    *_needs("latency", "HIGH_RES_TIMERS NO_HZ PREEMPT"),
    *_needs("namespaces of init", "NAMESPACES NET_NS UTS_NS"),
    *_needs("control groups", "CGROUPS CGROUP_BPF CGROUP_CPUACCT CGROUP_FREEZER CGROUP_SCHED"),
    *_needs("programs that Android loads", "BPF_JIT BPF_SYSCALL"),
    *_needs("programs that Android loads", "BPF_JIT_ALWAYS_ON", since="6.12"),
    *_needs(
        "statistics of batteries and memory", "CPU_FREQ CPU_FREQ_STAT CPU_FREQ_TIMES PSI TASKSTATS TASK_IO_ACCOUNTING"
    ),
    *_needs("statistics of batteries and memory", "TASK_XACCT TRACE_GPU_MEM UID_SYS_STATS PROFILING SCHED_DEBUG"),
    *_needs("suspend and clocks", "PM_WAKELOCKS RTC_CLASS SUSPEND"),
    *_needs("restarts from the keyboard", "MAGIC_SYSRQ"),
    *_needs("fences of graphics", "SYNC_FILE"),
)

_SECURITY = (
    *_needs("SELinux", "AUDIT SECURITY SECURITY_NETWORK SECURITY_SELINUX DEFAULT_SECURITY_SELINUX"),
    *_needs("the filter of system calls", "SECCOMP SECCOMP_FILTER"),
    *_needs("memory errors are caught", "HARDENED_USERCOPY STACKPROTECTOR STACKPROTECTOR_STRONG STRICT_KERNEL_RWX"),
    *_needs("memory errors are caught", "STRICT_MODULE_RWX"),
    *_needs("memory errors are caught", "DEBUG_LIST", before="6.12"),
    *_needs("memory errors are caught", "BUG_ON_DATA_CORRUPTION", since="6.12"),
    *_needs("the kernel starts no programs of its choice", "STATIC_USERMODEHELPER"),
    *_needs("ciphers", "CRYPTO_AES CRYPTO_CBC CRYPTO_CHACHA20POLY1305 CRYPTO_CMAC CRYPTO_CTR CRYPTO_ECB CRYPTO_GCM"),
    *_needs("ciphers", "CRYPTO_HMAC CRYPTO_MD5 CRYPTO_NULL CRYPTO_SHA1 CRYPTO_SHA256 CRYPTO_SHA512 CRYPTO_XCBC"),
)

_STORAGE = (
    *_needs("disks", "BLOCK BLK_DEV_LOOP MD FUSE_FS QFMT_V2 QUOTA QUOTACTL"),
    *_needs("encrypted files", "BLK_INLINE_ENCRYPTION FS_ENCRYPTION FS_ENCRYPTION_INLINE_CRYPT DM_DEFAULT_KEY"),
    *_needs("verified partitions, files and updates", "DM_VERITY DM_SNAPSHOT FS_VERITY"),
    *_needs("verified partitions, files and updates", "FS_VERITY_BUILTIN_SIGNATURES", before="6.6"),
)

_DEVICES = (
    *_needs("input", "HID_GENERIC HIDRAW INPUT INPUT_EVDEV INPUT_JOYSTICK UHID"),
    *_needs("game controllers", "HID_PLAYSTATION PLAYSTATION_FF HID_SONY SONY_FF JOYSTICK_XPAD"),
    *_needs("sound", "SND SOUND"),
    *_needs("USB", "USB USB_CONFIGFS USB_CONFIGFS_F_FS USB_CONFIGFS_F_MIDI USB_GADGET USB_SUPPORT"),
    *_needs(
        "USB, Android's own functions", "USB_CONFIGFS_F_ACC USB_CONFIGFS_F_AUDIO_SRC USB_CONFIGFS_UEVENT", before="6.12"
    ),
    *_needs("networks over USB", "USB_NET_AQC111 USB_NET_CDC_NCM", before="6.6"),
)

_NETWORK = (
    *_needs(
        "IP", "NET NETDEVICES INET INET_DIAG_DESTROY INET_UDP_DIAG IP_ADVANCED_ROUTER IP_MULTICAST IP_MULTIPLE_TABLES"
    ),
    *_needs("IP", "IPV6 IPV6_MIP6 IPV6_MULTIPLE_TABLES IPV6_OPTIMISTIC_DAD IPV6_ROUTER_PREF IPV6_ROUTE_INFO PACKET"),
    *_needs("devices of tests and VPNs", "DUMMY IFB TUN VETH NET_IPGRE_DEMUX NET_IPVTI IPV6_VTI"),
    *_needs("IPsec", "INET_ESP INET6_ESP INET6_IPCOMP NET_KEY XFRM_INTERFACE XFRM_MIGRATE XFRM_STATISTICS XFRM_USER"),
    *_needs(
        "traffic control", "NET_SCHED NET_SCH_HTB NET_SCH_INGRESS NET_SCH_TBF NET_ACT_POLICE NET_ACT_BPF NET_CLS_ACT"
    ),
    *_needs("traffic control", "NET_CLS_BPF NET_CLS_U32 NET_CLS_MATCHALL NET_EMATCH NET_EMATCH_U32"),
    *_needs("the firewall", "NETFILTER NF_CONNTRACK NF_CONNTRACK_EVENTS NF_CONNTRACK_SECMARK NF_CT_NETLINK NF_NAT"),
    *_needs("the firewall", "NF_CT_PROTO_DCCP NF_CT_PROTO_SCTP NF_CT_PROTO_UDPLITE NF_SOCKET_IPV4 NF_SOCKET_IPV6"),
    *_needs(
        "protocols with several connections", "NF_CONNTRACK_AMANDA NF_CONNTRACK_FTP NF_CONNTRACK_H323 NF_CONNTRACK_IRC"
    ),
    *_needs(
        "protocols with several connections",
        "NF_CONNTRACK_NETBIOS_NS NF_CONNTRACK_PPTP NF_CONNTRACK_SANE NF_CONNTRACK_TFTP",
    ),
    *_needs(
        "tables of IPv4", "IP_NF_ARPFILTER IP_NF_ARPTABLES IP_NF_ARP_MANGLE IP_NF_FILTER IP_NF_IPTABLES IP_NF_MANGLE"
    ),
    *_needs(
        "tables of IPv4", "IP_NF_MATCH_ECN IP_NF_MATCH_TTL IP_NF_NAT IP_NF_RAW IP_NF_SECURITY IP_NF_TARGET_MASQUERADE"
    ),
    *_needs("tables of IPv4", "IP_NF_TARGET_NETMAP IP_NF_TARGET_REDIRECT IP_NF_TARGET_REJECT"),
    *_needs("tables of IPv4", "IP_NF_MATCH_RPFILTER", since="6.12"),
    *_needs("tables of IPv6", "IP6_NF_FILTER IP6_NF_IPTABLES IP6_NF_MANGLE IP6_NF_MATCH_RPFILTER IP6_NF_RAW"),
    *_needs("tables of IPv6", "IP6_NF_TARGET_REJECT"),
    *(
        _rule(f"NETFILTER_XT_MATCH_{it}", YES, "the firewall's matches")
        for it in [
            "BPF",
            "COMMENT",
            "CONNLIMIT",
            "CONNMARK",
            "CONNTRACK",
            "HASHLIMIT",
            "HELPER",
            "IPRANGE",
            "LENGTH",
            "LIMIT",
            "MAC",
            "MARK",
            "OWNER",
            "PKTTYPE",
            "POLICY",
            "QUOTA",
            "QUOTA2",
            "QUOTA2_LOG",
            "SOCKET",
            "STATE",
            "STATISTIC",
            "STRING",
            "TIME",
            "U32",
        ]
    ),
    *(
        _rule(f"NETFILTER_XT_TARGET_{it}", YES, "the firewall's targets")
        for it in [
            "CLASSIFY",
            "CONNMARK",
            "CONNSECMARK",
            "CT",
            "IDLETIMER",
            "MARK",
            "NFLOG",
            "NFQUEUE",
            "SECMARK",
            "TCPMSS",
            "TPROXY",
            "TRACE",
        ]
    ),
)

SETS = (
    RequirementSet(
        "android-gki",
        (*_OFF, *_CORE, *_SECURITY, *_STORAGE, *_DEVICES, *_NETWORK),
        "Android's base configuration, which a GKI kernel has",
    ),
)
