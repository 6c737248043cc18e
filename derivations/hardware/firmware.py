"""Which package of Debian has a firmware file, offline and by the file's name alone.

Well-known prefixes with the packages of Debian 12, and of 13 where they moved: binary packages of the source
packages firmware-nonfree (`debian/config/*/defines` lists the files), firmware-sof, amd64-microcode, intel-microcode,
wireless-regdb. It is a hint, not an index: `apt-file search` has the last word. What no prefix fits is unknown.
"""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen
class Package:
    """Where a firmware file is: Debian 12's package, and that of 13 and later where it moved."""

    name: str
    later: str = ""

    def __str__(self) -> str:
        return f"{self.name} (from Debian 13 on {self.later})" if self.later else self.name


_MISC = "firmware-misc-nonfree"

PREFIXES: Final = {
    "3com/": Package(_MISC),
    "RTL8192E/": Package("firmware-realtek"),
    "amd-ucode/": Package("amd64-microcode"),
    "amd/": Package("amd64-microcode"),
    "amdgpu/": Package("firmware-amd-graphics"),
    "ar3k/": Package("firmware-atheros"),
    "ath10k/": Package("firmware-atheros"),
    "ath11k/": Package("firmware-atheros"),
    "ath12k/": Package("firmware-atheros"),
    "ath6k/": Package("firmware-atheros"),
    "ath9k_htc/": Package("firmware-ath9k-htc"),
    "bnx2/": Package("firmware-bnx2"),
    "bnx2x": Package("firmware-bnx2x"),
    "brcm/": Package("firmware-brcm80211"),
    "carl9170": Package("firmware-linux-free"),
    "cxgb3/": Package(_MISC),
    "cxgb4/": Package(_MISC),
    "cypress/": Package("firmware-brcm80211"),
    "e100/": Package(_MISC),
    "i915/": Package(_MISC, "firmware-intel-graphics"),
    "intel-ucode/": Package("intel-microcode"),
    "intel/avs/": Package("firmware-intel-sound"),
    "intel/dsp_fw": Package("firmware-intel-sound"),
    "intel/fw_sst": Package("firmware-intel-sound"),
    "intel/ibt-": Package("firmware-iwlwifi"),
    "intel/ice/": Package(_MISC),
    "intel/sof": Package("firmware-sof-signed"),
    "ipw2": Package("firmware-ipw2x00"),
    "isci/": Package("firmware-linux-free"),
    "iwlwifi-": Package("firmware-iwlwifi"),
    "libertas/": Package("firmware-libertas"),
    "liquidio/": Package("firmware-cavium"),
    "mediatek/": Package(_MISC, "firmware-mediatek"),
    "mrvl/": Package("firmware-libertas"),
    "mt76": Package(_MISC, "firmware-mediatek"),
    "mwl8k/": Package("firmware-libertas"),
    "myri10ge_": Package("firmware-myricom"),
    "netronome/": Package("firmware-netronome"),
    "nvidia/": Package(_MISC, "firmware-nvidia-graphics"),
    "phanfw": Package("firmware-netxen"),
    "qca/": Package("firmware-atheros"),
    "qcom/": Package("firmware-qcom-soc"),
    "qed/": Package("firmware-qlogic"),
    "ql2": Package("firmware-qlogic"),
    "r128/": Package("firmware-amd-graphics"),
    "radeon/": Package("firmware-amd-graphics"),
    "regulatory.db": Package("wireless-regdb"),
    "rt2": Package(_MISC),
    "rt3": Package(_MISC),
    "rt73": Package(_MISC),
    "rtl_bt/": Package("firmware-realtek"),
    "rtl_nic/": Package("firmware-realtek"),
    "rtlwifi/": Package("firmware-realtek"),
    "rtw88/": Package("firmware-realtek"),
    "rtw89/": Package("firmware-realtek"),
    "ti-connectivity/": Package("firmware-ti-connectivity"),
    "tigon/": Package(_MISC),
    "xe/": Package(_MISC, "firmware-intel-graphics"),
    "zd1211/": Package("firmware-zd1211"),
}
"""The longest that fits counts."""


def package_of(file: str) -> Package | None:
    """Return the package that has the firmware *file*, None if that is not known."""
    fitting = [prefix for prefix in PREFIXES if file.startswith(prefix)]
    return PREFIXES[max(fitting, key=len)] if fitting else None


def by_package(files: tuple[str, ...]) -> dict[str, list[str]]:
    """Return *files* by the package that has them; those of which no package is known under an empty name."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        found.setdefault(str(package_of(file) or ""), []).append(file)
    return dict(sorted(found.items()))
