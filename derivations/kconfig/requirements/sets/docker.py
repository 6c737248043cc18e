"""Docker, as moby's own script checks it: `docker` is what it calls generally necessary, `docker-recommended` the rest.

The source is contrib/check-config.sh of github.com/moby/moby (commit 00148c88eaeb). For control groups version 2, which
it recognises in the running system, its rules for version 1 are left out. As in that script, a module is as good.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import MODULE, YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import rule


SOURCE = "moby, contrib/check-config.sh"

_rule = functools.partial(rule, source=SOURCE, also=(MODULE,))
_needs = functools.partial(needs, SOURCE, modular=True)


# Since 5.2 the two options only select the common target (net/ipv4/netfilter/Kconfig).
_MASQUERADE = (("NETFILTER_XT_TARGET_MASQUERADE", YES), ("NETFILTER_XT_TARGET_MASQUERADE", MODULE))
_REDIRECT = (("NETFILTER_XT_TARGET_REDIRECT", YES), ("NETFILTER_XT_TARGET_REDIRECT", MODULE))
_BTRFS = (("BTRFS_FS", YES), ("BTRFS_FS", MODULE))

SETS = (
    RequirementSet(
        "docker",
        (
            *needs(SOURCE, "each container has its own", "NAMESPACES NET_NS PID_NS IPC_NS UTS_NS"),
            *needs(SOURCE, "the limits of containers", "CGROUPS CGROUP_SCHED"),
            *needs(SOURCE, "which devices a container may use, in version 2", "CGROUP_BPF", since="4.15"),
            *needs(SOURCE, "each container has its keyrings", "KEYS"),
            *needs(SOURCE, "/dev/mqueue of containers", "POSIX_MQUEUE"),
            *needs(SOURCE, "each container has its devpts", "DEVPTS_MULTIPLE_INSTANCES", before="4.7"),
            *_needs("the network of containers", "VETH BRIDGE BRIDGE_NETFILTER"),
            *_needs("the rules of that network", "IP_NF_FILTER IP_NF_MANGLE IP_NF_RAW IP_NF_NAT NF_NAT"),
            *_needs("the rules of that network, IPv6", "IP6_NF_FILTER IP6_NF_MANGLE IP6_NF_RAW IP6_NF_NAT", given=("IPV6",)),
            _rule("IP_NF_TARGET_MASQUERADE", YES, "containers reach the outside", instead=_MASQUERADE),
            _rule("IP6_NF_TARGET_MASQUERADE", YES, "containers reach the outside, IPv6", instead=_MASQUERADE, given=("IPV6",)),
            *_needs(
                "matches and marks in those rules",
                "NETFILTER_XT_MATCH_ADDRTYPE NETFILTER_XT_MATCH_CONNTRACK NETFILTER_XT_MATCH_IPVS NETFILTER_XT_MARK",
            ),
            *_needs("address translation", "NF_NAT_IPV4", before="5.1"),
            _rule("OVERLAY_FS", YES, "the layers of images", instead=_BTRFS),
        ),
        "Docker: what moby's check-config.sh calls generally necessary",
    ),
    RequirementSet(
        "docker-recommended",
        (
            *needs(SOURCE, "root in a container is not root outside", "USER_NS"),
            *needs(SOURCE, "the filter of system calls", "SECCOMP SECCOMP_FILTER"),
            *needs(SOURCE, "limits of swap", "MEMCG_SWAP", before="6.1", given=("SWAP",)),
            *needs(SOURCE, "limits of disks", "BLK_CGROUP BLK_DEV_THROTTLING"),
            *needs(SOURCE, "measuring a container", "CGROUP_PERF"),
            *needs(SOURCE, "limits of processors", "CFS_BANDWIDTH FAIR_GROUP_SCHED"),
            *_needs("the traffic of control groups", "NET_CLS_CGROUP"),
            *needs(SOURCE, "the traffic of control groups", "CGROUP_NET_PRIO"),
            _rule("IP_NF_TARGET_REDIRECT", YES, "published ports", instead=_REDIRECT),
            *_needs("swarm's load balancing", "IP_VS IP_VS_RR"),
            *needs(SOURCE, "swarm's load balancing", "IP_VS_NFCT IP_VS_PROTO_TCP IP_VS_PROTO_UDP"),
            *needs(SOURCE, "the attributes of images' files", "EXT4_FS_POSIX_ACL EXT4_FS_SECURITY", given=("EXT4_FS",)),
            *needs(SOURCE, "the attributes of images' files", "BTRFS_FS_POSIX_ACL", given=("BTRFS_FS",)),
            *_needs("networks across machines", "VXLAN"),
            *needs(SOURCE, "networks across machines", "BRIDGE_VLAN_FILTERING"),
            *_needs("their encryption", "CRYPTO CRYPTO_AEAD CRYPTO_GCM CRYPTO_SEQIV XFRM_USER XFRM_ALGO INET_ESP"),
            *_needs("their encryption", "CRYPTO_GHASH", before="7.0"),
            *_needs("their encryption", "NETFILTER_XT_MATCH_BPF"),
            *_needs("drivers of networks", "IPVLAN MACVLAN DUMMY"),
            *_needs("FTP and TFTP in containers", "NF_NAT_FTP NF_CONNTRACK_FTP NF_NAT_TFTP NF_CONNTRACK_TFTP"),
        ),
        "Docker: what moby's check-config.sh calls optional",
    ),
)  # fmt: skip
