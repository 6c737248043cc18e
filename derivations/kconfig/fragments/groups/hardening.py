"""Hardening: recommendations of the Kernel Self Protection Project that cost users nothing but some speed.

The options are the rules of `derivations.kconfig.hardening.kspp` without a `takes`: modules, 32-bit
programs, hibernation and kexec keep working, and builds stay reproducible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.kconfig.fragments.tried import tried
from derivations.kconfig.hardening.kspp import RULES
from derivations.kconfig.language.fragment import Clause, Fragment, Request
from derivations.kconfig.language.values import NO, YES, Priority, optional, when_arch, when_at_least, when_between
from derivations.kconfig.rules.rule import needed


if TYPE_CHECKING:
    from derivations.kconfig.language.values import Asked


DEPENDENCIES: dict[str, Asked] = {
    # mm/Kconfig: allocators without these checks, which `tinyconfig` chooses; since 6.8 SLUB is the only other one
    "SLUB": YES,
    "SLUB_TINY": NO,
    # arch/x86/Kconfig: the switch for all mitigations, renamed in 6.9 and in later releases of 6.1 and 6.6
    "SPECULATION_MITIGATIONS": when_arch("x86_64", when_between("5.17", "6.9", optional(YES))),
    "CPU_MITIGATIONS": when_arch("x86_64", [when_between("5.17", "6.9", optional(YES)), when_at_least("6.9", YES)]),
    # arch/Kconfig: RANDOMIZE_KSTACK_OFFSET_DEFAULT depends on it
    "RANDOMIZE_KSTACK_OFFSET": when_at_least("5.18", YES),
    # lib/Kconfig.debug: DEBUG_LIST and the like depend on it
    "DEBUG_KERNEL": YES,
}


def _clauses() -> dict[str, tuple[Clause, ...]]:
    """Return the rules that take nothing from users, as requests."""
    found: dict[str, tuple[Clause, ...]] = {}
    for rule in needed(it for it in RULES if not it.takes):
        request = Request(rule.wanted, optional=bool(rule.needs or rule.unless), priority=Priority.DEFAULT)
        found[rule.option] = (*found.get(rule.option, ()), Clause(request, rule.condition))
    return found


FRAGMENT = tried(
    Fragment(
        "hardening",
        {**_clauses(), **DEPENDENCIES, **dict(it for rule in RULES for it in rule.along)},
        description="recommended settings of the Kernel Self Protection Project",
        priority=Priority.DEFAULT,
    )
)
