"""Debian packages as inputs: the lock that pins them, their sets, and the root file systems made of them."""
