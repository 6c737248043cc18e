"""The verbs of `kernix export`: objects in the forms of other systems, one module a verb."""

from kernix.commands.export.group import command


__all__ = ["command"]
