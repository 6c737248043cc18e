"""builtin:boot-test: whether the guest of a boot test did what is expected of it.

Mounts `/console`: the output of a boot, with `console.log`; `/kernel`: the kernel, with its `config`. Environment: `expect`, as
`derivations.linux.expectation.written` returns it, `release`, and `append`, the words of the test's command line. The
output has `console.log`, `output` and `facts.json`.
"""

from __future__ import annotations

import hashlib
import json

from typing import TYPE_CHECKING

from derivations.derivation import canonical_json
from derivations.linux.boot_test import CONSOLE, FACTS, KERNEL, OUTPUT
from derivations.linux.expectation import BootTestFailed, Reported, problems, shown
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from derivations.realise.job import Job
    from store.trees.content import Content


def boot_test(job: Job) -> Content:
    """Compare what the guest of *job* reported.

    Raises:
        GuestUnfinished: it did not get to its end.
        BootTestFailed: something did not hold.
    """
    name = job.derivation.name
    console = (job.inputs[CONSOLE] / "console.log").read_bytes()
    reported = Reported.parse(console.decode(errors="replace"), name)
    setup = reported.facts.get("setup")
    found = (setup,) if setup is not None else _problems(job, reported)
    if found:
        error = BootTestFailed(name, found)
        if lines := shown(reported):
            error.add_note("the script printed:")
            for line in lines:
                error.add_note(f"> {line}")
        raise error
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("console.log", console)
        writer.file(FACTS, canonical_json(dict(reported.facts)) + b"\n")
        writer.file(OUTPUT, "".join(f"{it}\n" for it in reported.output).encode())
        return writer.finish()


def _problems(job: Job, reported: Reported) -> tuple[str, ...]:
    return (*_own(job, reported.facts), *problems(json.loads(job.derivation.env["expect"]), reported))


def _own(job: Job, facts: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong whatever a test expects."""
    env = job.derivation.env
    if facts["status"] != "0":
        yield f"the script ended with status {facts['status']}"
    if (release := facts.get("release")) != env["release"]:
        yield f"the guest runs {release!r}, not {env['release']!r}"
    if env["append"] not in facts.get("cmdline", ""):
        yield f"the kernel's command line is {facts.get('cmdline', '')!r}, without {env['append']!r}"
    config = job.inputs[KERNEL] / "config"
    if (digest := facts.get("config")) is not None and digest != hashlib.sha256(config.read_bytes()).hexdigest():
        yield "the configuration in /proc/config.gz is not the kernel's"
