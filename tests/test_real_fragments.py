"""The bundled fragments on real trees: all their requests hold, on each series and architecture.

Each is resolved by the tree's own Kconfig, over the architecture's defconfig, and checked: a request that is not
optional must hold.
"""

from __future__ import annotations

import json

from typing import TYPE_CHECKING

import pytest

from derivations.kconfig import fragments


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

SERIES = ("6.1", "6.12")
SMALL = sorted(set(fragments.__all__) - {"common", "hardening"})
"""The fragments that request all their dependencies, so that they hold on an empty configuration."""

DEFINITIONS = """
from derivations.kconfig import fragments

kernels = kernel_set(system="{system}")
linux = kernels.linux_debian_{series}

for name in fragments.__all__:
    globals()[f"on_defconfig_{{name}}"] = linux.override(extra_config=getattr(fragments, name))
    tiny = linux.override(base="tinyconfig", extra_config=[getattr(fragments, name), {{"64BIT": YES}}])
    globals()[f"on_tinyconfig_{{name}}"] = tiny

# A guest of `kernix run` has no modules.
others = [getattr(fragments, name) for name in fragments.__all__ if name != "vm_guest"]
together = linux.override(extra_config=others)
common = linux.override(enable_common_config=True)
quiet = common.override(
    extra_config={{"SOUND": NO, "WLAN": NO, "FB": NO, "CPU_FREQ_DEFAULT_GOV_PERFORMANCE": YES}}
)
"""


@pytest.fixture(scope="module")
def machine(real: Kernix) -> Kernix:
    """Return kernix with a lock that includes the toolchain for arm64."""
    if "gcc-aarch64" not in real.lock().sets:
        real.run("lock", "--add", "gcc-aarch64")
    return real


def defined(kernix: Kernix, series: str, system: str) -> str:
    """Return the file that defines the kernels of *series* for *system*."""
    number = series.replace(".", "_")
    return kernix.define(f"fragments_{system}_{number}.py", DEFINITIONS.format(system=system, series=number))


@pytest.mark.parametrize("system", ["aarch64-linux", "x86_64-linux"])
@pytest.mark.parametrize("series", SERIES)
def test_every_fragment_holds(machine: Kernix, series: str, system: str) -> None:
    """Over defconfig, each fragment holds, alone and with all others."""
    file = defined(machine, series, system)
    names = [f"on_defconfig_{name}" for name in fragments.__all__]

    built = machine.run("build", "-f", file, "--no-link", *(f"{it}.configuration" for it in [*names, "together"]))
    assert len(built.stdout.splitlines()) == len(names) + 1


@pytest.mark.parametrize("series", SERIES)
def test_small_fragments_hold_on_nothing(machine: Kernix, series: str) -> None:
    """Over tinyconfig, which has almost nothing, all but the large fragments hold."""
    file = defined(machine, series, "x86_64-linux")

    built = machine.run("build", "-f", file, "--no-link", *(f"on_tinyconfig_{it}.configuration" for it in SMALL))
    assert len(built.stdout.splitlines()) == len(SMALL)


def test_enable_common_config(machine: Kernix) -> None:
    """enable_common_config requests the fragment `common`: both give the same .config."""
    file = defined(machine, "6.12", "x86_64-linux")

    texts = {machine.run("config", "-f", file, it).stdout for it in ("common", "on_defconfig_common")}
    (text,) = texts
    assert {"CONFIG_BLK_DEV_NVME=y", "CONFIG_DRM_AMDGPU=m", "CONFIG_NR_CPUS=512"} <= set(text.splitlines())


def test_the_common_configuration_gives_way(machine: Kernix) -> None:
    """A user silently disables subsystems of the common configuration, or makes other choices."""
    file = defined(machine, "6.12", "x86_64-linux")

    lines = set(machine.run("config", "-f", file, "quiet").stdout.splitlines())
    assert {
        "# CONFIG_SOUND is not set",
        "# CONFIG_WLAN is not set",
        "CONFIG_CPU_FREQ_DEFAULT_GOV_PERFORMANCE=y",
    } <= lines


def test_hardening(machine: Kernix) -> None:
    """The report's fragment satisfies more rules; after the bundled one, only rules with a price or further needs are left."""
    file = defined(machine, "6.12", "x86_64-linux")

    def verdicts(attribute: str) -> dict[str, dict[str, str]]:
        found = json.loads(machine.run("config", "hardening", "-f", file, attribute, "--json").stdout)
        return {it["option"]: it for it in found}

    before, after = verdicts("on_defconfig_common"), verdicts("on_defconfig_hardening")
    left = {option for option, it in after.items() if it["outcome"] == "not held" and not it["takes"]}
    assert len(left) < len([it for it in before.values() if it["outcome"] == "not held" and not it["takes"]])
    assert [option for option in left if not after[option]["needs"]] == []
    assert after["DEBUG_CREDENTIALS"]["outcome"] == "not applicable"
    assert after["CFI_CLANG"]["outcome"] == "not applicable"


@pytest.mark.parametrize(("attribute", "words"), [("linux_debian_6_12", ["--strict"]), ("linux_micro", [])])
def test_nothing_is_left_to_harden(attribute: str, words: list[str], machine: Kernix) -> None:
    """The output of --fragment holds, and with it there is nothing left to request."""
    begin = f"before = kernels.{attribute}.override(extra_config=lambda old: ())\n"
    file = machine.define("harden.py", begin)
    pasted = machine.run("config", "hardening", "-f", file, "before", "--fragment", *words).stdout
    end = "after = before.override(extra_config=extra_config)\n"
    file = machine.define("hardened.py", f"{begin}{pasted}\n{end}")

    machine.run("config", "check", "-f", file, "after")
    assert "extra_config = {}\n" == machine.run("config", "hardening", "-f", file, "after", "--fragment", *words).stdout
    verdicts = json.loads(machine.run("config", "hardening", "-f", file, "after", "--json").stdout)
    assert [] == [it["option"] for it in verdicts if it["outcome"] == "not held" and (words or not it["takes"])]
