"""The recommendations of the Kernel Self Protection Project, held against a configuration.

kspp      the rules, as data
report    which of them a configuration holds, and what to request for the others
fulfil    the requests that make all of them hold, as far as the kernel's own Kconfig allows
"""
