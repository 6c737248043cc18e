"""builtin:trim-fragment: disable the modules that the machines of a kernel do not need.

Mounts `/drivers`: the map of the tree's drivers; `/hardware`: the fragment that the machines need; `/resolver`: the
model of the tree's Kconfig; `/values`: the value of every option before the trim. Environment, in JSON: `keep`, globs;
`needed`, requested options.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

from derivations.hardware.drivers import DriverMap
from derivations.hardware.fit import requests
from derivations.hardware.trim import trim
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.hardware_options import DRIVERS, HARDWARE, RESOLVER, VALUES
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from derivations.realise.job import Job
    from store.trees.content import Content


def trim_fragment(job: Job) -> Content:
    """Write the fragment of *job*.

    Raises:
        InvalidDriverMap: the mounted file is not a driver map.
    """
    values = Values.read(job.inputs[VALUES])
    machines = requests(job.inputs[HARDWARE].read_text(encoding="utf-8"), values)
    env = job.derivation.env
    found = trim(
        [*machines, *json.loads(env["needed"])],
        json.loads(env["keep"]),
        DriverMap.from_json(job.inputs[DRIVERS].read_bytes()),
        Model.read(job.inputs[RESOLVER] / "model"),
        values,
    )
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", found.text.encode())
        return writer.finish()
