"""The verbs: their names, where each lives, and what each does in a line.

The lines stand here and not beside the verbs, so that neither `kernix --help` nor completion
imports them all.
"""

from __future__ import annotations


VERBS = {
    "add": "Add a file or a directory to the store",
    "boot": "Boot a kernel in a virtual machine and print what it says it is",
    "build": "Build kernels and derivations",
    "check": "Tell what of a machine a kernel would not serve, before it is booted",
    "completion": "Print what makes a shell complete kernix' words",
    "config": "Print, check, explain, compare or edit the .config of a kernel",
    "detect": "Find the options that this machine, or one of which there is a listing, needs",
    "doctor": "Find out whether this machine can build, and what to change if not",
    "gc": "Remove what nothing needs any more",
    "help": "Show the help of a verb",
    "instantiate": "Write derivations to the store and print where",
    "list": "List the kernels there are",
    "lock": "Make, show or change the lock that pins the toolchain",
    "log": "Print the log of a build",
    "path-info": "Tell what the store knows about objects",
    "roots": "List, add or remove what keeps store objects alive",
    "shell": "Work by hand in the environment in which something is built",
    "show": "Tell what a kernel or a derivation is",
    "update": "Pin what kernel.org has released",
    "verify": "Check that the store is whole",
    "version": "Print the version of kernix",
    "why-depends": "Tell why one object needs another",
}


def module_of(verb: str) -> str:
    """Return the name of the module that holds *verb* as its `command`."""
    return f"kernix.commands.{verb.replace('-', '_')}"
