"""Tests for derivations.realise.builtins.kbuild_map, driver_map, hardware_fragment and trim_fragment."""

from __future__ import annotations

import json
import os

from typing import TYPE_CHECKING

import pytest

from derivations.derivation import Derivation
from derivations.hardware.drivers import KBUILD, DriverMap, driver_map
from derivations.hardware.makefiles.kbuild_map import TREE, Kbuild, kbuild_map
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.linux.hardware_options import DRIVERS, HARDWARE, RESOLVER, VALUES
from derivations.realise.builtins import driver_map as module
from derivations.realise.job import Cancelled
from derivations.realise.view import View
from derivations.source import text_file


if TYPE_CHECKING:
    from pathlib import Path

    from tests.derivations.realise.builtins.conftest import Runner


SOURCE = text_file("tree", "").out

FILES = {
    "drivers/Makefile": "obj-y += gpu/ net/\n",
    "drivers/gpu/Makefile": "obj-$(CONFIG_XGPU) += xgpu.o\nxgpu-y := main.o fw.o missing.o\n",
    "drivers/gpu/main.c": (
        '#include "ids.h"\nstatic const struct pci_device_id t[] = { { .vendor = V, .device = 2, ~0, ~0 }, { } };\n'
        'MODULE_DEVICE_TABLE(pci, t);\nstatic struct pci_driver d = { .name = "xgpu", };\n'
    ),
    "drivers/gpu/ids.h": "#define V 0x1002\n",
    "drivers/gpu/fw.c": 'MODULE_FIRMWARE("x/a.bin");\n',
    "drivers/net/Makefile": "obj-$(CONFIG_NIC) += nic.o\n",
    "drivers/net/nic.c": 'MODULE_ALIAS("platform:nic");\n',
    "drivers/net/unbuilt.c": 'MODULE_ALIAS("platform:unbuilt");\n',
}


@pytest.fixture
def kbuild(run: Runner) -> Path:
    """Return the map of the makefiles of a small tree."""
    return run(kbuild_map(SOURCE), {TREE: run.tree("tree", FILES)})


def mapped(run: Runner, kbuild: Path) -> DriverMap:
    tree = run.tree("tree", FILES)
    return DriverMap.from_json(run(driver_map(SOURCE, kbuild_map(SOURCE)), {TREE: tree, KBUILD: kbuild}).read_bytes())


def test_makefiles_become_a_map(kbuild: Path) -> None:
    """The map is a file that `Kbuild.from_json` reads."""
    assert ("drivers/gpu/xgpu.o",) == Kbuild.from_json(kbuild.read_bytes()).objects_of("XGPU")


def test_sources_become_a_map(run: Runner, kbuild: Path) -> None:
    """The map has the facts of all sources of each module; sources outside the makefiles are not read."""
    found = mapped(run, kbuild).modules

    assert ["drivers/gpu/xgpu.o", "drivers/net/nic.o"] == list(found)
    gpu = found["drivers/gpu/xgpu.o"]
    assert ("pci:v00001002d00000002sv*sd*bc*sc*i*",) == gpu.aliases
    assert (("pci xgpu",), ("x/a.bin",), ((("XGPU",),),)) == (gpu.drivers, gpu.firmware, gpu.gates)


