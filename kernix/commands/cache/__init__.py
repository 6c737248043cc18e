"""`kernix cache`: one module for each of its verbs.

The list of caches is in `kernix.cache_list`; the caches themselves are in `store.caches`.
"""

from kernix.commands.cache.group import command


__all__ = ["command"]
