"""Kconfig: requests for options, the options of a tree, and the outcome of each request. All of it is pure.

language ──requests──▶ the kernel's own Kconfig (`realise.kconfig_session`) ──values──▶ diagnosis

language/    requests, and how they merge   diagnosis/    outcomes of requests, and repairs
symbols/     the options of a tree          comparison/   two configurations
fragments/   the bundled requests           rules/        rules about options, and reports on them
hardening/   recommended settings, as rules requirements/ what machines and programs require, as rules
"""
