"""Tests for kernix.machine.report."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from derivations.hardware.drivers import DriverMap, Module
from derivations.hardware.snapshot import Fact, FactKind, Snapshot
from derivations.kconfig.language.grammar import parse
from derivations.kconfig.symbols.model import Model, Prompt, Symbol
from derivations.kconfig.symbols.values_table import Values
from kernix.machine.driver_tree import DriverTree, default_kernel
from kernix.machine.report import Report


@attrs.frozen
class Resolved:
    """The parts of a resolved kernel that a report needs."""

    model: Model
    values: Values
    file: Path = Path("config")


NVME = Module(path="drivers/nvme.o", gates=((("NVME",),),), drivers=("pci nvme",))
GPU = Module(
    path="drivers/gpu.o",
    gates=((("GPU",),),),
    drivers=("pci gpu",),
    firmware=tuple(f"amdgpu/{it}.bin" for it in range(20)),
)
MODEL = Model(
    {it: Symbol(name=it, type="tristate", prompts=(Prompt(it),)) for it in ("GPU", "NVME")},
    arch="x86_64",
    srcarch="x86",
    version="6.12.1",
)
FACTS = [
    Fact(FactKind.DEVICE, "pci:v1d1sv1sd1bc01sc08i02", "pci nvme", "disk"),
    Fact(FactKind.DEVICE, "pci:v2d1sv1sd1bc03sc00i00", "pci gpu", "card"),
    Fact(FactKind.MODULE, "vboxguest"),
    Fact(FactKind.FIRMWARE, "x/unheard-of.bin"),
]


@pytest.fixture
def report() -> Report:
    drivers = DriverMap(modules={it.path: it for it in (NVME, GPU)})
    values = Values({"NVME": "2 1 n", "GPU": "2 1 n", "MODULES": "2 1 y"})
    tree = DriverTree(drivers, Resolved(MODEL, values))  # type: ignore[arg-type]  # has the attributes in use
    return Report.make("linux_x", Snapshot.of(FACTS, "laptop"), tree)


def test_the_text_is_a_fragment(report: Report) -> None:
    """The printed text is a fragment that kernix reads strictly; everything else in it is comments."""
    found = parse(report.text)

    assert ["GPU", "NVME"] == sorted(it.option for it in found.assignments)
    assert () == tuple(found.problems)


def test_the_text_has_everything_else(report: Report) -> None:
    """Below the options are firmware with its package, the initramfs' modules, and what was not mapped."""
    text = report.text

    assert "amdgpu/0.bin and 19 more, for many chips (firmware-amd-graphics)" in text
    assert "requested by the machine: x/unheard-of.bin (package unknown)" in text
    assert "An initramfs needs:\n#   nvme: disk\n" in text
    assert "module vboxguest: " in text


def test_json_names_the_machines_of_each_device(report: Report) -> None:
    """The JSON has each device with the machines that have it."""
    found = report.to_json()

    assert [{"module": "gpu", "seen": ["laptop"]}, {"module": "nvme", "seen": ["laptop"]}] == sorted(
        ({"module": it["module"], "seen": it["seen"]} for it in found["devices"]), key=lambda it: it["module"]
    )
    assert ["vboxguest"] == [it["name"] for it in found["unmapped"]]
    assert {"option": "NVME", "value": "m"}.items() <= found["options"][1].items()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["linux_debian_6_1", "linux_debian_6_12", "linux_debian_6_19"], "linux_debian_6_12"),
        (["linux_debian_6_2", "linux_debian_6_16"], "linux_debian_6_16"),
        (["linux_micro"], "linux_debian_6_12"),
    ],
)
def test_the_kernel_that_is_meant(names: list[str], expected: str) -> None:
    """Without `--for`, it is Debian's 6.12, else the newest of Debian's."""
    assert expected == default_kernel(dict.fromkeys(names))
