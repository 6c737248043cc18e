"""Tests for kernix detect and kernix check, as far as they go without a real tree (see tests/test_real_hardware.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from typing import TYPE_CHECKING

import pytest

from derivations.hardware.snapshot import Snapshot
from tests.kernix.conftest import PROJECT


if TYPE_CHECKING:
    from tests.kernix.conftest import CommandLine


LSPCI = "01:00.0 Class 0280: 8086:2723 iwlwifi\n02:00.0 Class 0108: 144d:a809 nvme\n"
LSMOD = "Module Size Used by\nkvm 1024 0\n"


def test_a_snapshot_of_listings_needs_no_kernel(kernix: CommandLine) -> None:
    """`--snapshot` combines listings; each fact names the listings that have it."""
    files = [kernix.write("pci.txt", LSPCI), kernix.write("mod.txt", LSMOD)]
    ran = kernix("detect", *files, "--snapshot", kernix.work / "both.json")

    assert (0, "") == (ran.code, ran.out)
    found = Snapshot.from_json((kernix.work / "both.json").read_bytes())
    assert [("mod.txt",), ("pci.txt",), ("pci.txt",)] == sorted(seen for _, seen in found.entries)
    assert found.digest[:16] in ran.err


def test_snapshots_are_put_together_in_any_order(kernix: CommandLine) -> None:
    """The union of snapshots is the same file in any order."""
    files = [kernix.write("pci.txt", LSPCI), kernix.write("mod.txt", LSMOD)]
    for number, order in enumerate((files, files[::-1], [*files, *files])):
        kernix("detect", *order, "--snapshot", kernix.work / f"{number}.json")

    assert 1 == len({(kernix.work / f"{number}.json").read_bytes() for number in range(3)})


def test_a_snapshot_of_this_machine(kernix: CommandLine) -> None:
    """Without files the snapshot is of this machine, with the given name."""
    ran = kernix("detect", "--name", "laptop", "--snapshot", kernix.work / "me.json")

    assert 0 == ran.code
    assert ("laptop",) == Snapshot.from_json((kernix.work / "me.json").read_bytes()).machines


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "x.txt", id="empty"),
        pytest.param(b"\x00\x01", "x.txt", id="binary"),
        pytest.param(b"Dear all,\n", "x.txt", id="prose"),
        pytest.param("00:02.0 Contrôleur VGA\n".encode(), "x.txt lists 1 PCI device", id="french"),
        pytest.param(b'{"kind": "other"}', "x.txt", id="other-json"),
        pytest.param(Snapshot().to_json(), "snapshot", id="empty-snapshot"),
    ],
)
@pytest.mark.parametrize("verb", [("detect",), ("check", "linux_micro", "--machine")], ids=["detect", "check"])
def test_bad_files_are_refused(kernix: CommandLine, verb: tuple[str, ...], data: bytes, sentence: str) -> None:
    """A file without hardware is refused with a sentence and a hint, before anything is fetched."""
    (kernix.work / "x.txt").write_bytes(data)
    ran = kernix(*verb, kernix.work / "x.txt")

    assert (1, "") == (ran.code, ran.out)
    assert sentence in ran.err
    assert "hint: " in ran.err


def test_a_missing_file(kernix: CommandLine) -> None:
    """A missing file is named."""
    ran = kernix("detect", "nowhere.txt")

    assert 1 == ran.code
    assert "nowhere.txt" in ran.err


def test_lines_that_are_not_understood_are_reported(kernix: CommandLine) -> None:
    """A line that is not understood is reported, and the rest is used."""
    file = kernix.write("pci.txt", LSPCI + "and what is this?\n")
    ran = kernix("detect", file, "--snapshot", kernix.work / "x.json")

    assert 0 == ran.code
    assert "warning:" in ran.err
    assert "line 3 is 'and what is this?'" in ran.err


def test_a_snapshot_is_plain_json(kernix: CommandLine) -> None:
    """A snapshot is one line of plain JSON."""
    kernix("detect", kernix.write("mod.txt", LSMOD), "--snapshot", kernix.work / "x.json")

    assert [
        {"driver": "", "kind": "module", "label": "", "name": "kvm", "root": False, "seen": ["mod.txt"]}
    ] == json.loads((kernix.work / "x.json").read_text())["facts"]


@pytest.mark.usefixtures("lock")
def test_hardware_must_be_a_snapshot(kernix: CommandLine) -> None:
    """A kernel's `hardware` that is not a snapshot is an error that names the file."""
    kernix.write("list.txt", LSPCI)
    file = kernix.write(
        "mine.py",
        "from kernels import kernel_set\nk = kernel_set()\ndef overlay(final, prev):\n"
        '    return {"mine": lambda: prev.linux_micro.override(hardware="list.txt")}\n',
    )
    ran = kernix("config", "-f", file, "mine")

    assert 1 == ran.code
    assert "list.txt" in ran.err
    assert "Traceback" not in ran.err


def test_a_pipe_is_a_file(kernix: CommandLine) -> None:
    """`-` is stdin."""
    command = [sys.executable, "-m", "kernix", "detect", "-", "--snapshot", str(kernix.work / "x.json")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run(command, input=LSMOD, env=environment, text=True, check=True, capture_output=True, timeout=60)

    assert ("stdin",) == Snapshot.from_json((kernix.work / "x.json").read_bytes()).machines
