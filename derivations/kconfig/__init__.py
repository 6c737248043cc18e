"""Kconfig: what options are asked for, what a tree offers, and what came of it. All of it is pure.

language ──requests──▶ the kernel's own Kconfig (`realise.kconfig_session`) ──values──▶ diagnosis

language/    what is asked for             diagnosis/    what became of it, and what would help
symbols/     what a tree offers            comparison/   two configurations
fragments/   requests that come bundled    hardening/    recommended settings
"""
