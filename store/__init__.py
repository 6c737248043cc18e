"""Bytes at rest: immutable objects named by their content, their database, roots and collector.

This package knows no derivation and no kernel. Importing it loads nothing: take what
you need from its modules, first of all `store.local.Store`.
"""

__part_of__ = "kernix"
