"""The machine's own apt, asked from a state of kernix' own: it installs nothing.

sources    which archives count: the machine's, or another release in the same mirrors
run        apt on an empty machine that it takes for this one
lock       the packages that it would install, pinned by hash
mirrors    where pinned packages come from; `fetch` gets what only apt can reach; `release` finds other suites
"""
