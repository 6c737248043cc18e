"""builtin:module-requests: whether a closure had all that a kernel asked for while it ran.

Mounts `/console`: the output of a boot, with `console.log`; `/modules`: all modules of the kernel; `/closure`: those that
it had. The output is a text: each request, and the modules that served it.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

from derivations.linux.module_closure import LIST
from derivations.linux.request_test import CLOSURE, CONSOLE, MODULES
from derivations.modules.trace import ScriptFailed, requests, served
from derivations.realise.module_tree import ModuleTree
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from derivations.realise.job import Job
    from store.trees.content import Content


def module_requests(job: Job) -> Content:
    """Compare the requests of *job* with its closure.

    Raises:
        RequestsUnknown: the guest did not print what was asked for.
        RequestsUnserved: the closure lacks modules.
        ScriptFailed: it lacks none, and the script failed.
        Error: the tree of modules is damaged.
    """
    console = (job.inputs[CONSOLE] / "console.log").read_text(encoding="utf-8", errors="replace")
    index = ModuleTree.open(job.inputs[MODULES], job.derivation.name).index
    names = {it["name"] for it in json.loads((job.inputs[CLOSURE] / LIST).read_bytes())["modules"]}
    words, status = requests(console)
    # First what was missing: it is probably why a script failed.
    found = served(words, index, names)
    if status:
        raise ScriptFailed(status)
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", "".join(f"{it.word}: {' '.join(it.modules)}".rstrip() + "\n" for it in found).encode())
        return writer.finish()
