"""The two listings of stal/IX's guides on real trees: the needed options, compared with the kernel's own script."""

from __future__ import annotations

import json
import os
import subprocess

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import program
from tests.real import path_of


if TYPE_CHECKING:
    from tests.real import Kernix

pytestmark = pytest.mark.kernel

LISTINGS = Path(__file__).parent / "listings"
GUIDES = (LISTINGS / "guide.txt", LISTINGS / "older-guide.txt")

DRIVERS = {
    "amdgpu": ("amdgpu", "DRM_AMDGPU"),
    "ccp": ("ccp", "CRYPTO_DEV_CCP_DD"),
    "iwlwifi": ("iwlwifi", "IWLWIFI"),
    "nvme": ("nvme", "BLK_DEV_NVME"),
    "pcie_mp2_amd": ("amd_sfh", "AMD_SFH_HID"),
    "pcieport": ("pcieportdrv", "PCIEPORTBUS"),
    "piix4_smbus": ("i2c_piix4", "I2C_PIIX4"),
    "snd_hda_intel": ("snd_hda_intel", "SND_HDA_INTEL"),
    "snd_rn_pci_acp3x": ("snd_rn_pci_acp3x", "SND_SOC_AMD_RENOIR"),
    "xhci_hcd": ("xhci_pci", "USB_XHCI_PCI"),
}
"""Every driver in the guides' last column, with its module and option."""

WITHOUT_DRIVER = {
    "1022:7901": ("ahci", "SATA_AHCI"),
    "1022:166d": ("k10temp", "SENSORS_K10TEMP"),
    "1022:1631": (None, "AMD_IOMMU"),
}
"""Devices of the guides' machine without a driver in use, and their drivers."""

DROPPED = ("IWLMVM", "SND_HDA_CODEC_REALTEK", "SND_HDA_CODEC_HDMI", "I2C_PIIX4", "AMD_SFH_HID")
"""Options that `make localmodconfig` switches off on this machine: wireless, sound, sensors."""


@pytest.fixture(scope="module", params=["linux_debian_6_1", "linux_debian_6_12"])
def kernel(request: pytest.FixtureRequest) -> str:
    """Return the attribute of a kernel."""
    return str(request.param)


