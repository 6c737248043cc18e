"""The recommendations of the Kernel Self Protection Project, compared with a configuration.

kspp      the rules, as data
report    which of them a configuration satisfies, and what to request for the others
fulfil    the requests that satisfy all of them, as far as the kernel's own Kconfig allows
"""
