"""`kernix profile`: kernels side by side under stable names, with generations and rollback."""

from kernix.commands.profile.group import command


__all__ = ["command"]