def detected(real: Kernix, kernel: str, *files: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(real.run("detect", *map(str, files), "--for", kernel, "--json").stdout)
    return found


@pytest.mark.parametrize("listing", GUIDES, ids=lambda it: it.stem)
def test_every_driver_of_the_guides_is_found(real: Kernix, kernel: str, listing: Path) -> None:
    """All ten names of drivers lead to their module and option, and to nothing but the driver and its core."""
    found = {
        (it["driver"].removeprefix("pci "), it["module"], *it["options"])
        for it in detected(real, kernel, listing)["devices"]
    }
    expected = {(driver, *names) for driver, names in DRIVERS.items()} | {("xhci_hcd", "xhci_hcd", "USB_XHCI_HCD")}

    assert expected == {it for it in found if it[0]}


def test_devices_without_a_driver_are_found_by_their_ids(real: Kernix, kernel: str) -> None:
    """The lines without a driver lead to one if the tree has one."""
    found = {
        it["name"]: (it["module"], *it["options"])
        for it in detected(real, kernel, GUIDES[1])["devices"]
        if not it["driver"]
    }
    by_id = {f"{name[9:13]}:{name[18:22]}".lower(): answer for name, answer in found.items()}

    assert WITHOUT_DRIVER == by_id


def test_nothing_of_the_guides_is_left_over(real: Kernix, kernel: str) -> None:
    """Nothing is unmapped or unavailable, and firmware is reported with its package."""
    found = detected(real, kernel, *GUIDES)

    assert ([], []) == (found["unmapped"], found["blocked"])
    assert {"amdgpu", "ccp", "iwlwifi"} <= set(found["firmware"])
    assert ["firmware-iwlwifi"] == list(found["firmware"]["iwlwifi"])
    assert "iwlwifi-cc-a0-72.ucode" in found["firmware"]["iwlwifi"]["firmware-iwlwifi"] or kernel != "linux_debian_6_1"
    assert ["ahci", "nvme"] == list(found["initramfs"])


def test_what_the_kernels_own_script_drops_is_kept(real: Kernix, kernel: str, tmp_path: Path) -> None:
    """`streamline_config.pl` on the same machine drops drivers with other names or loaded at run time; kernix requests them."""
    tree = path_of(real.run("build", f"{kernel}.tree", "--no-link").stdout)
    script = (
        next(it for it in (tree, *tree.iterdir()) if (it / "scripts").is_dir()) / "scripts/kconfig/streamline_config.pl"
    )
    kept = ("BLK_DEV_NVME", "DRM_AMDGPU", "IWLWIFI")
    (tmp_path / ".config").write_text("".join(f"CONFIG_{it}=m\n" for it in (*DROPPED, *kept)))
    (tmp_path / "lsmod").write_text("Module Size Used by\n" + "".join(f"{it} 1 0\n" for it in DRIVERS))
    streamlined = subprocess.run(
        [program("perl"), script, script.parents[2], "Kconfig"],
        cwd=tmp_path,
        env={**os.environ, "LSMOD": "lsmod", "ARCH": "x86_64", "SRCARCH": "x86"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    ours = {it["option"] for it in detected(real, kernel, GUIDES[0])["options"]}

    assert [f"CONFIG_{it}=m" for it in sorted(kept)] == sorted(
        it for it in streamlined.splitlines() if it.endswith("=m")
    )
    assert {*DROPPED, *kept} <= ours


def test_a_kernel_for_the_machine(real: Kernix, kernel: str) -> None:
    """Starting from nothing, `hardware=` makes a kernel that covers the machine, including buses; `check` confirms it."""
    real.run("detect", *map(str, GUIDES), "--snapshot", "guides.json")
    file = real.define("fitted.py", f"""
        empty = kernels.{kernel}.override(base="tinyconfig", extra_config={{"64BIT": YES, "MODULES": YES, "BINFMT_ELF": YES}})
        fitted = empty.override(hardware="guides.json")
    """)  # fmt: skip
    lines = set(real.run("config", "-f", file, "fitted").stdout.splitlines())

    assert {
        "CONFIG_PCI=y",
        "CONFIG_BLK_DEV_NVME=m",
        "CONFIG_USB_XHCI_PCI=m",
        "CONFIG_I2C_PIIX4=m",
        "CONFIG_IWLMVM=m",
    } <= lines
    fitted = json.loads(real.run("check", "-f", file, "fitted", "--machine", "guides.json", "--json").stdout)
    assert [] == [it for it in fitted if it["fatal"]]
    lacking = json.loads(real.run("check", "-f", file, "empty", "--machine", "guides.json", "--json", code=1).stdout)
    assert {"absent", "userland"} == {it["trouble"] for it in lacking}


def test_repair_of_a_kernel_for_the_machine(real: Kernix, kernel: str) -> None:
    """Further options for a request are found on top of the hardware's options, and hold in the whole kernel."""
    real.run("detect", *map(str, GUIDES), "--snapshot", "guides.json")
    file = real.define("repaired.py", f"""
        empty = kernels.{kernel}.override(base="tinyconfig", extra_config={{"64BIT": YES, "MODULES": YES}})
        fitted = empty.override(hardware="guides.json")
        repaired = fitted.override(extra_config={{"SND_USB_AUDIO": MODULE}})
    """)  # fmt: skip
    plain = json.loads(real.run("config", "fix", "-f", file, "empty", "SND_USB_AUDIO=m", "--json").stdout)
    done = real.run("config", "fix", "-f", file, "fitted", "SND_USB_AUDIO=m", "--json")

    # The machine has a sound card and USB, so these need not be requested again.
    assert {"SOUND", "SND", "USB"} <= plain["best"]["assignments"].keys()
    assert {} == json.loads(done.stdout)["best"]["assignments"]
    assert "does not hold" not in done.stderr
    output = real.run("config", "explain", "-f", file, "fitted", "BLK_DEV_NVME").stdout.splitlines()[0]
    assert output.startswith("BLK_DEV_NVME is m: requested m (hardware, 02:00.0 class 0108 144d:a809 (driver nvme)")
    changes = json.loads(real.run("config", "diff", "-f", file, "empty", "fitted", "--json").stdout)["changes"]
    assert {("asked", "hardware")} == {
        (it["cause"]["kind"], it["cause"]["fragment"])
        for it in changes
        if it["option"] in {"BLK_DEV_NVME", "IWLMVM", "ACPI"}
    }
    assert "blocked" not in real.run("config", "check", "-f", file, "fitted").stdout
    assert "CONFIG_SND_USB_AUDIO=m" in real.run("config", "-f", file, "repaired").stdout.splitlines()


def test_names_of_machines_do_not_matter(real: Kernix, kernel: str) -> None:
    """The same hardware under another name gives the same configuration, and nothing is resolved again."""
    snapshot = real.home / "guides.json"
    real.run("detect", *map(str, GUIDES), "--snapshot", str(snapshot))
    snapshot.with_name("renamed.json").write_text(snapshot.read_text().replace("guide.txt", "laptop"))
    file = real.define("renamed.py", f"""
        one = kernels.{kernel}.override(hardware="guides.json")
        other = kernels.{kernel}.override(hardware="renamed.json")
    """)  # fmt: skip
    real.run("build", "-f", file, "one.configuration", "--no-link")

    assert [] == real.built("-f", file, "other.configuration", "--no-link")


def test_all_modules_trimmed_for_the_machine(real: Kernix, kernel: str) -> None:
    """Of all modules, those that the machine, a request or the lists need are kept, and so is everything built in."""
    real.run("detect", *map(str, GUIDES), "--snapshot", "guides.json")
    file = real.define("trimmed.py", f"""
        whole = kernels.{kernel}.override(base="allmodconfig", hardware="guides.json")
        trimmed = whole.override(
            only_hardware=True, keep_modules=["zram", "USB_NET_CDC*"], extra_config={{"USB_SERIAL_FTDI_SIO": MODULE}}
        )
    """)  # fmt: skip
    before, after = (options(real.run("config", "-f", file, it).stdout) for it in ("whole", "trimmed"))
    needed = {it["option"] for it in detected(real, kernel, *GUIDES)["options"]}

    assert needed <= after.keys()
    assert {"ZRAM", "USB_NET_CDCETHER", "USB_SERIAL_FTDI_SIO", "USB_SERIAL", "OVERLAY_FS", "NFT_CT"} <= after.keys()
    assert not {"E1000E", "DRM_NOUVEAU", "VIDEO_BT848"} & after.keys()
    modules = [sum(it == "m" for it in config.values()) for config in (before, after)]
    assert modules[1] < modules[0] / 4
    assert [] == [name for name in before.keys() & after.keys() if before[name] == "y" != after[name]]
    served = json.loads(real.run("check", "-f", file, "trimmed", "--machine", "guides.json", "--json").stdout)
    assert [] == [it for it in served if it["trouble"] == "absent"]
    output = real.run("config", "explain", "-f", file, "trimmed", "E1000E").stdout.splitlines()[0]
    assert output.startswith("E1000E is n: requested n (only_hardware, dropped")


def options(text: str) -> dict[str, str]:
    """Return the options that a `.config` sets."""
    pairs = (line.removeprefix("CONFIG_").partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
    return {name: value for name, _, value in pairs}
