"""Configurations that a command works on: named by the user, read, resolved, repaired."""
