"""Query the machine's own apt, with separate state; nothing is installed.

sources    which archives are used: the machine's, or another release on the same mirrors
run        runs apt as if on an empty machine
lock       the packages that apt would install, pinned by hash
mirrors    where pinned packages come from; `fetch` gets what only apt can reach; `release` finds other suites
"""
