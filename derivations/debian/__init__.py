"""Debian packages as inputs: the lock that pins them, their sets, and the root file systems made of them.

    sets: package names ──`realise.apt`──▶ lock: every package, by SHA-256 ──rootfs──▶ a derivation: a builder's `/`

`changes` compares two locks; `sources` reads and writes apt's sources.
"""
