"""`kernix config`: print, check, explain, compare or edit the configuration of a kernel."""

from kernix.commands.config.group import command


__all__ = ["command"]
