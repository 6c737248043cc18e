"""`kernix config`: the configuration of a kernel, printed, checked, explained, compared, edited."""

from kernix.commands.config.group import command


__all__ = ["command"]