def test_progress_of_sources(run: Runner, kbuild: Path) -> None:
    """The total number of sources is known from the start."""
    run.progress.clear()
    mapped(run, kbuild)
    sources = len(list(Kbuild.from_json(kbuild.read_bytes()).sources()))
    done, expected = run.progress[0]
    assert (0, True) == (done, expected is not None and 0 < expected <= 2 * sources)


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_processes_does_not_matter(
    run: Runner, kbuild: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map is the same for any number of processes."""
    alone = mapped(run, kbuild).to_json()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)))

    assert alone == mapped(run, kbuild).to_json()


def test_the_share_of_a_failed_helper_is_read_here(run: Runner, kbuild: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed helper did not read is read by this process."""
    alone = mapped(run, kbuild).to_json()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(module, "_HELPER", "raise SystemExit(3)")

    assert alone == mapped(run, kbuild).to_json()


def test_it_can_be_interrupted(run: Runner, kbuild: Path) -> None:
    """A cancelled job ends."""
    run.cancelled = True

    with pytest.raises(Cancelled):
        mapped(run, kbuild)


def test_a_helper_serves_what_it_is_asked(run: Runner) -> None:
    """A helper reads its list from stdin and answers on stdout."""
    helper = module._Helper.start(View((run.tree("tree", FILES),)), "x86", [("drivers/net/nic.o", ())])

    assert {"drivers/net/nic.o"} == set(helper.result() or ())
    helper.end()


def test_the_fragment_of_a_snapshot(run: Runner, kbuild: Path) -> None:
    """The fragment has the options, each below what needs it, without the machines' names."""
    snapshot = Snapshot.of([Fact(FactKind.DEVICE, "pci:v00001002d00000002sv1sd1bc03sc00i00", "", "card")], "secret")
    derivation = Derivation(
        name="hardware-fragment",
        system="builtin",
        builder="builtin:hardware-fragment",
        env={"snapshot": snapshot.without_names().to_json().decode()},
        mounts={DRIVERS: SOURCE, RESOLVER: SOURCE, VALUES: SOURCE},
    )
    text = run(derivation, inputs(run, kbuild, XGPU="n")).read_text()

    assert "# card (id) -> module xgpu\nCONFIG_XGPU=y\n" == text


@pytest.mark.parametrize(
    ("keep", "needed", "dropped"),
    [([], [], ["NIC", "SOUND"]), (["nic"], [], ["SOUND"]), (["SOU*"], ["NIC"], []), ([], ["SOUND"], ["NIC"])],
)
def test_the_fragment_of_a_trim(
    run: Runner, kbuild: Path, keep: list[str], needed: list[str], dropped: list[str]
) -> None:
    """Modules are disabled that the machine does not need, that nobody requests and that no pattern keeps."""
    machine = run.tree("machine", {"fragment": "# card\nCONFIG_XGPU=m\n"}) / "fragment"
    derivation = Derivation(
        name="trim-fragment",
        system="builtin",
        builder="builtin:trim-fragment",
        env={"keep": json.dumps(keep), "needed": json.dumps(needed)},
        mounts={DRIVERS: SOURCE, HARDWARE: SOURCE, RESOLVER: SOURCE, VALUES: SOURCE},
    )
    text = run(derivation, {**inputs(run, kbuild, XGPU="m", NIC="m", SOUND="m"), HARDWARE: machine}).read_text()

    assert [f"# CONFIG_{it} is not set" for it in dropped] == text.splitlines()[1:]


def inputs(run: Runner, kbuild: Path, **values: str) -> dict[str, Path]:
    """Return the map of the small tree's drivers, a model of tristates, and their *values*."""
    drivers = run.directory / "drivers"
    drivers.write_bytes(mapped(run, kbuild).to_json())
    lines = []
    for name in values:
        symbol = {"name": name, "type": "tristate", "prompts": [{"text": "x", "menus": []}]}
        symbol |= {it: [] for it in ("defaults", "selects", "implies", "ranges", "definitions")}
        lines.append(json.dumps(symbol) + "\n")
    places = [sum(map(len, lines[:number])) for number in range(len(lines))]
    model = run.tree(
        "resolver",
        {
            "model/symbols": "".join(lines),
            "model/index": "".join(f"{name} {place}\n" for name, place in zip(values, places, strict=True)),
            "model/choices": "",
            "model/common": "",
            "model/elsewhere": "",
            "model/about": json.dumps({"arch": "x86_64", "srcarch": "x86", "version": "6.12"}),
        },
    )
    table = run.tree("values", {"table": "".join(f"{name} 2 1 {it}\n" for name, it in values.items())}) / "table"
    return {DRIVERS: drivers, RESOLVER: model, VALUES: table}
