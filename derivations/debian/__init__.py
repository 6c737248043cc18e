"""Debian packages as inputs: the lock that pins them, the sets they come in, the root file systems they make."""
