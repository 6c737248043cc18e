"""Requirement sets, firmware and Guix' kernels on a real tree; only configurations are made."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import pytest

from tests.real import path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

LIBRE = """
from derivations import make_linux_libre_from

micro = kernel_set().linux_micro
options = [("CONFIG_64BIT", True), ("CONFIG_MODULES", True), ("CONFIG_BLOCK", True), ("CONFIG_NET", True)]
libre = make_linux_libre_from(
    micro.version, micro.source, ["x86_64-linux"], extra_version="macbook41", defconfig="tinyconfig",
    extra_options=[*options, ("CONFIG_FUSE_FS", "m")],
)
"""

DEBLOBBED = """
from derivations import linux_libre_source, text_file, local_source

deblob = text_file("deblob", "#!/bin/sh\\nset -e\\ndeblob-check --version\\nrm blob.bin\\necho gnu > EXTRAVERSION\\n")
check = text_file("deblob-check", "#!/bin/sh\\ncase $1 in --list-blobs) ! tar -tf $2 | grep blob;; *) :;; esac\\n")
lazy = text_file("deblob", "#!/bin/sh\\n:\\n")
tree = linux_libre_source("6.12.1", local_source("small"), ("6.12", deblob, check))
left = linux_libre_source("6.12.1", local_source("small"), ("6.12", lazy, check))
"""


@pytest.mark.parametrize("name", ["docker", "kvm-guest", "nftables", "systemd", "systemd-recommended"])
def test_the_fragment_meets_the_set(real: Kernix, name: str) -> None:
    """A kernel that declares a set fails without the fragment, and has its configuration with it."""
    pasted = real.run("check", "linux_micro", "--requires", name, "--fragment").stdout
    text = f"{pasted}\nmine = kernel_set().linux_micro.override(extra_config=extra_config, requires=[{name!r}])\n"
    file = real.define(f"meets_{name}.py", text)

    real.run("build", "-f", file, "mine.configuration", "--no-link")
    verdicts = json.loads(real.run("check", "-f", file, "mine", "--requires", name, "--json").stdout)
    assert {it["outcome"] for it in verdicts} <= {"held", "not applicable"}
    assert any(it["outcome"] == "held" for it in verdicts)


def test_a_set_that_is_not_met(real: Kernix) -> None:
    """The build fails with every rule that does not hold, and nothing is compiled."""
    file = real.define("unmet.py", "mine = kernel_set().linux_micro.override(requires=['systemd'])\n")

    failed = real.run("build", "-f", file, "mine", "--no-link", code=100)
    assert "7 requirements of systemd not met" in failed.stderr
    assert "compiling" not in failed.stderr


def test_no_kernel_org_tree_is_androids(real: Kernix) -> None:
    """What exists only in Android's trees is not held, with that reason."""
    found = real.run("check", "linux_micro", "--requires", "android-gki", "--json", code=1)

    verdicts = {it["option"]: it for it in json.loads(found.stdout)}
    assert verdicts["UID_SYS_STATS"]["outcome"] == "not held"
    assert verdicts["UID_SYS_STATS"]["why"] == "this 6.12 kernel does not have it"


def test_stalix(real: Kernix) -> None:
    """linux_stalix meets the guide: its configuration, which declares the set, is made, with firmware and without modules."""
    if "firmware-linux-free" not in real.lock().sets:
        real.run("lock", "--add", "firmware-linux-free")

    config = path_of(real.run("build", "linux_stalix.configuration", "--no-link").stdout).read_text()
    assert 'CONFIG_EXTRA_FIRMWARE="isci/isci_firmware.bin"\n' in config
    assert "# CONFIG_MODULES is not set\n" in config
    assert "CONFIG_LRU_GEN_ENABLED=y\n" in config


def test_linux_libre(real: Kernix) -> None:
    """Guix' options are over the defconfig, and the release is Guix'."""
    file = real.define("libre.py", LIBRE)

    config = path_of(real.run("build", "-f", file, "libre.configuration", "--no-link").stdout).read_text()
    assert {"CONFIG_FUSE_FS=m", "CONFIG_NET=y", 'CONFIG_LOCALVERSION=""'} <= set(config.splitlines())
    facts = json.loads(real.run("show", "-f", file, "libre", "--json").stdout)
    assert facts["release"].endswith("-macbook41")


def test_deblobbing(real: Kernix) -> None:
    """The scripts run in a writable copy of the tree; blobs that are left fail the build."""
    small = real.home / "small"
    small.mkdir(exist_ok=True)
    (small / "blob.bin").write_bytes(b"\0")
    (small / "Makefile").write_text("VERSION = 6\n")
    file = real.define("deblobbed.py", DEBLOBBED)

    tree = path_of(real.run("build", "-f", file, "tree", "--no-link").stdout)
    assert sorted(it.name for it in tree.iterdir()) == ["EXTRAVERSION", "Makefile"]
    real.run("build", "-f", file, "left", "--no-link", code=100)
