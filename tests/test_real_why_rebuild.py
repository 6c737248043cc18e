"""`kernix why-rebuild` on a real kernel: option by option, file by file, package by package, flag by flag."""

from __future__ import annotations

import json

from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

DEFINITIONS = """
import attrs

from derivations.debian.rootfs import root_file_system

micro = kernels.linux_micro
CHANGE = '''--- a/init/version.c
+++ b/init/version.c
@@ -1,3 +1,4 @@
 // SPDX-License-Identifier: GPL-2.0-only
+/* Built by us. */
 /*
  *  linux/init/version.c
--- /dev/null
+++ b/drivers/mine.h
@@ -0,0 +1 @@
+int mine;
'''
all_at_once = micro.override(
    extra_config={"PRINTK_TIME": YES, "LOG_BUF_SHIFT": 18, "SWAP": NO}, patches=[Patch("mine", text=CHANGE)]
)
flags = micro.override(make_flags=["KCFLAGS=-O3"], extra_config={"PRINTK_TIME": YES})
environment = micro.override_attrs(lambda old: {"env": {**old.env, "SLOW": "1"}})
packages = micro.toolchain.root.derivation
without_zstd = {place: it for place, it in packages.mounts.items() if not it.derivation.name.startswith("zstd-")}
smaller = attrs.evolve(packages, mounts=without_zstd)
other_toolchain = micro.override(toolchain=attrs.evolve(micro.toolchain, root=smaller.out))
redundant = micro.override(extra_config={"SWAP": NO, "KPROBES": NO})
"""


@pytest.fixture(scope="module")
def mine(real: Kernix) -> str:
    real.run("build", "linux_micro", "--no-link")
    return real.define("why_rebuild.py", DEFINITIONS)


def _changes(real: Kernix, mine: str, attribute: str) -> tuple[dict[str, Any], dict[str, dict[str, tuple[Any, ...]]]]:
    found = json.loads(real.run("why-rebuild", "-f", mine, attribute, "micro", "--json").stdout)
    parts = {
        part["kind"]: {it["what"]: (it["old"], it["new"], *it["because"]) for it in part["changes"]}
        for part in found["parts"]
    }
    return found, parts


def test_options_and_files(real: Kernix, mine: str) -> None:
    """Each option and each file that differs is named, with its request or its patch; what resolves to the same is not."""
    found, parts = _changes(real, mine, "all_at_once")

    assert ("differs", ["options", "files"]) == (found["verdict"], [*parts])
    request = next(it[2] for it in parts["options"].values())
    assert request.startswith("requested: extra_config, why_rebuild.py:")
    assert {"PRINTK_TIME": ("n", "y", request), "LOG_BUF_SHIFT": ("17", "18", request)} == parts["options"]
    assert {
        "drivers/mine.h": (None, "file", "patch mine, new"),
        "init/version.c": ("file", "file", "patch mine, new"),
    } == parts["files"]
    assert {"script", "flags", "environment", "toolchain", "chance.sh"} == set(found["same"])


def test_flags_and_environment(real: Kernix, mine: str) -> None:
    """Flags and variables are named; a configuration that would need a compiler is compared by its requests."""
    found, parts = _changes(real, mine, "flags")
    assert {"KCFLAGS": (None, "-O3")} == parts["flags"]
    assert ["PRINTK_TIME"] == [*parts["requests"]]
    assert {"environment": {"SLOW": (None, "1")}} == _changes(real, mine, "environment")[1]
    assert {"source", "toolchain"} <= set(found["same"])


def test_packages(real: Kernix, mine: str) -> None:
    """A package that is missing from the toolchain is named."""
    _, parts = _changes(real, mine, "other_toolchain")
    ((package, (version, now)),) = parts["packages"].items()
    assert ("zstd", None) == (package, now)
    assert version


def test_nothing(real: Kernix, mine: str) -> None:
    """Redundant options do not count, before and after the kernel is built from the same inputs."""
    for _ in range(2):
        found, parts = _changes(real, mine, "redundant")
        assert ("same", {}) == (found["verdict"], parts)
        assert ["linux-micro-6.12.117-config", "linux-micro-6.12.117-config-fragment"] == [
            it["name"].replace(it["name"].split("-")[2], "6.12.117") for it in found["ignored"]
        ]
        assert not [it for it in real.built("-f", mine, "redundant", "--no-link") if "config" not in it]


def test_another_version(real: Kernix) -> None:
    """For a version whose source is not there, nothing is fetched, and the sources are named."""
    found = json.loads(real.run("why-rebuild", "linux_6_12", "linux_micro", "--json").stdout)

    (source,) = [it for it in found["parts"] if it["title"] == "source"]
    assert "differs" == found["verdict"]
    assert source["unknown"]
    (change,) = source["changes"]
    assert ("source", "linux-source-6.12", "linux-6.12") == (change["what"], change["old"][:17], change["new"][:10])
