"""`kernix key`: the user's keys, and those that they trust."""

from kernix.commands.key.group import command


__all__ = ["command"]
