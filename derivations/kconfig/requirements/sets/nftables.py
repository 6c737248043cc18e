"""nftables: the statements and expressions that ordinary rule sets use.

The sources are net/netfilter/Kconfig and net/{ipv4,ipv6,bridge}/netfilter/Kconfig of the kernel, whose help texts say
what each option is for, and the history of these files for the versions.
"""

from __future__ import annotations

import functools

from derivations.kconfig.language.values import YES
from derivations.kconfig.requirements.requirement_set import RequirementSet, needs
from derivations.kconfig.rules.rule import rule


SOURCE = "Linux, net/netfilter/Kconfig"

_rule = functools.partial(rule, source=SOURCE)
_needs = functools.partial(needs, SOURCE, modular=True)

SETS = (
    RequirementSet(
        "nftables",
        (
            *needs(SOURCE, "packets can be filtered at all", "NET INET NETFILTER"),
            *_needs("tables, chains and sets: nft itself", "NF_TABLES"),
            _rule("NF_TABLES_IPV4", YES, "tables of the family ip"),
            _rule("NF_TABLES_IPV6", YES, "tables of the family ip6", given=("IPV6",)),
            _rule("NF_TABLES_INET", YES, "tables of the family inet"),
            _rule("NF_TABLES_NETDEV", YES, "chains at a device's ingress"),
            *_needs("connections are followed", "NF_CONNTRACK"),
            *_needs("ct state", "NFT_CT"),
            *_needs("snat and dnat", "NF_NAT NFT_NAT"),
            *_needs("masquerade", "NFT_MASQ"),
            *_needs("redirect", "NFT_REDIR"),
            *_needs("reject", "NFT_REJECT"),
            *_needs("log", "NFT_LOG"),
            *_needs("limit", "NFT_LIMIT"),
            *_needs("quota", "NFT_QUOTA"),
            *_needs("numgen, for balancing", "NFT_NUMGEN"),
            *_needs("jhash and symhash, for balancing", "NFT_HASH"),
            *_needs("fib, for reverse-path filters", "NFT_FIB_IPV4"),
            *_needs("fib, for reverse-path filters", "NFT_FIB_IPV6", given=("IPV6",)),
            *_needs("fib in the family inet", "NFT_FIB_INET", given=("NFT_FIB_IPV4",)),
            *_needs("counter", "NFT_COUNTER", before="5.17"),
            *_needs("named counters, quotas and limits", "NFT_OBJREF", before="6.2"),
        ),
        "rule sets of nftables",
    ),
)  # fmt: skip
