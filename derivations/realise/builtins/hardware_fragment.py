"""builtin:hardware-fragment: the options that the machines of a snapshot need.

Mounts `/drivers`: the map of the tree's drivers; `/resolver`: its Kconfig's model; `/values`: the value of every
option without the machines. Environment: `snapshot`, its text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from derivations.hardware.drivers import DriverMap
from derivations.hardware.fit import fit
from derivations.hardware.snapshot import Snapshot
from derivations.kconfig.symbols.model import Model
from derivations.kconfig.symbols.values_table import Values
from derivations.linux.hardware_options import DRIVERS, RESOLVER, VALUES
from store.trees.writer import TreeWriter


if TYPE_CHECKING:
    from derivations.realise.job import Job
    from store.trees.content import Content


def hardware_fragment(job: Job) -> Content:
    """Write the fragment of *job*.

    Raises:
        InvalidDriverMap: the mounted file is not a driver map.
    """
    snapshot = Snapshot.from_json(job.derivation.env["snapshot"], job.derivation.name)
    drivers = DriverMap.from_json(job.inputs[DRIVERS].read_bytes())
    model = Model.read(job.inputs[RESOLVER] / "model")
    found = fit(snapshot, drivers, model, Values.read(job.inputs[VALUES]))
    with TreeWriter(job.store.pool, job.out / "out") as writer:
        writer.file("", found.text.encode())
        return writer.finish()
