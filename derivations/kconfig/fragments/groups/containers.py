"""Containers: namespaces, control groups, and the networks of Docker, Podman, LXC and Kubernetes.

The sources are moby's contrib/check-config.sh, LXC's lxc-checkconfig and systemd's README, and
what these check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.language.fragment import Fragment
from derivations.kconfig.language.values import MODULE, NO, YES, Priority, when_at_least, when_older


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


NAMESPACES: dict[str, Asked] = {
    # init/Kconfig
    "MODULES": YES,
    "NAMESPACES": YES,
    "UTS_NS": YES,
    "IPC_NS": YES,
    "TIME_NS": when_at_least("5.6", YES),
    "USER_NS": YES,
    "PID_NS": YES,
    "NET_NS": YES,
    "SYSVIPC": YES,
    "POSIX_MQUEUE": YES,  # /dev/mqueue is mounted into each
    "KEYS": YES,
    "CHECKPOINT_RESTORE": YES,  # CRIU
    "SECCOMP": YES,
    "SECCOMP_FILTER": YES,
    "MULTIUSER": YES,
    "FHANDLE": YES,
    "DEVPTS_MULTIPLE_INSTANCES": when_older("4.7", YES),  # always on since then (commit eedf265aa003)
    "PROC_FS": YES,
    "SYSFS": YES,
    "SMP": YES,
    "TTY": YES,
    "UNIX98_PTYS": YES,
}

CONTROL_GROUPS: dict[str, Asked] = {
    # init/Kconfig, Documentation/admin-guide/cgroup-v2.rst
    "CGROUPS": YES,
    "MEMCG": YES,
    "MEMCG_SWAP": when_older("6.1", YES),
    "BLOCK": YES,
    "BLK_CGROUP": YES,
    "BLK_DEV_THROTTLING": YES,
    "BLK_CGROUP_IOLATENCY": when_at_least("4.19", YES),
    "BLK_CGROUP_IOCOST": when_at_least("5.4", YES),
    "CGROUP_SCHED": YES,
    "FAIR_GROUP_SCHED": YES,
    "CFS_BANDWIDTH": YES,  # CPUQuota=
    "RT_GROUP_SCHED": NO,  # systemd's README: real-time groups get no time by default
    "CGROUP_PIDS": YES,
    "CGROUP_RDMA": YES,
    "CGROUP_FREEZER": YES,
    "HUGETLBFS": YES,
    "CGROUP_HUGETLB": YES,
    "CPUSETS": YES,
    "CGROUP_DEVICE": YES,
    "CGROUP_CPUACCT": YES,
    "PERF_EVENTS": YES,
    "CGROUP_PERF": YES,
    "CGROUP_MISC": when_at_least("5.13", YES),
    "BPF_SYSCALL": YES,
    "CGROUP_BPF": YES,  # devices in cgroup v2
    "PSI": when_at_least("4.20", YES),  # systemd-oomd
    "NET_CLS_CGROUP": MODULE,
    "CGROUP_NET_PRIO": YES,
}

NETWORK: dict[str, Asked] = {
    # see net/Kconfig, net/{bridge,netfilter,ipv4,ipv6}/Kconfig, drivers/net/Kconfig
    "NET": YES,
    "INET": YES,
    "IPV6": YES,
    "PACKET": YES,
    "UNIX": YES,
    "NETDEVICES": YES,
    "NET_CORE": YES,
    "VETH": MODULE,
    "DUMMY": MODULE,
    "MACVLAN": MODULE,
    "MACVTAP": MODULE,
    "IPVLAN": MODULE,
    "VXLAN": MODULE,
    "GENEVE": MODULE,
    "TUN": MODULE,
    "VLAN_8021Q": MODULE,
    "BRIDGE": MODULE,
    "BRIDGE_VLAN_FILTERING": YES,
    "NETFILTER": YES,
    "NETFILTER_ADVANCED": YES,
    "BRIDGE_NETFILTER": MODULE,
    "NF_CONNTRACK": MODULE,
    "NF_CONNTRACK_FTP": MODULE,
    "NF_CONNTRACK_TFTP": MODULE,
    "NF_CT_NETLINK": MODULE,
    "NF_NAT": MODULE,
    "NF_TABLES": MODULE,
    "NF_TABLES_INET": YES,
    "NFT_CT": MODULE,
    "NFT_NAT": MODULE,
    "NFT_MASQ": MODULE,
    "NFT_REDIR": MODULE,
    "NFT_REJECT": MODULE,
    "NFT_LOG": MODULE,
    "NFT_LIMIT": MODULE,
    "NFT_COMPAT": MODULE,  # iptables-nft
    "NFT_FIB_INET": MODULE,
    "NFT_FIB_IPV4": MODULE,
    "NFT_FIB_IPV6": MODULE,
    "NETFILTER_XTABLES": MODULE,
    "NETFILTER_XT_MARK": MODULE,
    "NETFILTER_XT_NAT": MODULE,
    "NETFILTER_XT_TARGET_MASQUERADE": when_at_least("5.2", MODULE),
    "NETFILTER_XT_TARGET_REDIRECT": MODULE,
    "NETFILTER_XT_TARGET_CHECKSUM": MODULE,
    "NETFILTER_XT_MATCH_ADDRTYPE": MODULE,
    "NETFILTER_XT_MATCH_BPF": MODULE,
    "NETFILTER_XT_MATCH_CGROUP": MODULE,
    "NETFILTER_XT_MATCH_COMMENT": MODULE,
    "NETFILTER_XT_MATCH_CONNTRACK": MODULE,
    "NETFILTER_XT_MATCH_IPVS": MODULE,
    "NETFILTER_XT_MATCH_MULTIPORT": MODULE,
    "NETFILTER_XT_MATCH_PHYSDEV": MODULE,
    "NETFILTER_XT_MATCH_STATISTIC": MODULE,  # kube-proxy
    "IP_VS": MODULE,
    "IP_VS_NFCT": YES,
    "IP_VS_PROTO_TCP": YES,
    "IP_VS_PROTO_UDP": YES,
    "IP_VS_RR": MODULE,
    "IP_SET": MODULE,
    "IP_SET_HASH_IP": MODULE,
    "IP_SET_HASH_NET": MODULE,
    "NETFILTER_XT_SET": MODULE,
    "NETFILTER_XTABLES_LEGACY": when_at_least("6.17", YES),  # iptables' tables depend on it since then
    "IP_NF_IPTABLES": MODULE,
    "IP_NF_FILTER": MODULE,
    "IP_NF_MANGLE": MODULE,
    "IP_NF_NAT": MODULE,
    "IP_NF_RAW": MODULE,
    "IP_NF_TARGET_MASQUERADE": MODULE,
    "IP_NF_TARGET_REDIRECT": MODULE,
    "IP6_NF_IPTABLES": MODULE,
    "IP6_NF_FILTER": MODULE,
    "IP6_NF_MANGLE": MODULE,
    "IP6_NF_NAT": MODULE,
    "IP6_NF_RAW": MODULE,
    "IP6_NF_TARGET_MASQUERADE": MODULE,
    "NET_SCHED": YES,
    "NET_CLS_ACT": YES,
    "NET_SCH_INGRESS": MODULE,
    "NET_CLS_BPF": MODULE,  # Cilium
    "NET_ACT_BPF": MODULE,
    "XFRM_USER": MODULE,  # encrypted overlays
    "INET_ESP": MODULE,
    "CRYPTO": YES,
    "CRYPTO_GCM": YES,
    "CRYPTO_SEQIV": YES,
    "CRYPTO_GHASH": when_older("7.0", YES),  # CRYPTO_GCM includes it since then
}

STORAGE: dict[str, Asked] = {
    # see fs/{overlayfs,fuse}/Kconfig and drivers/{block,md}/Kconfig
    "OVERLAY_FS": MODULE,
    "FUSE_FS": YES,  # fuse-overlayfs
    "SHMEM": YES,
    "TMPFS": YES,
    "TMPFS_XATTR": YES,
    "BLK_DEV": YES,
    "BLK_DEV_LOOP": YES,
    "MD": YES,
    "BLK_DEV_DM": YES,
    "DM_THIN_PROVISIONING": MODULE,
}

OPTIONS: dict[str, Asked] = {**NAMESPACES, **CONTROL_GROUPS, **NETWORK, **STORAGE}

FRAGMENT = tried(
    Fragment(
        "containers",
        OPTIONS,
        description="namespaces, control groups, networks of containers",
        priority=Priority.DEFAULT,
    )
)
