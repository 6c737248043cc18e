"""The Debian packages of firmware files, known offline from the file's name alone.

Well-known prefixes and their packages in Debian 12, and in 13 if they moved: binary packages of the source
packages firmware-nonfree (`debian/config/*/defines` lists the files), firmware-sof, amd64-microcode, intel-microcode,
wireless-regdb. It is a hint, not an index: `apt-file search` is authoritative. Files with no known prefix are unknown.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class FirmwarePackage:
    """The package of a firmware file in Debian 12, and in Debian 13 and later if it moved."""

    name: str
    later: str = ""

    def __str__(self) -> str:
        return f"{self.name} (from Debian 13 on {self.later})" if self.later else self.name


_MISC = "firmware-misc-nonfree"

PREFIXES: Final = {
    "3com/": FirmwarePackage(_MISC),
    "RTL8192E/": FirmwarePackage("firmware-realtek"),
    "amd-ucode/": FirmwarePackage("amd64-microcode"),
    "amd/": FirmwarePackage("amd64-microcode"),
    "amdgpu/": FirmwarePackage("firmware-amd-graphics"),
    "ar3k/": FirmwarePackage("firmware-atheros"),
    "ath10k/": FirmwarePackage("firmware-atheros"),
    "ath11k/": FirmwarePackage("firmware-atheros"),
    "ath12k/": FirmwarePackage("firmware-atheros"),
    "ath6k/": FirmwarePackage("firmware-atheros"),
    "ath9k_htc/": FirmwarePackage("firmware-ath9k-htc"),
    "bnx2/": FirmwarePackage("firmware-bnx2"),
    "bnx2x": FirmwarePackage("firmware-bnx2x"),
    "brcm/": FirmwarePackage("firmware-brcm80211"),
    "carl9170": FirmwarePackage("firmware-linux-free"),
    "cxgb3/": FirmwarePackage(_MISC),
    "cxgb4/": FirmwarePackage(_MISC),
    "cypress/": FirmwarePackage("firmware-brcm80211"),
    "e100/": FirmwarePackage(_MISC),
    "i915/": FirmwarePackage(_MISC, "firmware-intel-graphics"),
    "intel-ucode/": FirmwarePackage("intel-microcode"),
    "intel/avs/": FirmwarePackage("firmware-intel-sound"),
    "intel/dsp_fw": FirmwarePackage("firmware-intel-sound"),
    "intel/fw_sst": FirmwarePackage("firmware-intel-sound"),
    "intel/ibt-": FirmwarePackage("firmware-iwlwifi"),
    "intel/ice/": FirmwarePackage(_MISC),
    "intel/sof": FirmwarePackage("firmware-sof-signed"),
    "ipw2": FirmwarePackage("firmware-ipw2x00"),
    "isci/": FirmwarePackage("firmware-linux-free"),
    "iwlwifi-": FirmwarePackage("firmware-iwlwifi"),
    "libertas/": FirmwarePackage("firmware-libertas"),
    "liquidio/": FirmwarePackage("firmware-cavium"),
    "mediatek/": FirmwarePackage(_MISC, "firmware-mediatek"),
    "mrvl/": FirmwarePackage("firmware-libertas"),
    "mt76": FirmwarePackage(_MISC, "firmware-mediatek"),
    "mwl8k/": FirmwarePackage("firmware-libertas"),
    "myri10ge_": FirmwarePackage("firmware-myricom"),
    "netronome/": FirmwarePackage("firmware-netronome"),
    "nvidia/": FirmwarePackage(_MISC, "firmware-nvidia-graphics"),
    "phanfw": FirmwarePackage("firmware-netxen"),
    "qca/": FirmwarePackage("firmware-atheros"),
    "qcom/": FirmwarePackage("firmware-qcom-soc"),
    "qed/": FirmwarePackage("firmware-qlogic"),
    "ql2": FirmwarePackage("firmware-qlogic"),
    "r128/": FirmwarePackage("firmware-amd-graphics"),
    "radeon/": FirmwarePackage("firmware-amd-graphics"),
    "regulatory.db": FirmwarePackage("wireless-regdb"),
    "rt2": FirmwarePackage(_MISC),
    "rt3": FirmwarePackage(_MISC),
    "rt73": FirmwarePackage(_MISC),
    "rtl_bt/": FirmwarePackage("firmware-realtek"),
    "rtl_nic/": FirmwarePackage("firmware-realtek"),
    "rtlwifi/": FirmwarePackage("firmware-realtek"),
    "rtw88/": FirmwarePackage("firmware-realtek"),
    "rtw89/": FirmwarePackage("firmware-realtek"),
    "ti-connectivity/": FirmwarePackage("firmware-ti-connectivity"),
    "tigon/": FirmwarePackage(_MISC),
    "xe/": FirmwarePackage(_MISC, "firmware-intel-graphics"),
    "zd1211/": FirmwarePackage("firmware-zd1211"),
}
"""The longest matching prefix wins."""


def package_of(file: str) -> FirmwarePackage | None:
    """Return the package with the firmware *file*, None if it is not known."""
    fitting = [prefix for prefix in PREFIXES if file.startswith(prefix)]
    return PREFIXES[max(fitting, key=len)] if fitting else None


def by_package(files: tuple[str, ...]) -> dict[str, list[str]]:
    """Return *files* by their package; those without a known package have an empty name."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        found.setdefault(str(package_of(file) or ""), []).append(file)
    return dict(sorted(found.items()))
