"""Rules about the values of options, compared with a configuration.

rule      one rule: an option, a value, what counts as well, where it applies
report    which rules a configuration satisfies, and what to request for the others
fulfil    the requests that satisfy all of them, as far as the kernel's own Kconfig allows

The rules themselves are data: `derivations.kconfig.hardening` and `derivations.kconfig.requirements`.
"""
