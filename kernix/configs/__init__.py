"""Configurations that commands work on: named by the user, read, resolved, repaired."""
