"""The verbs: their names, their modules, and a line about each.

The lines are here rather than with the verbs, so that neither `kernix --help` nor completion imports all of them.
"""

from __future__ import annotations


GROUPS = {
    "Kernels": {
        "list": "List the available kernels",
        "show": "Describe a kernel or a derivation",
        "build": "Build kernels and derivations",
        "boot": "Boot a kernel in a virtual machine",
        "initramfs": "List what is in an initramfs",
        "run": "Run a command on a kernel, with this machine's files",
        "shell": "Open a shell in the environment of a build",
        "develop": "Change a kernel's source and compile only that",
        "log": "Print the log of a build",
        "modules": "List modules with everything that they need",
        "why-rebuild": "Name what makes a build differ from an earlier one",
        "lock": "Create, show or change the lock of the toolchain",
        "update": "Pin the newest releases of kernel.org",
    },
    "Configuration": {
        "config": "Print, check, explain, compare or edit a .config",
    },
    "Machine": {
        "detect": "Find the options that a machine needs",
        "check": "Report hardware that a kernel lacks support for",
        "doctor": "Check that this machine can build",
        "install": "Install kernels, with entries for the boot loader",
        "profile": "Keep kernels side by side, with generations",
    },
    "Sharing": {
        "cache": "Share results through caches",
        "challenge": "Compare results of caches and this machine",
        "export": "Copy objects to Nix",
        "key": "Make keys that sign, choose whose are trusted",
        "provenance": "Report what something was built from",
        "pull": "Fetch objects from caches",
        "push": "Write objects to a cache",
        "serve": "Serve a cache over HTTP",
    },
    "Store": {
        "add": "Add a file or directory to the store",
        "gc": "Delete what is no longer needed",
        "instantiate": "Write derivations to the store",
        "kept": "List or remove kept object trees",
        "path-info": "Show sizes and references of store objects",
        "roots": "List, add or remove what keeps objects from `gc`",
        "verify": "Check the store, and repair it",
        "why-depends": "Explain why one object needs another",
    },
}
"""The verbs by topic, in the order of `kernix --help`."""

OF_THE_COMMAND = {
    "completion": "Print the shell's completion script",
    "help": "Show the help of a verb",
    "version": "Print the version of kernix",
}
"""The verbs about the command itself."""

VERBS = {verb: line for group in (*GROUPS.values(), OF_THE_COMMAND) for verb, line in group.items()}


def module_of(verb: str) -> str:
    """Return the name of the module that has *verb* as its `command`."""
    return f"kernix.commands.{verb.replace('-', '_')}"
