"""The verbs: their names, where each lives, and what each does in a line.

The lines stand here and not beside the verbs, so that neither `kernix --help` nor completion
imports them all.
"""

from __future__ import annotations


VERBS = {
    "add": "Add a file or a directory to the store",
    "boot": "Boot a kernel in a virtual machine and print what it says it is",
    "build": "Build kernels and derivations",
    "completion": "Print what makes a shell complete kernix' words",
    "config": "Print the final .config of a kernel",
    "doctor": "Find out whether this machine can build, and what to change if not",
    "gc": "Remove what nothing needs any more",
    "instantiate": "Write derivations to the store and print where",
    "list": "List the kernels there are",
    "lock": "Make, show or change the lock that pins the toolchain",
    "log": "Print the log of a build",
    "path-info": "Tell what the store knows about objects",
    "roots": "List, add or remove what keeps store objects alive",
    "show": "Tell what a kernel or a derivation is",
    "verify": "Check that the store is whole",
    "why-depends": "Tell why one object needs another",
}


def module_of(verb: str) -> str:
    """Return the name of the module that holds *verb* as its `command`."""
    return f"kernix.commands.{verb.replace('-', '_')}"
