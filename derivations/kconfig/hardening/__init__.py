"""The recommendations of the Kernel Self Protection Project, as rules (`derivations.kconfig.rules`).

kspp      the rules, as data
"""
