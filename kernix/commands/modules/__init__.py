"""`kernix modules`: what is in the modules of a kernel."""

from kernix.commands.modules.group import command


__all__ = ["command"]
